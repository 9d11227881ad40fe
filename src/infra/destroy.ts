import { type ClusterName, causes, fault, type Problem, problemOf, toJson } from '../kernel/index.ts';
import { finishApply, runPlanFile, verb } from './apply.ts';
import { refusalOf } from './classify.ts';
import {
  badState,
  type Engine,
  failureOf,
  guarded,
  type InfraContext,
  type Signals,
  type Tracker,
  tracker,
} from './engine.ts';
import { clusterRoot, type InfraEvent, type Root, type RootId } from './model.ts';
import { outputsOf } from './outputs.ts';
import { planRoot } from './plan-roots.ts';
import type { DrainPort, Leftover, LeftoverPort } from './ports.ts';
import { fill, NAMESERVER, rootsOf } from './roots.ts';
import { sortLeftovers } from './sweep.ts';

export interface DestroyInput extends InfraContext {
  /** Only these clusters; absent: every root on disk, the zone too. */
  only?: readonly ClusterName[];
  drain?: DrainPort;
  /** Destroy without waiting for load balancers and volumes. */
  skipDrain?: boolean;
  leftovers?: LeftoverPort;
}
interface Down {
  e: Engine;
  input: DestroyInput;
}

/** Roots that a teardown would touch and how many resources each has. Reads states only. */
export async function infraInventory(
  ctx: InfraContext,
  only?: readonly ClusterName[],
): Promise<{ root: RootId; resources: number }[]> {
  const all = await ctx.tf.roots.list();
  const wanted = all.filter((id) => only === undefined || only.some((c) => clusterRoot(c) === id));
  return await Promise.all(
    wanted.map(async (root) => ({ root, resources: (await ctx.tf.roots.state(root))?.resources ?? 0 })),
  );
}

const clusterOf = (id: RootId): ClusterName | undefined =>
  id.startsWith('cluster:') ? id.slice('cluster:'.length) : undefined;

function protectedBy({ e }: Down, name: ClusterName): string | undefined {
  if (e.ctx.config.protect) return 'protect';
  return e.ctx.config.clusters.find((c) => c.name === name)?.protect === true ? `clusters.${name}.protect` : undefined;
}

/** Everything that forbids this teardown, before anything is touched. */
async function refusals(d: Down, ids: readonly RootId[]): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const name of ids.flatMap((id) => clusterOf(id) ?? [])) {
    const path = protectedBy(d, name);
    if (path !== undefined) {
      const fix = [{ say: 'Set protect to false in the config and try again.' }];
      problems.push(fault('TW2303', { value: name, where: [{ cluster: name, path }], fix }).problem);
    } else if (d.input.only !== undefined)
      problems.push(...[await d.input.drain?.needed(name)].flatMap((n) => n ?? []));
  }
  return problems;
}

/** Traffic away, then the load balancers and volumes that terraform does not know. */
async function drain({ e, input }: Down, t: Tracker, cluster: ClusterName): Promise<void> {
  const port = input.drain;
  if (port === undefined) return;
  t.to('draining', input.skipDrain === true ? { note: 'drain skipped' } : {});
  if (input.skipDrain === true) return;
  try {
    if (input.only !== undefined) await port.drainTraffic(cluster);
    for await (const step of port.removeCloudObjects(cluster)) {
      t.note(step.note);
      if (e.stopped()) throw new Error('interrupted');
    }
  } catch (cause) {
    throw fault('TW2304', {
      value: cluster,
      where: [{ cluster }],
      cause,
      fix: [
        {
          say: 'Destroy it without waiting; what stays in the cloud is listed:',
          command: `tw down --on ${cluster} --skip-drain`,
        },
      ],
    });
  }
}

/** What the cloud still has, or why it did not say. */
async function leftovers({ e, input }: Down, cluster: ClusterName): Promise<Leftover[] | { unknown: string[] }> {
  try {
    return (await input.leftovers?.leftovers(e.ctx.config.fleet, cluster)) ?? [];
  } catch (error) {
    const p = problemOf(error);
    return { unknown: [`${p.code} ${p.title}`, ...p.why] };
  }
}

/** Deletes what the sweep may; how many went. */
async function sweep(d: Down, t: Tracker, cluster: ClusterName): Promise<number> {
  t.to('sweeping');
  const found = await leftovers(d, cluster);
  const sorted = sortLeftovers(Array.isArray(found) ? found : [], d.e.ctx.config.fleet, cluster);
  if (sorted.remove.length > 0) t.note(`deleting ${sorted.remove.length} leftovers`);
  if (sorted.remove.length > 0) t.note(`removes ${sorted.remove.map((l) => `${l.kind} ${l.id}`).join(', ')}`);
  const gone = await Promise.allSettled(sorted.remove.map(async (l) => await d.input.leftovers?.remove(l)));
  d.e.ctx.journal.append({
    kind: 'infra.sweep',
    run: d.e.run,
    cluster,
    data: toJson({
      found: Array.isArray(found) ? found.map((l) => `${l.kind} ${l.id}`) : found,
      kept: sorted.keep.length,
      failed: gone.flatMap((r, i) =>
        r.status === 'rejected' ? [`${sorted.remove[i]?.id ?? ''}: ${causes(r.reason)[0] ?? ''}`] : [],
      ),
    }),
  });
  return gone.filter((r) => r.status === 'fulfilled').length;
}

