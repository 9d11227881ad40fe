import { type ClusterPlan, type FleetEvent, type FleetPlan, fleetApply } from '../fleet/index.ts';
import { foldInfra, type InfraFold, infraApply, infraView, type Outputs, writeKubeconfig } from '../infra/index.ts';
import { EXIT, fault, type Problem, toJson } from '../kernel/index.ts';
import { keepApplied } from './applied.ts';
import { type Board, board, STEP_TONE } from './board.ts';
import type { Context, Io } from './context.ts';
import { meetMembers, meetState } from './coordination.ts';
import { earlierRuns, settle } from './earlier.ts';
import { takeLock } from './lock.ts';
import { makePlan, planFleet } from './makeplan.ts';
import { mirror } from './mirror.ts';
import type { Args, Outcome } from './model.ts';
import { changesOf, type Plan, planData, planFacts, planView, problemsOf } from './plan.ts';
import type { Engine } from './ports.ts';
import { ensureSwitches } from './release/live.ts';
import { startSandbox } from './sandbox.ts';
import { selectClusters } from './select.ts';
import { stillAgreed } from './would.ts';

interface Up {
  c: Context;
  e: Engine;
  io: Io;
  b: Board;
  problems: Problem[];
  only?: readonly string[];
}

/** Applies the infrastructure part; the outputs of every cluster that stands. */
async function build(u: Up, plan: Plan): Promise<Outputs> {
  u.b.set(['clusters'], { tone: 'busy', label: 'clusters (terraform)' });
  let fold: InfraFold = new Map();
  let outputs: Outputs = {};
  for await (const event of infraApply(plan.infra, u.e.infra, { stop: u.io.signal, detach: u.io.detach })) {
    fold = foldInfra(fold, event);
    mirror(u.b, ['clusters'], infraView(fold, u.c.clock.now()).rows);
    if (event.type !== 'end') continue;
    outputs = event.outputs;
    u.problems.push(...event.failures);
    u.b.set(['clusters'], { tone: event.failures.length === 0 ? 'ok' : 'bad' });
  }
  return outputs;
}

/** A cluster that did not exist when the plan was shown may only get creates. */
function onlyCreates(c: ClusterPlan): Problem | undefined {
  const other = c.apps.flatMap((a) => a.ops).find((op) => op.kind !== 'create' && op.kind !== 'same');
  if (other === undefined) return undefined;
  return fault('TW3040', {
    value: `${other.ref.kind}/${other.ref.name}`,
    where: [{ cluster: c.name }],
    why: [`the plan said "create" for a new cluster, now it would be "${other.kind}"`],
    fix: [{ say: 'Look again:', command: 'tw plan' }],
  }).problem;
}

/** The shown plan, with clusters that are new by now planned for real. */
async function completed(u: Up, plan: Plan, outputs: Outputs): Promise<FleetPlan> {
  const born = plan.fleet.clusters
    .filter((c) => c.identity === 'not-yet' && outputs[c.name] !== undefined)
    .map((c) => c.name);
  const ready = plan.fleet.clusters.filter((c) => c.identity !== 'not-yet');
  if (born.length === 0) return { ...plan.fleet, clusters: ready };
  const now = await planFleet(u.e, outputs, Object.fromEntries(born.map((n) => [n, 'present' as const])), {
    only: born,
    born: true,
  });
  const good = now.clusters.filter((c) => {
    const problem = onlyCreates(c);
    if (problem !== undefined) u.problems.push(problem);
    return problem === undefined;
  });
  return { ...plan.fleet, clusters: [...ready, ...good] };
}

const sayWaiting = (e: Extract<FleetEvent, { type: 'waiting' }>): string =>
  e.on.map((o) => `${o.ref.kind}/${o.ref.name}: ${o.health.message || o.health.state}`).join('; ');

function showStep(b: Board, e: Extract<FleetEvent, { type: 'step' }>): void {
  const tone = { stopped: 'bad', lagging: 'bad', sealed: 'ok', unchanged: 'ok' } as const;
  const why = e.problem === undefined ? '' : `${e.problem.code} ${e.problem.title}: ${e.problem.why[0] ?? ''}`;
  const cells = { step: e.step, now: undefined };
  b.set(['apps', `${e.cluster} ${e.app}`], { tone: tone[e.step as keyof typeof tone] ?? 'busy', cells, why });
}

