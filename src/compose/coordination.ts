import { createWriteStream, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CoordinationDoor } from '../commands/index.ts';
import type { Config } from '../config/index.ts';
import {
  type Certificate,
  CLIENT_HOST,
  CLIENT_SECRET,
  coordinationApp,
  introduce,
  MEMBER_SECRET,
  NAME,
  NAMESPACE,
  PORTS,
  peerHost,
} from '../coordination/index.ts';
import { dictOf, type FleetApp, type KubeApi, textOf } from '../fleet/index.ts';
import { type FleetCa, knownCa, type Outputs, openFleetCa } from '../infra/index.ts';
import { type Clock, type ClusterName, fault, openStore, type Store } from '../kernel/index.ts';
import type { EtcdAdmin, EtcdEndpoint, EtcdOptions } from '../kernel/store-etcd/index.ts';
import { laterStore } from './later-store.ts';

export interface CoordinationWiring {
  config: Config;
  clock: Clock;
  stateDir: string;
  kube: (cluster: ClusterName, outputs: Outputs) => KubeApi | undefined;
  outputs: () => Promise<Outputs>;
}
type Members = Extract<NonNullable<Config['coordination']>, { kind: 'members' }>;
type External = Extract<NonNullable<Config['coordination']>, { kind: 'external' }>;

/** Through an API server far away: its TLS, a WebSocket, and the TLS of etcd inside. */
const CONNECT_MS = 10_000;
const CALL_MS = 5000;

const etcd = () => import('../kernel/store-etcd/index.ts');

/** A certificate that lies in a cluster. Throws KubeError. */
async function storedIn(api: KubeApi, name: string): Promise<Certificate | undefined> {
  const found = await api.get({ group: '', kind: 'Secret', namespace: NAMESPACE, name });
  const data = dictOf(found?.['data']);
  const part = (key: string): string | undefined => {
    const text = textOf(data[key]);
    return text === undefined ? undefined : Buffer.from(text, 'base64').toString();
  };
  const [ca, cert, key] = [part('ca.crt'), part('tls.crt'), part('tls.key')];
  return ca === undefined || cert === undefined || key === undefined ? undefined : { ca, cert, key };
}

const rootOf = (config: Config): string => `/tradewind/${config.fleet}/`;

/** Files are named relative to the config. Throws TW1004. */
function pem(dir: string, ref: External['ca']): string | undefined {
  if (ref === undefined) return undefined;
  const value = 'file' in ref ? ref.file : ref.env;
  try {
    const text = 'file' in ref ? readFileSync(resolve(dir, ref.file), 'utf8') : process.env[ref.env];
    if (text === undefined || text === '') throw new Error('it is empty');
    return text;
  } catch (cause) {
    throw fault('TW1004', { value, cause });
  }
}

/** An etcd that is there already. */
function externalOptions(w: CoordinationWiring, x: External): EtcdOptions {
  const [ca, cert, key] = [x.ca, x.cert, x.key].map((ref) => pem(w.config.dir, ref));
  return {
    endpoints: x.endpoints.map((url) => ({ name: new URL(url).host, url })),
    root: rootOf(w.config),
    clock: w.clock,
    ...(ca === undefined && cert === undefined
      ? {}
      : {
          tls: {
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined || key === undefined ? {} : { cert, key }),
          },
        }),
  };
}

/** The members in the clusters, through the clusters' API servers. Throws TW5112. */
async function memberOptions(w: CoordinationWiring, m: Members): Promise<EtcdOptions> {
  const outputs = await w.outputs();
  const said: string[] = [];
  let tls: EtcdOptions['tls'];
  const endpoints: EtcdEndpoint[] = [];
  for (const cluster of m.members) {
    const api = w.kube(cluster, outputs);
    if (api === undefined) {
      said.push(`${cluster}: nothing is known of this cluster`);
      continue;
    }
    const at = { namespace: NAMESPACE, pod: `${NAME}-0`, port: PORTS.client };
    endpoints.push({ name: cluster, url: `https://${CLIENT_HOST}:${PORTS.client}`, socket: () => api.forward(at) });
    if (tls !== undefined) continue;
    try {
      tls = await storedIn(api, CLIENT_SECRET);
      if (tls === undefined) said.push(`${cluster}: there is no Secret ${NAMESPACE}/${CLIENT_SECRET}`);
    } catch (e) {
      said.push(`${cluster}: ${e instanceof Error ? e.message : String(e)}`);
    }
  }
  if (tls === undefined)
    throw fault('TW5112', { value: m.members.join(', '), why: said, fix: [{ say: 'Deploy it:', command: 'tw up' }] });
  return { endpoints, root: rootOf(w.config), clock: w.clock, tls, connectMs: CONNECT_MS, timeoutMs: CALL_MS };
}

