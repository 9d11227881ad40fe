// CPU time per answer of a weighted name: our nameserver beside gdnsd and CoreDNS, each a process of its own on
// loopback, asked by the same closed loop from 200 networks.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { HOST, intent, snapshot } from '../src/traffic/machine/fixtures.ts';
import type { Site } from '../src/traffic/model.ts';
import { makeKeys, signSnapshot } from '../src/traffic/sign.ts';
import { freePort, type Scratch, until, withScratch } from './lib/child.ts';
import { BINS, cpuOf, median, ROOT, type Row, run, table, us } from './lib/measure.ts';

const WEIGHTS: Record<string, number> = { sao: 50, mtl: 30, syd: 20 };
const EDGE: Record<string, string> = { sao: '127.0.1.1', mtl: '127.0.1.2', syd: '127.0.1.3' };
const QUERIES = 100_000;
const ROUNDS = 3;

interface Server {
  name: string;
  port: number;
  pid: number;
  note?: string;
}

/** The sites that our nameserver probes: one address each, one port, all well. */
async function sites(): Promise<{ port: number; close(): void }> {
  const port = await freePort();
  const servers = Object.values(EDGE).map((ip) => createServer((_, res) => res.end('ok')).listen(port, ip));
  return {
    port,
    close: () => {
      for (const s of servers) {
        s.closeAllConnections();
        s.close();
      }
    },
  };
}

async function ours(s: Scratch, healthPort: number): Promise<Server> {
  const keys = makeKeys();
  const [port, http] = [await freePort(), await freePort()];
  const dir = join(s.dir, 'ours');
  mkdirSync(dir);
  writeFileSync(join(dir, 'public.pem'), keys.publicKey);
  writeFileSync(join(dir, 'hmac'), keys.hmac);
  const health = { scheme: 'http' as const, port: healthPort, path: '/' };
  const shot = snapshot();
  const here = (site: Site): Site => ({
    ...site,
    edges: { guestbook: { v4: [EDGE[site.cluster] ?? ''], v6: [] } },
    nameserver: { ip: '127.0.0.1', name: `ns-${site.cluster}.demo.tradewind.example`, dns: port, http },
  });
  const signed = signSnapshot(
    {
      ...shot,
      sites: shot.sites.map(here),
      voters: ['sao'],
      intents: [intent({ serve: { by: 'weights', weights: WEIGHTS }, health })],
    },
    keys.privateKey,
  );
  writeFileSync(join(dir, 'snapshot.json'), JSON.stringify(signed));
  const entry = [process.execPath, '--disable-warning=ExperimentalWarning', join(ROOT, 'src', 'compose.ts')];
  const flags = ['--cluster', 'sao', '--fleet', shot.fleet, '--keys', dir, '--source', `file:${dir}/snapshot.json`];
  const { pid } = s.start([...entry, 'run', 'nameserver', ...flags, '--dns-port', `${port}`, '--http-port', `${http}`]);
  return { name: 'ours', port, pid };
}

async function gdnsd(s: Scratch): Promise<Server | undefined> {
  const binary = ['/usr/sbin/gdnsd', '/usr/local/sbin/gdnsd'].find(existsSync);
  if (binary === undefined) return undefined;
  const port = await freePort();
  const dir = join(s.dir, 'gdnsd');
  mkdirSync(join(dir, 'zones'), { recursive: true });
  const places = Object.entries(WEIGHTS).map(([c, w]) => `${c} => [ ${EDGE[c]}, ${w} ]`);
  writeFileSync(
    join(dir, 'config'),
    `options => { listen => 127.0.0.1:${port}, udp_threads => 1, tcp_threads => 1, run_dir => ${dir}/run, state_dir => ${dir}/state }
plugins => { weighted => { service_types => up, web => { ${places.join(', ')} } } }
`,
  );
  writeFileSync(
    join(dir, 'zones', 'demo.tradewind.example'),
    `@ SOA ns-sao hostmaster (1 7200 1800 259200 60)
@ NS ns-sao
ns-sao A 127.0.0.1
guestbook 30 DYNA weighted!web
`,
  );
  const { pid } = s.start([binary, '-c', dir, 'start']);
  return { name: 'gdnsd', port, pid, note: 'weighted plugin, one UDP thread' };
}

