import { createHmac } from 'node:crypto';
import type { AppConfig, ClusterConfig, Config } from '../config/index.ts';
import { CLIENT_HOST, PORTS as STORE_PORTS, peerHost as storePeerHost } from '../coordination/index.ts';
import { balancerNotes, dictOf, type FleetApp, placedOn } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type ClusterName, estimatedRtt, fault, type Problem, type Store } from '../kernel/index.ts';
import {
  type DataKeys,
  FILES,
  KEYS,
  namespaceOf,
  type RedisSecrets,
  type Settings,
  type SharedState,
  type StateInput,
  type StatePlan,
  sameSet,
  stateApp,
  statePlan,
  wireHost,
} from '../state/index.ts';
import { certificateIn, certificateOf, type Issuer, secretIn } from './certificates.ts';
import { type CoordinationWiring, clientCertificate, externalPems, issuerOf } from './coordination.ts';
import { type Pinned, pinnedOf } from './state-told.ts';

export interface StateWiring extends CoordinationWiring {
  /** Hex; passwords are derived from it. */
  secret: string;
  /** Image of the product. */
  image: string;
  /** Where the agents agree. */
  store: Store;
  /** By app, and when it was read. */
  pinned: Map<string, { is: Pinned; at: number }>;
}

export type SharedApp = AppConfig & { state: SharedState };
const USERS = ['write', 'read', 'repl', 'copy', 'agent', 'sync'] as const;
/** Known to other clusters: to gateways that write at home, to voters that follow it, and to senders. */
const SHARED: ReadonlySet<string> = new Set(['write', 'repl', 'sync']);

export const isShared = (a: AppConfig): a is SharedApp => a.state.mode !== 'isolated';

/** Places with a member of the store. Of an etcd that is there already nothing but its purpose is known. */
function membersOf(config: Config): readonly string[] {
  const c = config.coordination;
  if (c === undefined) return [];
  return c.kind === 'members' ? c.members : [1, 2, 3].map((n) => `etcd ${n}`);
}

/** Round trips as each cluster measured them, milliseconds. */
export type Measured = Readonly<Record<ClusterName, Readonly<Record<ClusterName, number>>>>;
type Rtts = (a: ClusterName, b: ClusterName) => { ms: number; estimated: boolean };

/** By distance, so that every plan says the same of the same config. */
function byDistance(config: Config): Rtts {
  const at = new Map(config.clusters.map((c) => [c.name, c.location]));
  return (a, b) => {
    const [from, to] = [at.get(a), at.get(b)];
    return { ms: from === undefined || to === undefined ? 0 : Math.round(estimatedRtt(from, to)), estimated: true };
  };
}

/** By distances alone: voters and home must not change because a round trip did. */
export function planOf(config: Config, app: AppConfig, pinned?: Pinned): StatePlan {
  const clusters = placedOn(app, config.clusters).map((c) => c.name);
  const decided = pinned === undefined ? undefined : decidedOf(app, pinned);
  const plan = statePlan({
    app,
    clusters,
    rtt: byDistance(config),
    traffic: {},
    members: membersOf(config),
    ...(decided === undefined ? {} : { decided }),
  });
  if (pinned !== undefined && pinned.mode !== app.state.mode)
    return { ...plan, faults: [...plan.faults, otherMode(app, pinned)] };
  const leaving = plan.voters.filter((v) => !clusters.includes(v));
  return leaving.length === 0 ? plan : { ...plan, faults: [...plan.faults, needed(app, leaving, plan.voters)] };
}

/** Copies stay where they are: another cluster in the config, or another estimate, moves no data. */
function decidedOf(app: AppConfig, pinned: Pinned): StateInput['decided'] {
  // Where all clusters write, each one that has the app has the data.
  if (app.state.mode !== 'single-writer' || pinned.mode !== 'single-writer') return undefined;
  const { voters, home } = pinned;
  const first = home !== undefined && voters.includes(home) ? home : undefined;
  const wish = app.state.home === 'auto' ? first : app.state.home;
  return { voters, ...(wish === undefined ? {} : { home: wish }) };
}

