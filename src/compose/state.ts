import { createHmac } from 'node:crypto';
import type { StateDoor, Step } from '../commands/index.ts';
import type { AppConfig, ClusterConfig, Config } from '../config/index.ts';
import { CLIENT_HOST, PORTS as STORE_PORTS, peerHost as storePeerHost } from '../coordination/index.ts';
import { type FleetApp, type KubeApi, type MeetInput, peerAddresses, place, tellPeers } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type ClusterName, estimatedRtt, within } from '../kernel/index.ts';
import {
  AGENT_POD,
  type AgentReport,
  type DataKeys,
  FILES,
  KEYS,
  namespaceOf,
  PORTS,
  peerService,
  type RedisSecrets,
  type Settings,
  type SharedState,
  type StatePlan,
  stateApp,
  statePlan,
  WIRE,
  wireHost,
} from '../state/index.ts';
import { certificateIn, certificateOf, type Issuer, secretIn } from './certificates.ts';
import { type CoordinationWiring, clientCertificate, externalPems, issuerOf } from './coordination.ts';

export interface StateWiring extends CoordinationWiring {
  /** Hex; passwords are derived from it. */
  secret: string;
  /** Image of the product. */
  image: string;
}

type SharedApp = AppConfig & { state: SharedState };
const ADDRESS_MS = 180_000;
const HOME_MS = 120_000;
const POLL_MS = 500;
const ASK_MS = 4000;
const USERS = ['write', 'read', 'repl', 'copy', 'agent'] as const;

const isShared = (a: AppConfig): a is SharedApp => a.state.mode !== 'isolated';

/** Clusters the app runs in. */
function placed(config: Config, app: AppConfig): ClusterConfig[] {
  const facts = config.clusters.map((c) => ({ facts: c, presence: 'present' as const }));
  const names = place(app.name, app.placement, facts).filter((d) => d.placed);
  return config.clusters.filter((c) => names.some((d) => d.cluster === c.name));
}

/** Places with a member of the store. Of an etcd that is there already nothing but its purpose is known. */
function membersOf(config: Config): readonly string[] {
  const c = config.coordination;
  if (c === undefined) return [];
  return c.kind === 'members' ? c.members : [1, 2, 3].map((n) => `etcd ${n}`);
}

type Rtts = (a: ClusterName, b: ClusterName) => { ms: number; estimated: boolean };

/** By distance, so that every plan says the same of the same config. */
function byDistance(config: Config): Rtts {
  const at = new Map(config.clusters.map((c) => [c.name, c.location]));
  return (a, b) => {
    const [from, to] = [at.get(a), at.get(b)];
    return { ms: from === undefined || to === undefined ? 0 : Math.round(estimatedRtt(from, to)), estimated: true };
  };
}

function planOf(config: Config, app: AppConfig, rtt: Rtts = byDistance(config)): StatePlan {
  const clusters = placed(config, app).map((c) => c.name);
  return statePlan({ app, clusters, rtt, traffic: {}, members: membersOf(config) });
}

const longest = (p: StatePlan): number => Math.max(0, ...p.rto.map((r) => r.ms ?? 0));

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

function settingsOf(w: StateWiring, app: SharedApp, plan: StatePlan, me: ClusterName): Settings {
  return {
    fleet: w.config.fleet,
    app: app.name,
    cluster: me,
    voters: plan.voters,
    judges: plan.voters.length > 2 ? plan.voters : membersOf(w.config),
    ...(plan.home === undefined ? {} : { home: plan.home }),
    holdMs: app.state.hold ?? Math.ceil((longest(plan) + 1000) / 100) * 100,
    store: { root: `/tradewind/${w.config.fleet}/`, endpoints: endpointsFor(w.config, me) },
  };
}

const isWhole = (u: Partial<RedisSecrets>): u is RedisSecrets => USERS.every((name) => typeof u[name] === 'string');

function usersIn(files: Record<string, string> | undefined): RedisSecrets | undefined {
  try {
    const users = JSON.parse(files?.[FILES.users] ?? '{}') as Partial<RedisSecrets>;
    return isWhole(users) ? users : undefined;
  } catch {
    return undefined;
  }
}

type Files = Record<string, string> | undefined;

/** What a cluster has stays; else every folder with the same keys says the same. `repl` is one for all clusters. */
function usersOf(w: StateWiring, app: string, at: { cluster: ClusterName; files: Files; all: readonly Files[] }) {
  const made = (where: string, user: string): string =>
    createHmac('sha256', w.secret).update(`state ${w.config.fleet} ${app} ${where} ${user}`).digest('hex');
  const there = usersIn(at.files);
  const shared = at.all.map(usersIn).find((u) => u !== undefined)?.repl ?? made('all', 'repl');
  const fresh = Object.fromEntries(USERS.map((user) => [user, made(at.cluster, user)])) as unknown as RedisSecrets;
  return { ...(there ?? fresh), repl: shared };
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
  return c?.kind === 'external' ? externalPems(w.config, c) : await clientCertificate(w, outputs, issuer);
}

async function appOf(w: StateWiring, app: SharedApp, outputs: Outputs): Promise<FleetApp> {
  const clusters = placed(w.config, app);
  const plan = planOf(w.config, app);
  const keys = await keysOf(w, app, { issuer: issuerOf(w), outputs, clusters });
  return stateApp({
    app,
    image: w.image,
    clusters: clusters.flatMap((cluster) => {
      const own = keys[cluster.name];
      return own === undefined ? [] : [{ cluster, keys: own, settings: settingsOf(w, app, plan, cluster.name) }];
    }),
  });
}

