import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CoordinationDoor } from '../commands/index.ts';
import type { Config } from '../config/index.ts';
import {
  CLIENT_HOST,
  CLIENT_SECRET,
  coordinationApp,
  genesis,
  hasBegun,
  introduce,
  MEMBER_SECRET,
  NAME,
  NAMESPACE,
  PORTS,
  peerHost,
  readStart,
  type Start,
  standing,
} from '../coordination/index.ts';
import { type FleetApp, type KubeApi, placedOn } from '../fleet/index.ts';
import { type FleetCa, knownCa, type Outputs, openFleetCa } from '../infra/index.ts';
import { type Clock, type ClusterName, fault, JOURNAL_FILE, openStore, type Store } from '../kernel/index.ts';
import type { EtcdAdmin, EtcdEndpoint, EtcdOptions } from '../kernel/store-etcd/index.ts';
import { type Certificate, certificateIn, certificateOf, type Issuer, secretIn } from './certificates.ts';
import { planRecover, type RecoverParts, recoverStore } from './coordination-recover.ts';
import { laterStore } from './later-store.ts';
import { createWhole } from './whole-file.ts';

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

const storedIn = async (api: KubeApi, name: string): Promise<Certificate | undefined> =>
  certificateIn(await secretIn(api, { namespace: NAMESPACE, name }));

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

