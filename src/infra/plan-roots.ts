import { type ClusterName, digest, fault, type Json, type Problem, toJson } from '../kernel/index.ts';
import {
  badState,
  type Engine,
  engine,
  execute,
  failureOf,
  guarded,
  type InfraContext,
  inRoot,
  lockArg,
  type Ran,
  type Signals,
  type Tracker,
  tracker,
} from './engine.ts';
import { mayHoldUsers } from './machine.ts';
import {
  type Change,
  type InfraEvent,
  type InfraPlan,
  type Outputs,
  type Presence,
  type Root,
  type RootId,
  type RootPlan,
} from './model.ts';
import { outputsOf } from './outputs.ts';
import { changesOf, driftOf, type PlanFacts, type PlanJson, planDigest, refuseLoss, unchangedDigest } from './plan.ts';
import { preflight, preflightError } from './preflight.ts';
import { envelopeDigest, envelopeOf, fill, rootsOf, waitsFor } from './roots.ts';

export const PLAN_FILE = 'plan.tfplan';
const PLAN_NOTE = 'plan.json';

export type Planned =
  | { kind: 'planned'; changes: Change[]; drift: Change[]; digest: string }
  | { kind: 'unchanged'; drift: Change[]; digest: string }
  | { kind: 'failed'; problem: Problem };

async function planFacts(e: Engine, root: Root): Promise<PlanFacts> {
  const { roots } = e.ctx.tf;
  const [moduleDigest, state] = await Promise.all([roots.moduleDigest(root), roots.state(root.id)]);
  return { root, moduleDigest, lineage: state?.lineage ?? null };
}

async function shown(e: Engine, root: Root): Promise<PlanJson> {
  const r = await e.ctx.tf.runs.query(root.id, ['show', '-json', PLAN_FILE]);
  if (r.code !== 0) throw fault('TW2106', { value: root.id, why: [r.stderr] });
  return JSON.parse(r.stdout) as PlanJson;
}

/** Drift that no change follows from, such as node counts that the module ignores. */
const harmless = (ran: Ran): Change[] =>
  ran.view.drift.map((d) => ({
    address: d.address,
    type: d.kind,
    action: d.action === 'delete' ? 'delete' : 'update',
    destroysCluster: false,
  }));

/** Plans one root into `plan.tfplan`. `destroy`: the plan that removes everything. */
export async function planRoot(e: Engine, t: Tracker, destroy = false): Promise<Planned> {
  const { roots } = e.ctx.tf;
  const { root } = t;
  // a root that is destroyed stays as it was applied: a changed region would look in the wrong place
  if (!destroy) await roots.write(root, e.ctx.config.fleet);
  await roots.drop(root.id, PLAN_FILE);
  const args = ['plan', '-json', '-input=false', lockArg(e), '-detailed-exitcode', `-out=${PLAN_FILE}`];
  const result = await inRoot(e, t, 'planning', async () => {
    t.begin(0);
    return await execute(e, t, 'plan', destroy ? [...args, '-destroy'] : args);
  });
  if ('problem' in result) {
    t.to(e.stopped() ? 'interrupted' : 'failed', { problem: result.problem });
    return { kind: 'failed', problem: result.problem };
  }
  const { ran } = result;
  if (ran.code !== 0 && ran.code !== 2) {
    const problem = failureOf(e, t, ran, 'plan');
    t.to(badState(e, ran), { problem });
    return { kind: 'failed', problem };
  }
  await roots.protect(root.id, PLAN_FILE);
  const facts = await planFacts(e, root);
  if (ran.code === 0) {
    await roots.drop(root.id, PLAN_FILE);
    t.to('unchanged');
    return { kind: 'unchanged', drift: harmless(ran), digest: unchangedDigest(facts) };
  }
  return await read(e, t, facts);
}

async function read(e: Engine, t: Tracker, facts: PlanFacts): Promise<Planned> {
  const json = await shown(e, t.root);
  const changes = changesOf(json);
  const id = planDigest(json, facts);
  await e.ctx.tf.roots.note(t.root.id, PLAN_NOTE, { digest: id });
  t.to('planned');
  return { kind: 'planned', changes, drift: driftOf(json), digest: id };
}

/** True when the plan file on disk is the one with this digest. */
export async function planIs(e: Engine, id: RootId, wanted: string): Promise<boolean> {
  const { roots } = e.ctx.tf;
  if (!(await roots.exists(id, PLAN_FILE))) return false;
  return (await roots.noted(id, PLAN_NOTE))?.['digest'] === wanted;
}

const baseOf = (root: Root): { root: RootId; cluster?: string } => ({
  root: root.id,
  ...(root.cluster === undefined ? {} : { cluster: root.cluster }),
});

type Refused = ReadonlyMap<ClusterName, Problem>;
/** What the cloud says against a root, and whether planning may begin before it has said so. */
interface Refusal {
  problem: Promise<Problem | undefined>;
  beside: boolean;
}