async function coredns(s: Scratch): Promise<Server | undefined> {
  const binary = join(BINS, 'tw-coredns');
  if (!existsSync(binary)) return undefined;
  const port = await freePort();
  const addresses = Object.values(EDGE).map((ip) => `    ${ip} ${HOST}`);
  const file = join(s.dir, 'Corefile');
  writeFileSync(
    file,
    `.:${port} {\n  bind 127.0.0.1\n  loadbalance\n  hosts {\n${addresses.join('\n')}\n    ttl 30\n  }\n}\n`,
  );
  const { pid } = s.start([binary, '-conf', file]);
  return { name: 'CoreDNS', port, pid, note: 'plugins hosts and loadbalance: all three addresses in turning order' };
}

interface Answers {
  answered: number;
  bad: number;
  lost: number;
  seconds: number;
}

function ask(load: string, to: Server, queries: number): Answers {
  const out = run([load, 'dns', '--to', `127.0.0.1:${to.port}`, '--name', HOST, '--queries', String(queries)]);
  return JSON.parse(out.stdout) as Answers;
}

interface Cost extends Answers {
  /** CPU time per answer, µs. */
  us: number;
}

function cost(load: string, to: Server): Cost {
  const before = cpuOf(to.pid) ?? Number.NaN;
  const got = ask(load, to, QUERIES);
  if (got.bad > 0) throw new Error(`${to.name}: ${got.bad} of ${got.answered} answers are wrong`);
  return { ...got, us: (((cpuOf(to.pid) ?? Number.NaN) - before) * 1000) / got.answered };
}

await withScratch(async (s) => {
  const web = await sites();
  try {
    const load = s.load();
    const found = [await ours(s, web.port), await gdnsd(s), await coredns(s)];
    const servers = found.filter((x) => x !== undefined);
    for (const server of servers)
      await until(`${server.name} answers`, () => {
        const { answered, bad } = ask(load, server, 200);
        return answered === 200 && bad === 0;
      });
    for (const server of servers) ask(load, server, QUERIES / 2); // compiled and cached by now
    const all = new Map<string, Cost[]>(servers.map((x) => [x.name, []]));
    for (let i = 0; i < ROUNDS; i++) for (const x of servers) all.get(x.name)?.push(cost(load, x));
    const of = (name: string, pick: (c: Cost) => number): number => median((all.get(name) ?? []).map(pick));
    const mine = of('ours', (c) => c.us);
    const rows = servers.map((x): Row => {
      const peer = of(x.name, (c) => c.us);
      const rate = of(x.name, (c) => c.answered / c.seconds);
      const lost = (all.get(x.name) ?? []).reduce((n, c) => n + c.lost, 0);
      const about = `${us(peer)}, ${(rate / 1000).toFixed(1)} k/s, ${lost} lost`;
      const name = `CPU per answer${x.note === undefined ? '' : ` (${x.note})`}`;
      if (x.name === 'ours') return { name, ours: about };
      const goal = x.name === 'gdnsd' ? '≤ 2.2 (gdnsd ÷ ours ≥ 0.45)' : undefined;
      return { name, ours: us(mine), peer: `${x.name} ${about}`, ratio: mine / peer, ...(goal ? { goal } : {}) };
    });
    const notes = found[1] === undefined ? ['gdnsd is not installed: apt-get install gdnsd'] : [];
    table(`nameserver, ${ROUNDS} × ${QUERIES} answers on loopback (median, in turn)`, rows, notes);
  } finally {
    web.close();
  }
});
