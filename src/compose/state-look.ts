import type { Step } from '../commands/index.ts';
import type { AppConfig } from '../config/index.ts';
import { type MeetInput, meetPeers, placedOn } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type ClusterName, within } from '../kernel/index.ts';
import {
  type ActiveHeard,
  type ActiveReport,
  AGENT_POD,
  type AgentReport,
  activeFacts,
  activeGate,
  activeSettled,
  type Facts,
  factsOf,
  gateOf,
  type Heard,
  isStirred,
  namespaceOf,
  PORTS,
  peerService,
  type StatePlan,
  type Stir,
  settled,
  stirred,
  WIRE,
} from '../state/index.ts';
import { peersOf, planNow, pricedOf, type SharedApp, type StateWiring } from './state-deploy.ts';

const POLL_MS = 500;
const ASK_MS = 4000;

/** What one agent says, or why nothing was heard. */
type Answer<R> = { cluster: ClusterName; report: R } | { cluster: ClusterName; why: string };

export async function ask<R>(
  w: StateWiring,
  app: AppConfig,
  cluster: ClusterName,
  outputs: Outputs,
): Promise<Answer<R>> {
  const api = w.kube(cluster, outputs);
  if (api === undefined) return { cluster, why: 'nothing is known of this cluster' };
  const at = { namespace: namespaceOf(app.name), pod: AGENT_POD, port: PORTS.http };
  const stop = new AbortController();
  try {
    const late = (): never => {
      throw new Error(`no answer for ${ASK_MS} ms`);
    };
    const text = await within(w.clock, ASK_MS, api.proxyGet(at, '/status', stop.signal), late);
    return { cluster, report: JSON.parse(text) as R };
  } catch (e) {
    return { cluster, why: e instanceof Error ? e.message : String(e) };
  } finally {
    stop.abort();
  }
}

async function askEach<R>(w: StateWiring, app: SharedApp, outputs: Outputs): Promise<Answer<R>[]> {
  const { voters } = await planNow(w, app, outputs);
  return await Promise.all(voters.map((v) => ask<R>(w, app, v, outputs)));
}
/** The agents of an app with a home. */
export const askAll = (w: StateWiring, app: SharedApp, outputs: Outputs): Promise<Heard[]> =>
  askEach<AgentReport>(w, app, outputs);
const askActive = (w: StateWiring, app: SharedApp, outputs: Outputs): Promise<ActiveHeard[]> =>
  askEach<ActiveReport>(w, app, outputs);

const isActive = (app: SharedApp): boolean => app.state.mode === 'active-active';

async function meetingOf(w: StateWiring, app: SharedApp, outputs: Outputs): Promise<MeetInput> {
  const namespace = namespaceOf(app.name);
  return {
    from: await peersOf(w, app, outputs),
    to: placedOn(app, w.config.clusters).map((c) => c.name),
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

/** What the users of one app pay now. */
export async function priceFor(w: StateWiring, app: SharedApp, outputs: Outputs): Promise<StatePlan> {
  const plan = await planNow(w, app, outputs);
  const heard = await askEach<AgentReport | ActiveReport>(w, app, outputs);
  const told = heard.flatMap((h) => ('report' in h ? [h.report] : []));
  const rtts = Object.fromEntries(told.map((r) => [r.cluster, r.rtts]));
  const home = isActive(app) ? null : factsOf(plan, heard as Heard[], []).home;
  return pricedOf(w.config, { app, plan, rtts, home });
}

const GATE_MS = 1500;
/** For a release, which does not wait long for anybody. */
const soon = async <R>(w: StateWiring, app: AppConfig, cluster: ClusterName, outputs: Outputs): Promise<Answer<R>> =>
  await within(w.clock, GATE_MS, ask<R>(w, app, cluster, outputs), () => ({ cluster, why: 'no answer in time' }));

/** Why a release must not commit now, as the agent of this cluster says; a cluster without a copy has no say. */
export async function stateGate(
  w: StateWiring,
  x: { app: SharedApp; cluster: ClusterName; maxLagMs: number },
  outputs: Outputs,
): Promise<string[]> {
  const { app, cluster } = x;
  const { voters } = await planNow(w, app, outputs);
  if (!voters.includes(cluster)) return [];
  if (!isActive(app)) return gateOf(await soon<AgentReport>(w, app, cluster, outputs), x.maxLagMs);
  // How far behind this cluster is, only the others know.
  const heard = await Promise.all(voters.map((v) => soon<ActiveReport>(w, app, v, outputs)));
  return activeGate(cluster, heard, x.maxLagMs);
}

/** Whether a failover of the app's state goes on or has just ended, each time that it is asked. Agents that are silent say nothing. */
export function failoverWatch(w: StateWiring, app: SharedApp, outputs: Outputs): () => Promise<boolean> {
  let seen: Stir | undefined;
  return async () => {
    const { voters } = await planNow(w, app, outputs);
    const heard = await Promise.all(voters.map((v) => soon<AgentReport>(w, app, v, outputs)));
    const now = w.clock.monotonic();
    seen = stirred(seen, heard, now);
    return isStirred(seen, now);
  };
}

/** What the agents of one app say together. */
export async function factsFor(w: StateWiring, app: SharedApp, outputs: Outputs): Promise<Facts> {
  const plan = await planNow(w, app, outputs);
  if (isActive(app)) return activeFacts(plan, await askActive(w, app, outputs));
  const peers = await peersOf(w, app, outputs);
  const gateways = placedOn(app, w.config.clusters).map((c) => c.name);
  const facts = factsOf(
    plan,
    await askAll(w, app, outputs),
    gateways.filter((c) => !peers.includes(c)),
  );
  const why = 'its copy does not count yet';
  const joining = peers.filter((c) => !plan.voters.includes(c));
  return {
    ...facts,
    clusters: [...facts.clusters, ...joining.map((name) => ({ name, role: 'catching up' as const, why }))],
  };
}

const wanted = (app: SharedApp): string => (isActive(app) ? 'writes' : 'home');

/** Waits for a home, or where all clusters write until they do. */
async function awaitWrites(w: StateWiring, app: SharedApp, outputs: Outputs, signal: AbortSignal): Promise<Step> {
  const { voters } = await planNow(w, app, outputs);
  const standing = voters.filter((v) => w.kube(v, outputs) !== undefined).length;
  const began = w.clock.monotonic();
  for (;;) {
    const f = await factsFor(w, app, outputs);
    const waited = { voters: voters.length, standing, took: w.clock.monotonic() - began };
    const verdict = isActive(app) ? activeSettled(f, waited) : settled(f, waited);
    if (verdict !== undefined) return { step: `${app.name}: ${wanted(app)}`, ...verdict };
    await w.clock.sleep(POLL_MS, signal);
  }
}

export async function* introduce(w: StateWiring, apps: readonly SharedApp[], outputs: Outputs, signal: AbortSignal) {
  for (const app of apps) {
    const step = `${app.name}: addresses`;
    yield { step, state: 'start' } as Step;
    const late = await meetPeers(await meetingOf(w, app, outputs), { clock: w.clock, signal });
    yield { step, ...(late.length === 0 ? { state: 'done' } : { state: 'note', detail: late.join(', ') }) } as Step;
    yield { step: `${app.name}: ${wanted(app)}`, state: 'start' } as Step;
    yield await awaitWrites(w, app, outputs, signal);
  }
}