async function rootPlan(e: Engine, root: Root, refusal: Refusal): Promise<RootPlan> {
  const t = tracker(e, root);
  const base = baseOf(root);
  const drop = async (problem: Problem): Promise<RootPlan> => {
    t.to('failed', { problem });
    await e.ctx.tf.roots.drop(root.id, PLAN_FILE);
    return { ...base, kind: 'failed', problem };
  };
  return await guarded<RootPlan>(
    t,
    async () => {
      const early = refusal.beside ? undefined : await refusal.problem;
      if (early !== undefined) return await drop(early);
      const p = await planRoot(e, t);
      const late = await refusal.problem;
      if (late !== undefined && p.kind !== 'failed') return await drop(late);
      if (late !== undefined) return { ...base, kind: 'failed', problem: late };
      if (p.kind !== 'planned') return { ...base, ...p };
      const precious = mayHoldUsers(e.ctx.journal.read({ kind: 'infra.state' }), root.id);
      const loss = refuseLoss(p.changes, root.cluster, precious);
      if (loss !== undefined) return await drop(loss);
      return { ...base, ...p, file: e.ctx.tf.roots.path(root.id, PLAN_FILE) };
    },
    (problem) => ({ ...base, kind: 'failed', problem }),
  );
}

async function deferred(e: Engine, root: Root, waits: RootId[]): Promise<RootPlan> {
  const envelope = envelopeOf(root);
  const id = envelopeDigest(root, envelope, await e.ctx.tf.roots.moduleDigest(root));
  return { ...baseOf(root), kind: 'deferred', waitsFor: waits, envelope, digest: id };
}

/** Presence of a cluster whose root holds resources. */
function standing(ctx: InfraContext, cluster: string, outputs: Outputs): Presence {
  if (!ctx.config.clusters.some((c) => c.name === cluster)) return 'leaving';
  return outputs[cluster] === undefined ? 'rebuilding' : 'present';
}

async function presenceOf(ctx: InfraContext, outputs: Outputs): Promise<Record<string, Presence>> {
  const presence: Record<string, Presence> = {};
  for (const c of ctx.config.clusters) presence[c.name] = outputs[c.name] === undefined ? 'absent' : 'present';
  for (const id of (await ctx.tf.roots.list()).filter((i) => i.startsWith('cluster:'))) {
    const cluster = id.slice('cluster:'.length);
    const resources = await ctx.tf.roots.state(id).then(
      (s) => s?.resources ?? 0,
      () => undefined,
    );
    if (resources === undefined) presence[cluster] = 'unknown';
    else if (resources > 0) presence[cluster] = standing(ctx, cluster, outputs);
  }
  return presence;
}

export interface PlanInput extends InfraContext {
  /** Only these clusters (and the zone that names them). */
  only?: readonly string[];
  /**
   * Clusters that their cloud would not let be built (preflight): their roots fail without a plan. While that is
   * still asked, clusters that stand are planned already: planning only reads.
   */
  refused?: Refused | Promise<Refused>;
}

/** Digest over all roots: the id that a person approves. Failed roots count with their code. */
const planId = (roots: readonly RootPlan[]): string =>
  digest(roots.map((r): Json => [r.root, r.kind, r.kind === 'failed' ? r.problem.code : r.digest]));

/**
 * Plans every root of the config, in parallel. A root that fails is a `failed` entry and stops no
 * other. Throws TW2001, and TW2010–TW2013 (all problems of the config at once).
 */
export async function infraPlan(
  input: PlanInput,
  signals: Signals = {},
  emit: (e: InfraEvent) => void = () => undefined,
): Promise<InfraPlan> {
  const error = preflightError(preflight(input.config));
  if (error !== undefined) throw error;
  await input.tf.ready();
  const e = engine(input, emit, signals);
  const outputs = await outputsOf(input.config, input.tf.roots);
  const roots = rootsOf(input.config, input.only);
  const ids = roots.map((r) => r.id);
  const refusal = (cluster: ClusterName | undefined): Refusal => ({
    problem: Promise.resolve(input.refused).then((all) => all?.get(cluster ?? '')),
    beside: cluster === undefined || outputs[cluster] !== undefined,
  });
  const plans = await Promise.all(
    roots.map(async (root) => {
      const waits = waitsFor(root, outputs, ids);
      return waits.length > 0
        ? await deferred(e, root, waits)
        : await e.parallel(() => rootPlan(e, fill(root, outputs), refusal(root.cluster)));
    }),
  );
  const plan = { roots: plans, presence: await presenceOf(input, outputs), digest: planId(plans) };
  input.journal.append({
    kind: 'infra.plan',
    run: e.run,
    data: toJson({ digest: plan.digest, roots: plans.map((p) => ({ root: p.root, kind: p.kind })) }),
  });
  return plan;
}