function showFleet(b: Board, e: FleetEvent): void {
  switch (e.type) {
    case 'step':
      showStep(b, e);
      return;
    case 'object': {
      const now = `${e.did} ${e.ref.kind}/${e.ref.name}`;
      b.set(['apps', `${e.cluster} ${e.app}`], { tone: 'busy', cells: { now }, why: '' });
      return;
    }
    case 'waiting':
      b.set(['apps', `${e.cluster} ${e.app}`], { tone: 'busy', cells: { now: 'waiting' }, why: sayWaiting(e) });
      return;
    case 'throttled':
      b.set(['apps', e.cluster], { tone: 'warn', why: `throttled: ${e.why}` });
      return;
    case 'identity':
    case 'end':
      return;
  }
}

async function deploy(u: Up, plan: FleetPlan, outputs: Outputs): Promise<void> {
  u.b.set(['apps'], { tone: 'busy', label: 'apps (Kubernetes)' });
  const keep = keepApplied(u.c.journal(), u.c.clock);
  const input = { api: async (name: string) => u.e.kube(name, outputs), clock: u.c.clock };
  let failed = 0;
  for await (const event of fleetApply(plan, input, u.io.signal)) {
    showFleet(u.b, event);
    keep(event);
    if (event.type !== 'end') continue;
    failed = event.failed.length;
    u.problems.push(...event.failed.map((f) => f.problem));
  }
  u.b.set(['apps'], { tone: failed === 0 ? 'ok' : 'bad' });
}

/** An app that is released blue/green gets its switch with its first version. */
async function switchOn(u: Up, outputs: Outputs): Promise<void> {
  const done = await ensureSwitches(u.e, outputs, u.only);
  if (done.length === 0) return;
  const failed = done.flatMap((d) => (d.problem === undefined ? [] : [d.problem]));
  u.problems.push(...failed);
  u.b.set(['switches'], { tone: failed.length === 0 ? 'ok' : 'bad', label: 'switches (blue/green)' });
  for (const d of done) {
    const why =
      d.problem === undefined ? {} : { why: `${d.problem.code} ${d.problem.title}: ${d.problem.why[0] ?? ''}` };
    const tone = d.problem === undefined ? 'ok' : 'bad';
    u.b.set(['switches', `${d.cluster} ${d.app}`], { tone, cells: { step: d.did }, ...why });
  }
}

async function route(u: Up, outputs: Outputs): Promise<void> {
  if (u.e.config.dns === undefined) return;
  u.b.set(['traffic'], { tone: 'busy', label: 'traffic (DNS)' });
  try {
    for await (const s of u.e.traffic.apply(outputs, u.io.signal)) {
      const tone = STEP_TONE[s.state];
      u.b.set(['traffic', s.step], { tone, ...(s.detail === undefined ? {} : { why: s.detail }) });
    }
    u.b.set(['traffic'], { tone: 'ok' });
  } catch (error) {
    u.b.set(['traffic'], { tone: 'bad' });
    // Stopped by a person: what is left is said by the exit code.
    if (u.io.signal.aborted) return;
    throw error;
  }
}

/** Shows the plan and gets the word to go. Throws TW6005. */
async function approve(u: Up, plan: Plan, args: Args): Promise<void> {
  stillAgreed(u.c, planFacts(plan));
  const wanted = args['plan'] as string | undefined;
  if (wanted !== undefined && wanted !== plan.id) {
    throw fault('TW2104', {
      value: wanted,
      why: [`the plan is now ${plan.id}`],
      fix: [{ say: 'Look at it:', command: 'tw plan' }],
    });
  }
  if (args['yes'] === true || wanted !== undefined || changesOf(plan).total === 0) return;
  u.io.show(planView(plan, u.c.clock.now()));
  const answer = await u.io.ask({ kind: 'yes', text: `Apply plan ${plan.id}?`, flag: '--yes' });
  if (answer !== 'yes') throw fault('TW6005', { value: plan.id, why: ['the answer was no; nothing was changed'] });
}

/** Deletions that the plan withholds are said although the rest is done. */
const withheld = (plan: Plan): Problem[] => problemsOf(plan).filter((p) => p.code === 'TW3030');