/** How the members are reached. Throws TW5112, TW1004. */
async function optionsOf(w: CoordinationWiring): Promise<EtcdOptions> {
  const c = w.config.coordination;
  if (c === undefined) throw fault('TW5112', { why: ['the config has no `coordination`'] });
  return c.kind === 'external' ? externalOptions(w, c) : await memberOptions(w, c);
}

/** Where this fleet agrees: the file of this folder, or etcd. */
export function fleetStore(w: CoordinationWiring): Store {
  if (w.config.coordination === undefined) return openStore(join(w.stateDir, 'journal.db'));
  return laterStore(async () => new (await etcd()).EtcdStore(await optionsOf(w)));
}

/** What a cluster has already, or what this folder's authority issues. */
async function certificateOf(
  api: KubeApi | undefined,
  secret: string,
  x: { ca: () => Promise<FleetCa>; known: string | undefined; name: string; hosts: readonly string[] },
): Promise<Certificate> {
  const there = api === undefined ? undefined : await storedIn(api, secret).catch(() => undefined);
  // Whoever has no authority of his own leaves what another folder issued.
  if (there !== undefined && x.known === undefined) return there;
  const ca = await x.ca();
  return { ca: ca.cert, ...(await ca.issue({ name: x.name, hosts: x.hosts })) };
}

async function systemApp(w: CoordinationWiring, m: Members, outputs: Outputs): Promise<FleetApp> {
  const path = join(w.stateDir, 'ca.json');
  const known = knownCa(path);
  let opened: Promise<FleetCa> | undefined;
  const ca = (): Promise<FleetCa> => (opened ??= openFleetCa(path, w.config.fleet, w.clock));
  const certificates: Record<ClusterName, Certificate> = {};
  let client: Certificate | undefined;
  for (const cluster of m.members) {
    const api = w.kube(cluster, outputs);
    const hosts = [peerHost(cluster), CLIENT_HOST];
    certificates[cluster] = await certificateOf(api, MEMBER_SECRET, { ca, known, name: `etcd ${cluster}`, hosts });
    client ??= await certificateOf(api, CLIENT_SECRET, { ca, known, name: 'tw', hosts: [] });
  }
  const members = w.config.clusters.filter((c) => m.members.includes(c.name));
  if (client === undefined) throw fault('TW5112', { why: ['no cluster runs a member'] });
  return coordinationApp({ fleet: w.config.fleet, members, certificates, client });
}

async function withAdmin<T>(w: CoordinationWiring, work: (admin: EtcdAdmin) => Promise<T>): Promise<T> {
  const admin = new (await etcd()).EtcdAdmin(await optionsOf(w));
  try {
    return await work(admin);
  } finally {
    admin.close();
  }
}

/** The coordination store of a fleet that has one. */
export function coordinationDoor(w: CoordinationWiring): CoordinationDoor | undefined {
  const c = w.config.coordination;
  if (c === undefined) return undefined;
  const status = (): ReturnType<CoordinationDoor['status']> => withAdmin(w, (admin) => admin.status());
  return {
    systemApp: async (outputs) => (c.kind === 'members' ? await systemApp(w, c, outputs) : undefined),
    introduce: async function* (outputs, signal) {
      if (c.kind !== 'members') return;
      const { clock } = w;
      yield* introduce({
        members: c.members,
        api: (cluster) => w.kube(cluster, outputs),
        status: async () =>
          await status().catch((e: unknown) =>
            c.members.map((name) => ({ name, up: false as const, why: e instanceof Error ? e.message : String(e) })),
          ),
        clock,
        signal,
      });
    },
    status,
    snapshot: (path, signal) =>
      withAdmin(w, async (admin) => {
        const temporary = `${path}.part`;
        await pipeline(Readable.from(admin.snapshot(signal)), createWriteStream(temporary, { mode: 0o600 }), {
          signal,
        });
        await rename(temporary, path);
      }),
  };
}