const otherMode = (app: AppConfig, pinned: Pinned): Problem =>
  fault('TW5005', {
    value: `${app.name}: ${pinned.mode} → ${app.state.mode}`,
    why: ['its clusters have data in the other form, and this version does not take it over'],
    fix: [
      { say: `Go on with state.mode ${pinned.mode} in the config.` },
      { say: 'Or save what is there, give the app another name, and let users move:', command: 'tw state backup' },
    ],
  }).problem;

const needed = (app: AppConfig, leaving: readonly ClusterName[], voters: readonly ClusterName[]): Problem =>
  fault('TW5150', {
    value: leaving.join(', '),
    why: [`it has one of the copies of ${app.name}: ${voters.join(', ')}`],
    fix: [
      { say: 'Leave the cluster in the config, with the app on it.' },
      {
        say: 'Or leave it there until another cluster has its copy, and take it out then:',
        command: `tw state add-voter <cluster> --instead-of ${leaving[0] ?? ''} --app ${app.name}`,
      },
    ],
  }).problem;

/** The plan with the copies that are there. */
export async function planNow(w: StateWiring, app: AppConfig, outputs: Outputs): Promise<StatePlan> {
  return planOf(w.config, app, await pinnedOf(w, app, outputs));
}

/** Clusters with a Redis: those of the plan, and who is on the way to be one. */
export async function peersOf(w: StateWiring, app: AppConfig, outputs: Outputs): Promise<readonly ClusterName[]> {
  const { mode, voters } = await planNow(w, app, outputs);
  const pinned = mode === 'single-writer' ? await pinnedOf(w, app, outputs) : undefined;
  return pinned?.peers ?? voters;
}

/**
 * The same with the round trips that agents measured, and with the home of now. Of two that measured one way the lesser is
 * right: a busy machine only adds to it, and some ways are measured seldom.
 */
export function pricedOf(
  config: Config,
  x: { app: AppConfig; plan: StatePlan; rtts: Measured; home: ClusterName | null },
): StatePlan {
  const { app, plan, ...now } = x;
  const { voters, home } = plan;
  const guess = byDistance(config);
  const rtt: Rtts = (a, b) => {
    const told = [now.rtts[a]?.[b], now.rtts[b]?.[a]].flatMap((ms) => ms ?? []);
    return told.length === 0 ? guess(a, b) : { ms: Math.min(...told), estimated: false };
  };
  const at = now.home ?? home;
  const decided = { voters, ...(at === undefined ? {} : { home: at }) };
  const clusters = placedOn(app, config.clusters).map((c) => c.name);
  const priced = statePlan({ app, clusters, rtt, traffic: {}, members: membersOf(config), decided });
  // Gateways have what was computed from the distance: it must not change with each measurement.
  return { ...priced, holdMs: plan.holdMs, faults: plan.faults };
}

/** The member of this cluster first, then the others, the nearest first. */
function endpointsFor(config: Config, me: ClusterName): Settings['store']['endpoints'] {
  const c = config.coordination;
  if (c?.kind === 'external') return c.endpoints.map((url) => ({ name: new URL(url).host, url }));
  const rtt = byDistance(config);
  const url = (m: ClusterName): string => `https://${m === me ? CLIENT_HOST : storePeerHost(m)}:${STORE_PORTS.client}`;
  const far = (m: ClusterName): number => (m === me ? -1 : rtt(me, m).ms);
  return membersOf(config)
    .toSorted((a, b) => far(a) - far(b))
    .map((m) => ({ name: m, url: url(m) }));
}