/** The worst of several problems decides the exit code: interrupted first, then credentials, then the rest. */
function verdict(u: Up, outputs: Outputs): Pick<Outcome, 'problem' | 'warnings' | 'exit'> {
  const [first, ...more] = u.problems;
  if (u.io.signal.aborted)
    return { ...(first === undefined ? {} : { problem: first, warnings: more }), exit: EXIT.interrupted };
  if (first === undefined) return {};
  const denied = u.problems.find((p) => p.exit === EXIT.denied);
  const standing = Object.keys(outputs).length;
  return {
    problem: denied ?? first,
    warnings: u.problems.filter((p) => p !== (denied ?? first)),
    exit: denied?.exit ?? (standing === 0 ? first.exit : EXIT.applyFailed),
  };
}

/** What must meet across clusters meets while the rest comes up: an app is ready only once its state is. */
async function together(u: Up, plan: FleetPlan, outputs: Outputs): Promise<void> {
  const met = Promise.all([meetMembers(u.e, outputs, u.b, u.io.signal), meetState(u.e, outputs, u.b, u.io.signal)]);
  await deploy(u, plan, outputs);
  u.problems.push(...(await met).flat());
}

async function perform(u: Up, plan: Plan): Promise<Outputs> {
  const outputs = await build(u, plan);
  if (Object.keys(outputs).length > 0) writeKubeconfig(outputs, u.e.place, u.e.kubeconfig, { fleet: u.e.config.fleet });
  if (u.io.signal.aborted || Object.keys(outputs).length === 0) return outputs;
  u.problems.push(...withheld(plan));
  await together(u, await completed(u, plan, outputs), outputs);
  if (!u.io.signal.aborted) await switchOn(u, outputs);
  if (!u.io.signal.aborted) await route(u, outputs);
  return outputs;
}

function outcome(u: Up, plan: Plan, outputs: Outputs): Outcome {
  const data = {
    plan: planData(plan),
    clusters: Object.keys(outputs),
    kubeconfig: u.e.kubeconfig,
    failures: toJson(u.problems.map((p) => ({ code: p.code, where: p.where, why: p.why }))),
  };
  return { data, view: u.b.view(), ...verdict(u, outputs) };
}

/** Builds the clusters, deploys the apps, routes the users: plan, policy, apply. */
export async function up(c: Context, args: Args, io: Io): Promise<Outcome> {
  if (args['dryRun'] === true) return await plan(c, args, io);
  const free = takeLock(c, 'up');
  try {
    const b = board(io.show, c.clock.now);
    const config = await c.config();
    const on = args['on'] as string[];
    // A server in a pod is inside of it.
    if (args['sandbox'] === true && c.standsAt === undefined) await startSandbox(await c.sandbox(), config, b.set);
    const e = await c.engine(args['sandbox'] === true ? 'sandbox' : undefined);
    const u: Up = {
      c,
      e,
      io,
      b,
      problems: [],
      ...(on.length === 0 ? {} : { only: selectClusters(config, on).map((k) => k.name) }),
    };
    await settle(e, io, b, c.clock.now);
    b.set(['plan'], { tone: 'busy', label: 'plan' });
    const plan = await makePlan(e, {
      ...(u.only === undefined ? {} : { only: u.only }),
      signal: io.signal,
      confirmed: args['plan'] as string | undefined,
    });
    b.set(['plan'], { tone: 'ok', cells: { id: plan.id, changes: String(changesOf(plan).total) } });
    await approve(u, plan, args);
    await c.take?.();
    c.journal().append({ kind: 'command.up', data: { plan: plan.id, changes: changesOf(plan) } });
    const outputs = await perform(u, plan);
    return outcome(u, plan, outputs);
  } finally {
    free();
  }
}

/** Shows every change; exit 6 with --exit-code when there is one. */
export async function plan(c: Context, args: Args, io: Io): Promise<Outcome> {
  const config = await c.config();
  const on = args['on'] as string[];
  const e = await c.engine(args['sandbox'] === true ? 'sandbox' : undefined);
  const made = await makePlan(e, {
    ...(on.length === 0 ? {} : { only: selectClusters(config, on).map((k) => k.name) }),
    signal: io.signal,
    look: true,
  });
  const [problem, ...more] = problemsOf(made);
  const warnings = [...more, ...earlierRuns(e)];
  const differs = args['exitCode'] === true && changesOf(made).total > 0;
  return {
    data: planData(made),
    would: { id: made.id, facts: planFacts(made) },
    view: planView(made, c.clock.now()),
    warnings,
    ...(problem === undefined ? {} : { problem }),
    ...(problem === undefined && differs ? { exit: EXIT.difference } : {}),
  };
}
