import { type ClusterName, fault, type Json, type Problem, problemOf } from '../kernel/index.ts';
import { channel } from './channel.ts';
import { saysStale } from './classify.ts';
import {
  badState,
  type Engine,
  engine,
  execute,
  failureOf,
  guarded,
  type InfraContext,
  lockArg,
  type Ran,
  type Signals,
  type Tracker,
  tracker,
} from './engine.ts';
import type { Change, ClusterOutput, InfraEvent, InfraPlan, Outputs, Root, RootId, RootPlan } from './model.ts';
import { clusterOutput, outputsOf } from './outputs.ts';
import { operations, surplus } from './plan.ts';
import { PLAN_FILE, planIs, planRoot } from './plan-roots.ts';
import { envelopeDigest, fill, nameserversOf, rootsOf } from './roots.ts';

/** What became of one root. */
export type Applied = { kind: 'ready' } | { kind: 'failed'; problem: Problem };

const creates = (changes: readonly Change[]): boolean =>
  changes.some((c) => c.action === 'create' && c.type.endsWith('_cluster'));

/** Applies the root's plan file. */
export async function runPlanFile(
  e: Engine,
  t: Tracker,
  changes: readonly Change[],
  state: 'applying' | 'destroying',
): Promise<Ran> {
  t.begin(operations(changes));
  t.to(state);
  const verb = state === 'applying' ? 'apply' : 'destroy';
  return await execute(e, t, verb, ['apply', '-json', '-input=false', lockArg(e), PLAN_FILE]);
}

function interrupted(e: Engine, t: Tracker): Applied | undefined {
  if (!e.stopped()) return undefined;
  const problem = fault('TW2113', { value: t.root.id, why: ['it had not begun'] }).problem;
  t.to('interrupted', { problem });
  return { kind: 'failed', problem };
}

function changed(t: Tracker, before: readonly Change[], after: readonly Change[]): Problem {
  const line = (c: Change): string => `${c.action} ${c.address}`;
  const [old, now] = [before.map(line), after.map(line)];
  return fault('TW2104', {
    value: t.root.id,
    where: t.root.cluster === undefined ? [] : [{ cluster: t.root.cluster }],
    why: [
      ...now.filter((l) => !old.includes(l)).map((l) => `now also: ${l}`),
      ...old.filter((l) => !now.includes(l)).map((l) => `no longer: ${l}`),
    ].concat(now.join() === old.join() ? ['the same resources, but with other values'] : []),
    fix: [{ say: 'Look at the new plan and apply that:', command: 'tw plan' }],
  }).problem;
}

/** Plans again and goes on only when the new plan means the same. */
async function again(e: Engine, t: Tracker, p: Extract<RootPlan, { kind: 'planned' }>): Promise<Applied> {
  const now = await planRoot(e, t);
  if (now.kind === 'failed') return now;
  if (now.digest === p.digest && now.kind === 'planned')
    return await finishApply(e, t, await runPlanFile(e, t, now.changes, 'applying'), now.changes);
  const problem = changed(t, p.changes, now.kind === 'planned' ? now.changes : []);
  t.to('failed', { problem });
  return { kind: 'failed', problem };
}

async function applyPlanned(e: Engine, t: Tracker, p: Extract<RootPlan, { kind: 'planned' }>): Promise<Applied> {
  const stop = interrupted(e, t);
  if (stop !== undefined) return stop;
  t.to('locking');
  if (!(await planIs(e, p.root, p.digest))) return await again(e, t, p);
  const ran = await runPlanFile(e, t, p.changes, 'applying');
  if (ran.code === 1 && saysStale(ran.view)) return await again(e, t, p);
  return await finishApply(e, t, ran, p.changes);
}

/** What the exit code of an apply means for its root. */
export async function finishApply(e: Engine, t: Tracker, ran: Ran, changes: readonly Change[]): Promise<Applied> {
  await e.ctx.tf.roots.drop(t.root.id, PLAN_FILE);
  if (ran.code !== 0) {
    const problem = failureOf(e, t, ran, 'apply');
    t.to(badState(e, ran), { problem });
    return { kind: 'failed', problem };
  }
  if (t.root.cluster !== undefined) {
    const state = await e.ctx.tf.roots.state(t.root.id);
    clusterOutput(t.root.cluster, state?.outputs['cluster']);
  }
  t.to('ready', creates(changes) ? { tookMs: t.elapsedMs() } : {});
  return { kind: 'ready' };
}

/** Plans a root whose inputs have just become known and applies it when it stays inside its envelope. */
async function applyDeferred(e: Engine, root: Root, p: Extract<RootPlan, { kind: 'deferred' }>): Promise<Applied> {
  const t = tracker(e, root);
  return await guarded<Applied>(
    t,
    async () => {
      const stop = interrupted(e, t);
      if (stop !== undefined) return stop;
      await sameEnvelope(e, root, p);
      const now = await planRoot(e, t);
      if (now.kind === 'failed') return now;
      if (now.kind === 'unchanged') {
        t.to('ready');
        return { kind: 'ready' };
      }
      const over = surplus(now.changes, p.envelope);
      if (over.length === 0)
        return await finishApply(e, t, await runPlanFile(e, t, now.changes, 'applying'), now.changes);
      throw fault('TW2105', {
        value: root.id,
        where: over.map((c) => ({ resource: c.address })),
        why: over.map((c) => `${c.action} ${c.address}`),
        fix: [{ say: 'Look at the new plan and apply that:', command: 'tw plan' }],
      });
    },
    (problem) => ({ kind: 'failed', problem }),
  );
}