function settingsOf(
  w: StateWiring,
  app: SharedApp,
  x: { plan: StatePlan; peers: readonly ClusterName[]; me: ClusterName },
): Settings {
  const { me, peers, plan } = x;
  return {
    fleet: w.config.fleet,
    app: app.name,
    cluster: me,
    mode: app.state.mode,
    ack: app.state.ack,
    voters: plan.voters,
    ...(sameSet(peers, plan.voters) ? {} : { peers }),
    judges: plan.voters.length > 2 ? plan.voters : membersOf(w.config),
    ...(plan.home === undefined ? {} : { home: plan.home }),
    holdMs: plan.holdMs,
    store: { root: `/tradewind/${w.config.fleet}/`, endpoints: endpointsFor(w.config, me) },
  };
}

/** The passwords that are there: of an older version of the product some may be missing. */
function usersIn(files: Record<string, string> | undefined): Partial<RedisSecrets> {
  try {
    const users = dictOf(JSON.parse(files?.[FILES.users] ?? '{}'));
    return Object.fromEntries(USERS.flatMap((u) => (typeof users[u] === 'string' ? [[u, users[u]]] : [])));
  } catch {
    return {};
  }
}

type Files = Record<string, string> | undefined;

/** What a cluster has stays; else every folder with the same keys says the same. */
function usersOf(w: StateWiring, app: string, at: { cluster: ClusterName; files: Files; all: readonly Files[] }) {
  const made = (where: string, user: string): string =>
    createHmac('sha256', w.secret).update(`state ${w.config.fleet} ${app} ${where} ${user}`).digest('hex');
  const everywhere = at.all.map(usersIn);
  const there = usersIn(at.files);
  const one = (user: keyof RedisSecrets): string =>
    SHARED.has(user)
      ? (everywhere.find((u) => u[user] !== undefined)?.[user] ?? made('all', user))
      : (there[user] ?? made(at.cluster, user));
  return Object.fromEntries(USERS.map((user) => [user, one(user)])) as unknown as RedisSecrets;
}

async function keysOf(
  w: StateWiring,
  app: SharedApp,
  x: { issuer: Issuer; outputs: Outputs; clusters: readonly ClusterConfig[] },
): Promise<Record<ClusterName, DataKeys>> {
  const at = { namespace: namespaceOf(app.name), name: KEYS };
  const read = async (c: ClusterConfig): Promise<Files> => {
    const api = w.kube(c.name, x.outputs);
    return api === undefined ? undefined : await secretIn(api, at).catch(() => undefined);
  };
  const all = await Promise.all(x.clusters.map(read));
  const store = await storeKeys(w, x.outputs, x.issuer);
  const made: Record<ClusterName, DataKeys> = {};
  for (const [i, c] of x.clusters.entries()) {
    const wish = { name: `state ${c.name}`, hosts: [wireHost(c.name)] };
    made[c.name] = {
      users: usersOf(w, app.name, { cluster: c.name, files: all[i], all }),
      wire: await certificateOf(certificateIn(all[i]), x.issuer, wish),
      ...(store === undefined ? {} : { store }),
    };
  }
  return made;
}

async function storeKeys(w: StateWiring, outputs: Outputs, issuer: Issuer): Promise<DataKeys['store']> {
  const c = w.config.coordination;
  if (c === undefined) return undefined;
  return c.kind === 'external' ? externalPems(w.config, c) : await clientCertificate(w, outputs, issuer);
}

export async function appOf(w: StateWiring, app: SharedApp, outputs: Outputs): Promise<FleetApp> {
  const clusters = placedOn(app, w.config.clusters);
  const plan = await planNow(w, app, outputs);
  const peers = await peersOf(w, app, outputs);
  const keys = await keysOf(w, app, { issuer: issuerOf(w), outputs, clusters });
  return stateApp({
    app,
    image: w.image,
    clusters: clusters.flatMap((cluster) => {
      const own = keys[cluster.name];
      return own === undefined
        ? []
        : [
            {
              cluster,
              keys: own,
              settings: settingsOf(w, app, { plan, peers, me: cluster.name }),
              balancer: balancerNotes(cluster.cloud),
            },
          ];
    }),
  });
}
