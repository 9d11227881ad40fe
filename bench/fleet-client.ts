// 1,000 server-side applies on 50 API servers: handshakes and CPU of our client beside the generated client on
// its default transport; then single applies over a line with 200 ms of round trip. The API servers are HTTPS
// servers on loopback that answer with the object: no etcd, no admission. This file is also its own child:
// `serve`, `ours`, `generated`.
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openCluster } from '../src/fleet/adapters/kube-client.ts';
import type { KubeObject } from '../src/fleet/index.ts';
import { inProcess, median, ms, type Row, type Sample, table } from './lib/measure.ts';

const CLUSTERS = 50;
const EACH = 20;
/** Applies of one cluster in flight. */
const LANES = 4;
const ONE_WAY_MS = 100;
const FAR_APPLIES = 5;

const deployment = (name: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'bench', labels: { app: name }, annotations: { note: 'x'.repeat(1200) } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: ['web', 'side'].map((c) => ({
          name: c,
          image: `registry.example/${c}:1`,
          ports: [{ containerPort: 8080, name: 'http' }],
          env: [{ name: 'A', value: '1' }],
          resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
        })),
      },
    },
  },
});

const DISCOVERY = {
  items: [
    {
      metadata: { name: 'apps' },
      versions: [
        {
          version: 'v1',
          resources: [{ resource: 'deployments', scope: 'Namespaced', responseKind: { kind: 'Deployment' } }],
        },
      ],
    },
  ],
};

function answer(req: IncomingMessage, res: ServerResponse): void {
  const chunks: Buffer[] = [];
  const say = (body: string): void => {
    res.writeHead(200, { 'content-type': 'application/json' }).end(body);
  };
  req.on('data', (c: Buffer) => chunks.push(c));
  req.on('end', () => {
    if (req.url === '/version') return say('{"gitVersion":"v1.36.3"}');
    if (req.url === '/api') return say('{"items":[]}');
    if (req.url === '/apis') return say(JSON.stringify(DISCOVERY));
    return say(Buffer.concat(chunks).toString('utf8'));
  });
}

/** A line in front of a server: each piece of data arrives later, in order. */
function farAway(target: () => number): Server {
  const later = (from: Socket, to: Socket): void => {
    from.on('data', (b) => setTimeout(() => to.write(b), ONE_WAY_MS));
    from.on('close', () => setTimeout(() => to.destroy(), ONE_WAY_MS));
    from.on('error', () => to.destroy());
  };
  return createServer((near) => {
    const far = connect(target(), '127.0.0.1');
    // the handshake of TCP takes its round trip as well
    later(far, near);
    setTimeout(() => later(near, far), 2 * ONE_WAY_MS);
    near.on('error', () => far.destroy());
  });
}

interface Servers {
  ports: number[];
  far: number;
}

async function serve(dir: string): Promise<void> {
  const tls = { key: readFileSync(join(dir, 'k.pem')), cert: readFileSync(join(dir, 'c.pem')) };
  const seen = { handshakes: 0, open: 0 };
  const servers = Array.from({ length: CLUSTERS }, () => createHttps(tls, answer));
  for (const s of servers) {
    s.on('secureConnection', (socket: Socket) => {
      seen.handshakes++;
      seen.open++;
      socket.on('close', () => seen.open--);
    });
  }
  const portOf = (s: Server | undefined): number => (s?.address() as AddressInfo | undefined)?.port ?? 0;
  const far = farAway(() => portOf(servers[0]));
  for (const s of [...servers, far]) await once(s.listen(0, '127.0.0.1'), 'listening');
  process.on('message', () => {
    process.send?.({ ...seen });
    seen.handshakes = 0;
  });
  process.on('disconnect', () => {
    for (const s of servers) s.closeAllConnections();
    for (const s of [...servers, far]) s.close();
  });
  process.send?.({ ports: servers.map(portOf), far: portOf(far) });
}

interface Client {
  apply(o: KubeObject): Promise<unknown>;
  close(): Promise<void>;
}
type Open = (port: number, ca: string) => Promise<Client>;

const ours: Open = async (port, ca) => {
  const access = { url: `https://127.0.0.1:${port}`, ca, token: 'secret', expiresAt: Date.now() + 3_600_000 };
  const api = openCluster({ cluster: String(port), credentials: { get: async () => access } });
  const how = { manager: 'bench', dryRun: false, force: true, expect: 'any' } as const;
  return { apply: (o) => api.apply(o, how), close: () => api.close() };
};

