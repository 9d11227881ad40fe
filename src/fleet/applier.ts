import { randomUUID } from 'node:crypto';
import { type Clock, fault, type Problem, TwError } from '../kernel/index.ts';
import { applysetId } from './applyset.ts';
import { Channel } from './channel.ts';
import type { FleetEvent } from './events.ts';
import { kubeFault } from './faults.ts';
import { waitHealthy } from './gate.ts';
import { type Action, after, isSettled, next, type Outcome, type State, start } from './machine/apply.ts';
import type { AppPlan, ClusterPlan, FleetPlan } from './model.ts';
import { patient } from './patient.ts';
import { foldItem } from './plan/fold.ts';
import { keepFound } from './plan/found.ts';
import { keyOf } from './plan/objects.ts';
import { managerOf } from './planner.ts';
import { type KubeApi, KubeError } from './ports.ts';
import { readSet, survey } from './survey.ts';
import { Turns } from './turns.ts';
import { checkEpoch, claim, removeOp, seal, type Unit, writeOp } from './writer.ts';

export interface ApplyInput {
  /** The API of a cluster of the plan; `undefined` = still not reachable. */
  api(cluster: string): Promise<KubeApi | undefined>;
  clock: Clock;
  /** Milliseconds a wave may take to become healthy; default 5 min. 0: no wave waits for health. */
  gateMs?: number;
  /** Failed apps after which no further wave is written anywhere; default: others always go on. */
  maxFailures?: number;
}
const GATE_MS = 300_000;

interface Run {
  id: string;
  plan: FleetPlan;
  input: ApplyInput;
  signal: AbortSignal;
  out: Channel<FleetEvent>;
  applied: number;
  failed: { cluster: string; app?: string; problem: Problem }[];
}

async function perform(u: Unit, a: Action, gateMs: number): Promise<void> {
  switch (a.do) {
    case 'claim':
      return claim(u);
    case 'write':
      if (a.ops.length === 0) return;
      await checkEpoch(u);
      await Promise.all(a.ops.map((op) => writeOp(u, op)));
      return;
    case 'wait':
      return gateMs === 0 ? undefined : waitHealthy(u, a.ops, a.wave, gateMs);
    case 'delete':
      await checkEpoch(u);
      return removeOp(u, a.op);
    case 'seal':
      return seal(u);
    case 'end':
      return;
  }
}

const STEPS = {
  claim: 'claimed',
  write: 'wave',
  wait: 'gate',
  delete: 'pruning',
  seal: 'sealed',
  end: 'sealed',
} as const;

function told(u: Unit, a: Action): void {
  if ((a.do === 'write' || a.do === 'wait') && a.ops.length === 0) return;
  const wave = a.do === 'write' || a.do === 'wait' ? { wave: a.wave } : {};
  u.emit({ type: 'step', cluster: u.cluster, app: u.plan.app, step: STEPS[a.do], ...wave });
}

function interrupted(run: Run, cluster: string): Outcome | undefined {
  if (run.signal.aborted) return { ok: false, why: 'interrupted' };
  const limit = run.input.maxFailures;
  if (limit !== undefined && run.failed.length > limit)
    return { ok: false, why: `stopped: ${cluster} waits, others failed` };
  return undefined;
}

async function step(run: Run, u: Unit, a: Action): Promise<{ outcome: Outcome; problem?: Problem }> {
  const early = interrupted(run, u.cluster);
  if (early !== undefined) return { outcome: early };
  try {
    await perform(u, a, run.input.gateMs ?? GATE_MS);
    told(u, a);
    return { outcome: { ok: true } };
  } catch (e) {
    if (run.signal.aborted) return { outcome: { ok: false, why: 'interrupted' } };
    const { problem } = kubeFault(e, u.cluster);
    return { outcome: { ok: false, why: problem.code }, problem };
  }
}

function refusals(plan: AppPlan): Problem[] {
  const blocked = plan.problems.filter((p) => p.code === 'TW3031');
  return [...blocked, ...plan.ops.flatMap((op) => (op.refused === undefined ? [] : [op.refused]))];
}

function report(run: Run, u: Unit, s: Extract<State, { at: 'stopped' }>, problems: readonly Problem[]): void {
  const wave = s.wave === undefined ? {} : { wave: s.wave };
  for (const problem of problems) {
    const lagging = problem.code === 'TW3012';
    run.failed.push({ cluster: u.cluster, app: u.plan.app, problem });
    u.emit({
      type: 'step',
      cluster: u.cluster,
      app: u.plan.app,
      step: lagging ? 'lagging' : 'stopped',
      ...wave,
      problem,
    });
  }
  if (problems.length === 0) u.emit({ type: 'step', cluster: u.cluster, app: u.plan.app, step: 'stopped', ...wave });
}