/** One `plan -destroy` and its apply; the problem when it did not go through. */
async function destroyOnce(e: Engine, t: Tracker): Promise<Problem | undefined> {
  const p = await planRoot(e, t, true);
  if (p.kind === 'failed') return p.problem;
  if (p.kind === 'unchanged') return undefined;
  const ran = await runPlanFile(e, t, p.changes, 'destroying');
  if (ran.code === 0) return undefined;
  const problem = failureOf(e, t, ran, 'destroy');
  t.to(badState(e, ran), { problem });
  return problem;
}

const blocks = (p: Problem): boolean => p.code === 'TW2102' && refusalOf(p.why[0] ?? '') === 'dependency';

async function destroyed(d: Down, t: Tracker): Promise<Problem | undefined> {
  const { e } = d;
  const cluster = t.root.cluster;
  let problem = await destroyOnce(e, t);
  if (problem !== undefined && cluster !== undefined && blocks(problem) && (await sweep(d, t, cluster)) > 0)
    problem = await destroyOnce(e, t);
  if (problem !== undefined)
    return cluster !== undefined && blocks(problem) ? ((await report(d, t, { cluster, problem })) ?? problem) : problem;
  // the root says where the cluster was built: it goes after the last look at the cloud
  const left = cluster === undefined ? undefined : await report(d, t, { cluster });
  await e.ctx.tf.roots.remove(t.root.id);
  return left;
}

/** The last sweep and what it leaves; `problem`: what terraform could not destroy because of it. */
async function report(
  d: Down,
  t: Tracker,
  { cluster, problem }: { cluster: ClusterName; problem?: Problem },
): Promise<Problem | undefined> {
  if (d.input.leftovers === undefined) return undefined;
  if (problem === undefined) await sweep(d, t, cluster);
  const found = await leftovers(d, cluster);
  const left = Array.isArray(found) ? found : [];
  if (found === left && left.length === 0) return undefined;
  return fault('TW2301', {
    value: cluster,
    where: left.map((l) => ({ cluster, resource: `${l.kind} ${l.id}` })),
    why: [
      ...(problem?.why ?? []),
      ...(Array.isArray(found)
        ? left.map((l) => `${l.kind} ${l.id}`)
        : ['the cloud did not say what is left', ...found.unknown]),
    ],
    fix: left.flatMap((l) => (l.link === undefined ? [] : [{ say: `Look at ${l.link}` }])),
  }).problem;
}

async function destroyRoot(d: Down, id: RootId): Promise<Problem[]> {
  const root = await d.e.ctx.tf.roots.load(id, d.e.ctx.config.fleet);
  if (root === undefined) return [];
  const t = tracker(d.e, root);
  return await guarded<Problem[]>(
    t,
    async () => {
      if (((await d.e.ctx.tf.roots.state(id))?.resources ?? 0) > 0 && root.cluster !== undefined)
        await drain(d, t, root.cluster);
      const problem = await destroyed(d, t);
      if (problem === undefined) t.to('gone');
      else if (problem.code === 'TW2301') t.to('leftovers', { problem });
      return problem === undefined ? [] : [problem];
    },
    (problem) => [problem],
  );
}

/** Takes clusters out of the delegation before they go, so that no resolver is sent to a dead nameserver. */
async function shrinkZone({ e }: Down, leaving: readonly ClusterName[]): Promise<Problem[]> {
  const zone = rootsOf(e.ctx.config).find((r) => r.id.startsWith('zone:'));
  if (zone === undefined || (await e.ctx.tf.roots.state(zone.id)) === undefined) return [];
  const outputs = await outputsOf(e.ctx.config, e.ctx.tf.roots);
  const filled = fill(zone, Object.fromEntries(Object.entries(outputs).filter(([c]) => !leaving.includes(c))));
  if (Object.keys(filled.vars[NAMESERVER] ?? {}).length === 0) return [];
  const t = tracker(e, filled as Root);
  return await guarded<Problem[]>(
    t,
    async () => {
      const p = await planRoot(e, t);
      if (p.kind === 'failed') return [p.problem];
      if (p.kind === 'unchanged') return [];
      const done = await finishApply(e, t, await runPlanFile(e, t, p.changes, 'applying'), p.changes);
      return done.kind === 'failed' ? [done.problem] : [];
    },
    (problem) => [problem],
  );
}

async function destroyAll(d: Down): Promise<Problem[]> {
  const { e, input } = d;
  const found = await infraInventory(e.ctx, input.only);
  const ids = found.map((f) => f.root);
  if (ids.length > 0) await e.ctx.tf.ready();
  const no = await refusals(d, ids);
  if (no.length > 0) return no;
  e.ctx.journal.append({ kind: 'infra.down', run: e.run, data: { roots: ids, skipDrain: input.skipDrain ?? false } });
  const zones = ids.filter((id) => id.startsWith('zone:'));
  const clusters = ids.filter((id) => id.startsWith('cluster:'));
  const zoneProblems = input.only === undefined ? [] : await shrinkZone(d, input.only);
  const first = await Promise.all(zones.map((id) => destroyRoot(d, id)));
  const rest = await Promise.all(clusters.map((id) => e.parallel(() => destroyRoot(d, id))));
  return [...zoneProblems, ...first.flat(), ...rest.flat()];
}

/**
 * Takes clusters down: drain, `plan -destroy`, apply, sweep, report; the zone first when everything
 * goes. Refuses as a whole (TW2303, and what the state needs: TW5150) before anything is touched. The last event is `end`.
 */
export function infraDestroy(input: DestroyInput, signals: Signals = {}): AsyncIterable<InfraEvent> {
  return verb(input, signals, async (e) => await destroyAll({ e, input }));
}