/** What is shown to an etcd that is there already; undefined: nothing. Throws TW1004. */
export function externalPems(config: Config, x: External): Partial<Certificate> | undefined {
  const [ca, cert, key] = [x.ca, x.cert, x.key].map((ref) => pem(config.dir, ref));
  if (ca === undefined && cert === undefined) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

/** An etcd that is there already. */
function externalOptions(w: CoordinationWiring, x: External): EtcdOptions {
  const tls = externalPems(w.config, x);
  return {
    endpoints: x.endpoints.map((url) => ({ name: new URL(url).host, url })),
    root: rootOf(w.config),
    clock: w.clock,
    ...(tls === undefined ? {} : { tls }),
  };
}

/** The members in the clusters, through the clusters' API servers. Throws TW5112. */
async function memberOptions(w: CoordinationWiring, m: Pick<Members, 'members'>): Promise<EtcdOptions> {
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
  if (w.config.coordination === undefined) return openStore(join(w.stateDir, JOURNAL_FILE));
  return laterStore(async () => new (await etcd()).EtcdStore(await optionsOf(w)));
}

/** The fleet's authority in this folder; opened, or made, when it is first needed. */
export function issuerOf(w: Pick<CoordinationWiring, 'stateDir' | 'config' | 'clock'>): Issuer {
  const path = join(w.stateDir, 'ca.json');
  let opened: Promise<FleetCa> | undefined;
  return {
    known: knownCa(path) !== undefined,
    ca: () => (opened ??= openFleetCa(path, w.config.fleet, w.clock)),
  };
}

/** What the clients of the store show; every cluster has the same. */
export async function clientCertificate(w: CoordinationWiring, outputs: Outputs, issuer: Issuer): Promise<Certificate> {
  const c = w.config.coordination;
  const [first] = c?.kind === 'members' ? c.members : [];
  const api = first === undefined ? undefined : w.kube(first, outputs);
  const there = api === undefined ? undefined : await storedIn(api, CLIENT_SECRET).catch(() => undefined);
  return await certificateOf(there, issuer, { name: 'tw', hosts: [] });
}

/** Clusters without a member whose state asks the members elsewhere. */
function guestsOf(config: Config, m: Members): ClusterName[] {
  const shared = config.apps.filter((a) => a.state.mode === 'single-writer');
  const names = new Set(shared.flatMap((a) => placedOn(a, config.clusters).map((c) => c.name)));
  return config.clusters.map((c) => c.name).filter((c) => names.has(c) && !m.members.includes(c));
}

/** What is there stays; where nothing is, a store that stands elsewhere is joined and none is begun anew. */
async function startsOf(w: CoordinationWiring, m: Members, outputs: Outputs): Promise<Record<ClusterName, Start>> {
  const read = async (c: ClusterName): Promise<[ClusterName, Start | undefined]> => {
    const api = w.kube(c, outputs);
    return [c, api === undefined ? undefined : await readStart(api).catch(() => undefined)];
  };
  const there = await Promise.all(m.members.map(read));
  const begun = there.some(([, s]) => hasBegun(s));
  return Object.fromEntries(there.map(([c, s]) => [c, s ?? (begun ? standing(c) : genesis(m.members))]));
}

async function systemApp(w: CoordinationWiring, m: Members, outputs: Outputs): Promise<FleetApp> {
  const issuer = issuerOf(w);
  const certificates: Record<ClusterName, Certificate> = {};
  for (const cluster of m.members) {
    const api = w.kube(cluster, outputs);
    const there = api === undefined ? undefined : await storedIn(api, MEMBER_SECRET).catch(() => undefined);
    const hosts = [peerHost(cluster), CLIENT_HOST];
    certificates[cluster] = await certificateOf(there, issuer, { name: `etcd ${cluster}`, hosts });
  }
  const starts = await startsOf(w, m, outputs);
  const members = w.config.clusters.filter((c) => m.members.includes(c.name));
  if (members.length === 0) throw fault('TW5112', { why: ['no cluster runs a member'] });
  const client = await clientCertificate(w, outputs, issuer);
  return coordinationApp({
    fleet: w.config.fleet,
    members,
    guests: guestsOf(w.config, m),
    certificates,
    starts,
    client,
  });
}

async function withAdmin<T>(w: CoordinationWiring, work: (admin: EtcdAdmin) => Promise<T>): Promise<T> {
  const admin = new (await etcd()).EtcdAdmin(await optionsOf(w));
  try {
    return await work(admin);
  } finally {
    admin.close();
  }
}

/** One admin for many questions, opened once it can be: connections through API servers far away are dear. */
function keptAdmin(w: CoordinationWiring) {
  let kept: Promise<EtcdAdmin> | undefined;
  const admin = (): Promise<EtcdAdmin> => {
    kept ??= optionsOf(w)
      .then(async (o) => new (await etcd()).EtcdAdmin(o))
      .catch((e: unknown) => {
        kept = undefined;
        throw e;
      });
    return kept;
  };
  return {
    ask: async <T>(work: (a: EtcdAdmin) => Promise<T>): Promise<T> => await work(await admin()),
    close: async (): Promise<void> => (await kept?.catch(() => undefined))?.close(),
  };
}

/** What an etcd of somebody else needs, others look after. */
const notOurs = (): never => {
  throw fault('TW5116', {
    why: ['the config names an etcd that is there already: its members are not ours to make anew'],
  });
};

/** The coordination store of a fleet that has one. */
export function coordinationDoor(
  w: CoordinationWiring,
  remember: RecoverParts['remember'] = async () => ({ newest: 0, say: [] }),
): CoordinationDoor | undefined {
  const c = w.config.coordination;
  if (c === undefined) return undefined;
  const status = (): ReturnType<CoordinationDoor['status']> => withAdmin(w, (admin) => admin.status());
  const parts = (): RecoverParts => {
    const members = c.kind === 'members' ? c.members : notOurs();
    const folder = join(w.stateDir, 'recovered');
    return { wiring: w, members, folder, options: (some) => memberOptions(w, { members: some }), remember };
  };
  return {
    planRecover: async (lost, outputs) => await planRecover(parts(), lost, outputs),
    recover: (plan, outputs, signal) => recoverStore(parts(), plan, { outputs, signal }),
    systemApp: async (outputs) => (c.kind === 'members' ? await systemApp(w, c, outputs) : undefined),
    introduce: async function* (outputs, signal) {
      if (c.kind !== 'members') return;
      const { ask, close } = keptAdmin(w);
      const silent = (e: unknown) =>
        c.members.map((name) => ({ name, up: false as const, why: e instanceof Error ? e.message : String(e) }));
      try {
        yield* introduce({
          members: c.members,
          told: [...c.members, ...guestsOf(w.config, c)],
          api: (cluster) => w.kube(cluster, outputs),
          status: () => ask((a) => a.status()).catch(silent),
          membership: {
            list: () => ask((a) => a.list()),
            addLearner: (url) => ask((a) => a.addLearner(url)),
            promote: (id) => ask((a) => a.promote(id)),
            remove: (id) => ask((a) => a.remove(id)),
            nudge: () => ask((a) => a.nudge()),
          },
          clock: w.clock,
          signal,
        });
      } finally {
        await close();
      }
    },
    status,
    snapshot: (path, signal) => withAdmin(w, async (admin) => await createWhole(path, admin.snapshot(signal), signal)),
  };
}