async function sameEnvelope(e: Engine, root: Root, p: Extract<RootPlan, { kind: 'deferred' }>): Promise<void> {
  const bare = rootsOf(e.ctx.config).find((r) => r.id === root.id) ?? root;
  const now = envelopeDigest(bare, p.envelope, await e.ctx.tf.roots.moduleDigest(root));
  if (now !== p.digest)
    throw fault('TW2104', { value: root.id, why: ['the config or the module changed since the plan'] });
}

function blocked(e: Engine, root: Root, waits: readonly RootId[]): Applied {
  const problem = fault('TW2114', { value: root.id, why: [`waits for ${waits.join(', ')}`] }).problem;
  tracker(e, root).to('failed', { problem });
  return { kind: 'failed', problem };
}

async function applyOne(e: Engine, root: Root, p: RootPlan): Promise<Applied> {
  const t = tracker(e, root);
  if (p.kind === 'failed') {
    t.to('failed', { problem: p.problem });
    return { kind: 'failed', problem: p.problem };
  }
  if (p.kind !== 'planned') {
    t.to('ready');
    return { kind: 'ready' };
  }
  return await guarded<Applied>(
    t,
    () => applyPlanned(e, t, p),
    (problem) => ({ kind: 'failed', problem }),
  );
}

/** A root of the plan as it is configured now, its needs filled with what the plan knew. */
function rootFor(all: readonly Root[], p: RootPlan, outputs: Outputs): Root {
  const root = all.find((r) => r.id === p.root);
  if (root === undefined) throw fault('TW2104', { value: p.root, why: ['it is no longer in the config'] });
  return fill(root, outputs);
}

async function applyAll(e: Engine, plan: InfraPlan): Promise<Problem[]> {
  const all = rootsOf(e.ctx.config);
  const before = await outputsOf(e.ctx.config, e.ctx.tf.roots);
  const [late, now] = [
    plan.roots.filter((p) => p.kind === 'deferred'),
    plan.roots.filter((p) => p.kind !== 'deferred'),
  ];
  for (const p of plan.roots) tracker(e, rootFor(all, p, before)).announce();
  const results = await Promise.all(now.map((p) => e.parallel(() => applyOne(e, rootFor(all, p, before), p))));
  if (late.length > 0) {
    // roots that failed before keep the address they had; those without one are left out
    const outputs = await outputsOf(e.ctx.config, e.ctx.tf.roots);
    for (const p of late) results.push(await applyLate(e, rootFor(all, p, outputs), p, outputs));
  }
  return results.flatMap((r) => (r.kind === 'failed' ? [r.problem] : []));
}

async function applyLate(e: Engine, root: Root, p: RootPlan, outputs: Outputs): Promise<Applied> {
  if (p.kind !== 'deferred') return { kind: 'ready' };
  if (Object.keys(nameserversOf(root, outputs)).length === 0) return blocked(e, root, p.waitsFor);
  return await applyDeferred(e, root, p);
}

/**
 * Applies exactly this plan: clusters side by side, then the zone. A failed root stops only what
 * needs it. The last event is `end`, with the outputs of every cluster that stands.
 */
export function infraApply(plan: InfraPlan, ctx: InfraContext, signals: Signals = {}): AsyncIterable<InfraEvent> {
  return verb(ctx, signals, async (e) => await applyAll(e, plan));
}

/** The events of one verb; whatever happens, the last one is `end`. */
export function verb(
  ctx: InfraContext,
  signals: Signals,
  work: (e: Engine) => Promise<Problem[]>,
): AsyncIterable<InfraEvent> {
  const out = channel<InfraEvent>();
  const e = engine(ctx, (event) => out.push(event), signals);
  const failed = (error: unknown): Problem[] => [problemOf(error)];
  void work(e)
    .catch(failed)
    .then(async (failures) => await end(e, failures))
    .catch((error: unknown) => {
      const { clock } = ctx;
      const lost = { outputs: {}, failures: failed(error), interrupted: e.stopped(), detached: e.detached() };
      out.push({ type: 'end', at: clock.now(), ...lost });
    })
    .finally(() => out.close());
  return out.values;
}

/** The closing event of a command. */
async function end(e: Engine, failures: Problem[]): Promise<void> {
  const outputs: Record<ClusterName, ClusterOutput> = await outputsOf(e.ctx.config, e.ctx.tf.roots);
  const { clock, journal } = e.ctx;
  const interrupted = e.stopped();
  const detached = e.detached();
  const data: Json = { failures: failures.map((f) => f.code), interrupted, detached, clusters: Object.keys(outputs) };
  journal.append({ kind: 'infra.end', run: e.run, data });
  e.emit({ type: 'end', at: clock.now(), outputs, failures, interrupted, detached });
}