/** The app from its first step to its last, in turn with the other units of it. */
async function runApp(run: Run, u: Unit, turns: Turns): Promise<void> {
  if (isSettled(u.plan)) {
    u.emit({ type: 'step', cluster: u.cluster, app: u.plan.app, step: 'unchanged' });
    return;
  }
  let state = start(u.plan);
  let problems = refusals(u.plan);
  try {
    for (let a = next(state); a.do !== 'end'; a = next(state)) {
      const { outcome, problem } = (await turns.free(u.plan, a)) ? await step(run, u, a) : OTHERS;
      if (problem !== undefined) problems = [problem];
      state = after(state, outcome);
    }
  } finally {
    turns.end(u.plan, state.at === 'sealed');
  }
  if (state.at === 'stopped') report(run, u, state, problems);
  else run.applied++;
}
const OTHERS: { outcome: Outcome; problem?: Problem } = {
  outcome: { ok: false, why: 'stopped: another unit of the app did' },
};

/** First contact with a cluster that did not exist when the plan was made: everything must still be a create. */
async function meet(run: Run, c: ClusterPlan, api: KubeApi): Promise<ClusterPlan> {
  const found = await survey(api, c.name, run.plan.fleet);
  if (c.identity !== 'not-yet' && c.identity !== found.identity)
    throw fault('TW3011', {
      value: c.name,
      where: [{ cluster: c.name }],
      why: [`planned for ${c.identity}, now ${found.identity}`],
    });
  run.out.push({ type: 'identity', cluster: c.name, uid: found.identity });
  if (c.identity !== 'not-yet') return c;
  const apps = await Promise.all(c.apps.map((a) => again(run, c, a, api)));
  return { ...c, identity: found.identity, apps };
}

async function again(run: Run, c: ClusterPlan, a: AppPlan, api: KubeApi): Promise<AppPlan> {
  const manager = managerOf(a.app);
  const read = await readSet({ api, cluster: c.name, manager, allow: {} }, a.desired);
  const context = {
    cluster: c.name,
    fleet: run.plan.fleet,
    app: a.app,
    part: applysetId(a.app, a.namespace),
    manager,
    inventory: undefined,
    allow: {},
  };
  const ops = a.desired.items.map((i) =>
    foldItem(i, read.get(keyOf(i.ref)) ?? { at: 'absent', simulated: true }, context),
  );
  const kept = keepFound({ ...a, ops });
  const surprise = kept.ops.find((op) => op.kind !== 'create' && op.kind !== 'same');
  if (surprise !== undefined)
    throw fault('TW3040', {
      value: c.name,
      where: [{ cluster: c.name, resource: surprise.ref.name }],
      why: [`the plan was made for an empty cluster; it would now ${surprise.kind} an object`],
      fix: [{ say: 'Plan again.', command: 'tw plan' }],
    });
  return kept;
}

function unit(run: Run, c: ClusterPlan, plan: AppPlan, api: KubeApi): Unit {
  return {
    cluster: c.name,
    fleet: run.plan.fleet,
    planId: run.plan.id,
    plan,
    api,
    manager: managerOf(plan.app),
    part: applysetId(plan.app, plan.namespace),
    clock: run.input.clock,
    signal: run.signal,
    emit: (e) => run.out.push(e),
    done: new Map(),
    epoch: plan.epoch,
    run: run.id,
  };
}

async function runCluster(run: Run, c: ClusterPlan): Promise<void> {
  const fail = (problem: Problem): void => {
    run.failed.push({ cluster: c.name, problem });
    run.out.push({
      type: 'step',
      cluster: c.name,
      app: '',
      step: problem.code === 'TW3012' ? 'lagging' : 'stopped',
      problem,
    });
  };
  if (c.skipped !== undefined) return fail(c.skipped);
  if (c.apps.length === 0) return;
  try {
    const raw = await run.input.api(c.name);
    if (raw === undefined) throw new KubeError(0, 'Unreachable', 'there is no access to the cluster');
    const throttled = (ms: number, e: KubeError): void =>
      run.out.push({ type: 'throttled', cluster: c.name, ms, why: e.message });
    const api = patient(raw, { clock: run.input.clock, signal: run.signal, throttled, tries: 6 });
    const met = await meet(run, c, api);
    const turns = new Turns(met.apps);
    await Promise.all(met.apps.map((a) => runApp(run, unit(run, met, a, api), turns)));
  } catch (e) {
    if (run.signal.aborted) return;
    fail((e instanceof TwError ? e : kubeFault(e, c.name)).problem);
  }
}

/**
 * Does exactly the plan or stops: clusters and apps in parallel, waves in order and gated by health,
 * deletions last. Failures are events; the last event is `end`. Throws only what is a bug.
 */
export async function* fleetApply(plan: FleetPlan, input: ApplyInput, signal: AbortSignal): AsyncIterable<FleetEvent> {
  const run: Run = { id: randomUUID(), plan, input, signal, out: new Channel(), applied: 0, failed: [] };
  const work = Promise.all(plan.clusters.map((c) => runCluster(run, c))).then(
    () => {
      run.out.push({ type: 'end', applied: run.applied, failed: run.failed });
      run.out.end();
    },
    (error: unknown) => run.out.end({ error }),
  );
  yield* run.out;
  await work;
}