/** What an agent says, or why nothing was heard. */
type Heard = { cluster: ClusterName; report: AgentReport } | { cluster: ClusterName; why: string };

async function ask(w: StateWiring, app: string, cluster: ClusterName, api: KubeApi | undefined): Promise<Heard> {
  if (api === undefined) return { cluster, why: 'nothing is known of this cluster' };
  const at = { namespace: namespaceOf(app), pod: AGENT_POD, port: PORTS.http };
  const stop = new AbortController();
  try {
    const late = (): never => {
      throw new Error(`no answer for ${ASK_MS} ms`);
    };
    const text = await within(w.clock, ASK_MS, api.proxyGet(at, '/status', stop.signal), late);
    return { cluster, report: JSON.parse(text) as AgentReport };
  } catch (e) {
    return { cluster, why: e instanceof Error ? e.message : String(e) };
  } finally {
    stop.abort();
  }
}

const askAll = (w: StateWiring, app: SharedApp, outputs: Outputs): Promise<Heard[]> =>
  Promise.all(planOf(w.config, app).voters.map((v) => ask(w, app.name, v, w.kube(v, outputs))));

function meetingOf(w: StateWiring, app: SharedApp, outputs: Outputs): MeetInput {
  const namespace = namespaceOf(app.name);
  return {
    from: planOf(w.config, app).voters,
    to: placed(w.config, app).map((c) => c.name),
    at: { namespace, name: WIRE },
    nameOf: (peer) => ({
      namespace,
      name: peerService(peer),
      labels: { 'app.kubernetes.io/name': peerService(peer), 'app.kubernetes.io/part-of': 'tradewind' },
      ports: [{ name: 'wire', port: PORTS.wire }],
    }),
    manager: 'tw-state',
    api: (c) => w.kube(c, outputs),
  };
}

/** Waits for the addresses of all load balancers that can have one, then tells them everywhere. */
async function names(w: StateWiring, app: SharedApp, outputs: Outputs, signal: AbortSignal): Promise<string[]> {
  const meeting = meetingOf(w, app, outputs);
  const until = w.clock.monotonic() + ADDRESS_MS;
  for (;;) {
    const found = await peerAddresses(meeting);
    const missing = meeting.from.filter((c) => (found[c] ?? []).length === 0);
    const late = missing.filter((c) => meeting.api(c) !== undefined);
    if (late.length === 0 || w.clock.monotonic() > until) {
      const untold = await tellPeers(meeting, found);
      return [...missing.map((c) => `no address yet: ${c}`), ...untold.map((c) => `could not be told: ${c}`)];
    }
    await w.clock.sleep(POLL_MS, signal);
  }
}

/** Home and how many copies follow it, as the agents say. */
function homeIn(heard: readonly Heard[]): { home: ClusterName; copies: number } | undefined {
  const reports = heard.flatMap((h) => ('report' in h ? [h.report] : []));
  const home = reports.find((r) => r.look?.role === 'primary' && r.applied !== 0 && r.epoch?.primary === r.cluster);
  if (home === undefined) return undefined;
  const follow = reports.filter((r) => r.applied === home.applied && (r === home || r.look?.link === true));
  return { home: home.cluster, copies: follow.length };
}

async function awaitHome(w: StateWiring, app: SharedApp, outputs: Outputs, signal: AbortSignal): Promise<Step> {
  const { voters } = planOf(w.config, app);
  const step = `${app.name}: home`;
  const until = w.clock.monotonic() + HOME_MS;
  for (;;) {
    const heard = await askAll(w, app, outputs);
    const found = homeIn(heard);
    const detail =
      found === undefined
        ? heard.map((h) =>
            'why' in h ? `${h.cluster}: ${h.why}` : `${h.cluster}: ${h.report.look?.role ?? 'no Redis'}`,
          )
        : [`${found.home}, ${found.copies} of ${voters.length} copies`];
    if (found?.copies === voters.length) return { step, state: 'done', detail: detail.join('; ') };
    if (w.clock.monotonic() > until)
      return { step, state: found === undefined ? 'failed' : 'note', detail: detail.join('; ') };
    await w.clock.sleep(POLL_MS, signal);
  }
}

async function* introduce(w: StateWiring, apps: readonly SharedApp[], outputs: Outputs, signal: AbortSignal) {
  for (const app of apps) {
    const step = `${app.name}: addresses`;
    yield { step, state: 'start' } as Step;
    const late = await names(w, app, outputs, signal);
    yield { step, ...(late.length === 0 ? { state: 'done' } : { state: 'note', detail: late.join(', ') }) } as Step;
    yield { step: `${app.name}: home`, state: 'start' } as Step;
    yield await awaitHome(w, app, outputs, signal);
  }
}

/** The state that clusters share; undefined where every cluster keeps its own. */
export function stateDoor(w: StateWiring): StateDoor | undefined {
  const apps = w.config.apps.filter(isShared);
  if (apps.length === 0) return undefined;
  return {
    plans: () => apps.map((a) => planOf(w.config, a)),
    systemApps: async (outputs) => await Promise.all(apps.map((a) => appOf(w, a, outputs))),
    introduce: (outputs, signal) => introduce(w, apps, outputs, signal),
  };
}