const generated: Open = async (port, ca) => {
  const k8s = await import('@kubernetes/client-node');
  const config = new k8s.KubeConfig();
  const server = { name: 'c', server: `https://127.0.0.1:${port}`, caData: ca, skipTLSVerify: false };
  config.loadFromClusterAndUser(server, { name: 'u', token: 'secret' });
  const api = config.makeApiClient(k8s.AppsV1Api);
  const type = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.ServerSideApply);
  const how = { namespace: 'bench', fieldManager: 'bench', force: true, fieldValidation: 'Strict' };
  return {
    apply: (o) => api.patchNamespacedDeployment({ name: o.metadata.name, body: o, ...how }, type),
    close: async () => undefined,
  };
};

async function lanes(client: Client): Promise<void> {
  const lane = async (n: number): Promise<void> => {
    for (let i = n; i < EACH; i += LANES) await client.apply(deployment(`d${i}`));
  };
  await Promise.all(Array.from({ length: LANES }, (_, n) => lane(n)));
}

interface Arm extends Sample {
  farMs: number;
}

async function arm(open: Open, dir: string, at: Servers): Promise<Arm> {
  const ca = readFileSync(join(dir, 'c.pem')).toString('base64');
  await import('@kubernetes/client-node'); // loading code is not what is compared
  const clients = await Promise.all(at.ports.map((port) => open(port, ca)));
  const sample = await inProcess(() => Promise.all(clients.map(lanes)));
  const far = await open(at.far, ca);
  await far.apply(deployment('first'));
  const times: number[] = [];
  for (let i = 0; i < FAR_APPLIES; i++) times.push((await inProcess(() => far.apply(deployment(`f${i}`)))).ms);
  await Promise.all([...clients, far].map((c) => c.close()));
  return { ...sample, farMs: median(times) };
}

/** A copy of this file in another role. */
function child(role: string, ...args: string[]): ChildProcess {
  return fork(import.meta.filename, [role, ...args], { execArgv: ['--disable-warning=ExperimentalWarning'] });
}
async function heard<T>(c: ChildProcess): Promise<T> {
  const end = new AbortController();
  const died = once(c, 'exit', { signal: end.signal }).then(() => Promise.reject(new Error('a child died')));
  const said = once(c, 'message', { signal: end.signal }) as Promise<[T]>;
  const [first] = await Promise.race([said, died]).finally(() => {
    end.abort();
    void died.catch(() => undefined);
    void said.catch(() => undefined);
  });
  return first;
}

interface Result extends Arm {
  handshakes: number;
  open: number;
}

async function round(
  role: 'ours' | 'generated',
  dir: string,
  o: { server: ChildProcess; at: Servers },
): Promise<Result> {
  const c = child(role, dir, JSON.stringify(o.at));
  const result = await heard<Arm>(c);
  c.disconnect();
  await once(c, 'exit');
  await delay(300);
  o.server.send('counts');
  // the far server's handshakes: one that stays, or one for each apply
  return { ...result, ...(await heard<{ handshakes: number; open: number }>(o.server)) };
}

async function compareAll(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'twb-'));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'k.pem'];
  const about = ['-out', 'c.pem', '-days', '2', '-subj', '/CN=bench', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...key, ...about], { cwd: dir, stdio: 'ignore' });
  const server = child('serve', dir);
  try {
    const at = await heard<Servers>(server);
    const results = { ours: [] as Result[], generated: [] as Result[] };
    for (let i = 0; i < 3; i++)
      for (const role of ['ours', 'generated'] as const) results[role].push(await round(role, dir, { server, at }));
    const of = (role: 'ours' | 'generated', pick: (r: Result) => number): number => median(results[role].map(pick));
    const row = (name: string, pick: (r: Result) => number, o: { show: (n: number) => string; goal: string }): Row => ({
      name,
      ours: o.show(of('ours', pick)),
      peer: `generated client ${o.show(of('generated', pick))}`,
      ratio: of('ours', pick) / of('generated', pick),
      goal: o.goal,
    });
    const total = CLUSTERS * EACH;
    table(`client of the API servers, ${total} applies on ${CLUSTERS} servers, ${LANES} at once each (median of 3)`, [
      row('CPU per apply', (r) => r.cpuMs / total, { show: ms, goal: '≤ 1/3' }),
      row('TLS handshakes', (r) => r.handshakes, { show: String, goal: '≤ 1/5' }),
      row('sockets left open', (r) => r.open, { show: String, goal: '0' }),
      row(`one apply at ${2 * ONE_WAY_MS} ms round trip`, (r) => r.farMs, { show: ms, goal: '≤ 1/2.5' }),
    ]);
  } finally {
    if (server.connected) server.disconnect();
    rmSync(dir, { recursive: true, force: true });
  }
}

const [role, dir = '', at = '{}'] = process.argv.slice(2);
if (role === undefined) await compareAll();
else if (role === 'serve') await serve(dir);
else process.send?.(await arm(role === 'ours' ? ours : generated, dir, JSON.parse(at) as Servers));
