import { placedOn } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type ClusterName, fault, type TwError, toJson } from '../kernel/index.ts';
import {
  type AgentReport,
  busy,
  ChangeRefused,
  changeVoters,
  factsOf,
  JOINING_KEY,
  prefixOf,
  refusedChange,
  type StoreView,
  sameSet,
  type VoterWish,
  viewIn,
  votersAfter,
} from '../state/index.ts';
import { planNow, type SharedApp, type StateWiring } from './state-deploy.ts';
import { mayChange } from './state-freeze.ts';
import { ask, askAll } from './state-look.ts';
import { joiningOf } from './state-told.ts';

export interface VoterCall {
  app: SharedApp;
  wish: VoterWish;
  /** Called before the first write. */
  begins?: (() => Promise<void>) | undefined;
}

const HOLD_MS = 15_000;
const CAUGHT_MS = 15 * 60_000;
const POLL_MS = 500;
/** Behind so little, the last writes come while writers wait. */
const NEAR_MS = 1000;

const AGAIN = [{ say: 'See how it stands, then say it again:', command: 'tw state status' }];

const storeFailed = (x: VoterCall, why: string): TwError =>
  fault('TW5152', { value: x.wish.add, why: [`the store did not confirm: ${why}`], fix: AGAIN });

/** Begins a change: what is deployed next has a Redis in the new cluster too. Throws TW5114, TW5151, TW5152, TW1020. */
export async function beginChange(w: StateWiring, x: VoterCall, outputs: Outputs): Promise<void> {
  const { app, wish } = x;
  w.pinned.delete(app.name);
  await mayChange(w, app, wish.add);
  const plan = await planNow(w, app, outputs);
  const [begun, view, heard] = await Promise.all([
    joiningOf(w, app.name),
    viewIn(w.store, prefixOf(app.name)),
    askAll(w, app, outputs),
  ]);
  const why = refusedChange(
    {
      app: app.name,
      clusters: w.config.clusters.map((c) => c.name),
      placed: placedOn(app, w.config.clusters).map((c) => c.name),
      home: app.state.mode === 'single-writer' ? app.state.home : 'auto',
      voters: plan.voters,
      facts: factsOf(plan, heard, []),
      heard,
      busy: busy(view),
      begun: begun.value,
    },
    wish,
  );
  if (why !== undefined) throw why;
  await x.begins?.();
  const key = prefixOf(app.name) + JOINING_KEY;
  const put = [{ key, value: toJson(wish) }];
  const t = await w.store.txn({ if: [{ key, revision: begun.revision }], put });
  if (t.is !== 'ok') throw storeFailed(x, t.is === 'stale' ? 'another change was begun meanwhile' : t.why);
  w.pinned.delete(app.name);
}

/** How far a newcomer is; `done`: it has everything but the last moment. */
function progressOf(view: StoreView, name: ClusterName, r: AgentReport): { done: boolean; say: string } {
  const { look } = r;
  if (look === undefined) return { done: false, say: `the Redis of ${name} does not answer yet` };
  if (r.applied === 0 || r.applied !== view.epoch?.value.epoch) return { done: false, say: `${name} starts` };
  if (look.syncing || !look.link) return { done: false, say: `${name} copies everything` };
  const whole = view.runs[name]?.value.run === look.run;
  const lag = Math.round(r.lagMs);
  return { done: whole && lag <= NEAR_MS, say: `${name} is ${lag} ms behind${whole ? '' : ', not proved yet'}` };
}

type Told = VoterCall & { show(say: string): void; signal: AbortSignal };

/** Until the newcomer has caught up. Throws TW5152. */
async function caughtUp(w: StateWiring, x: Told, outputs: Outputs): Promise<void> {
  const { add } = x.wish;
  const end = w.clock.monotonic() + CAUGHT_MS;
  for (let last = ''; ; ) {
    const [view, heard] = await Promise.all([
      viewIn(w.store, prefixOf(x.app.name)),
      ask<AgentReport>(w, x.app, add, outputs),
    ]);
    const now = 'report' in heard ? progressOf(view, add, heard.report) : { done: false, say: heard.why };
    if (now.done) return;
    if (now.say !== last) x.show(now.say);
    last = now.say;
    if (w.clock.monotonic() > end)
      throw fault('TW5152', { value: add, why: [`it has not caught up: ${now.say}`], fix: AGAIN });
    await w.clock.sleep(POLL_MS, x.signal);
  }
}

const refused = (x: VoterCall, e: ChangeRefused): TwError =>
  fault('TW5152', {
    value: x.wish.add,
    why: [e.message, 'the copies of before count, and writes go on'],
    fix: AGAIN,
  });

/** Waits for the newcomer, then has its copy count. Nothing to do where it does. Throws TW5152, TW1020. */
export async function decideChange(
  w: StateWiring,
  x: Told,
  outputs: Outputs,
): Promise<{ voters: readonly ClusterName[]; epoch: number; ms: number }> {
  const view = await viewIn(w.store, prefixOf(x.app.name));
  const before = view.epoch?.value.voters ?? (await planNow(w, x.app, outputs)).voters;
  const voters = votersAfter(before, x.wish);
  if (sameSet(before, voters)) return { voters, epoch: view.epoch?.value.epoch ?? 0, ms: 0 };
  await caughtUp(w, x, outputs);
  await mayChange(w, x.app, x.wish.add);
  const lease = await w.store.lease(HOLD_MS);
  const began = w.clock.monotonic();
  try {
    const { clock, store } = w;
    const { show, signal } = x;
    const { epoch } = await changeVoters({ clock, store, prefix: prefixOf(x.app.name), lease, show, signal }, voters);
    return { voters, epoch, ms: Math.round(w.clock.monotonic() - began) };
  } catch (e) {
    throw e instanceof ChangeRefused ? refused(x, e) : e;
  } finally {
    w.pinned.delete(x.app.name);
    await lease.close();
  }
}

/** Everybody was told: nothing of the change is left to do. Throws TW5152, TW1020. */
export async function endChange(w: StateWiring, x: VoterCall): Promise<void> {
  const key = prefixOf(x.app.name) + JOINING_KEY;
  const { revision } = await joiningOf(w, x.app.name);
  if (revision === 0) return;
  const t = await w.store.txn({ if: [{ key, revision }], put: [], remove: [key] });
  if (t.is === 'unknown') throw storeFailed(x, t.why);
  w.pinned.delete(x.app.name);
}
