import { rmSync } from 'node:fs';
import { removeCloudObjects } from '../fleet/index.ts';
import {
  type DrainPort,
  foldInfra,
  type InfraEvent,
  type InfraFold,
  infraDestroy,
  infraInventory,
  infraResume,
  infraView,
  type Outputs,
  type RootId,
  toResume,
} from '../infra/index.ts';
import { EXIT, type Problem, toJson, type View } from '../kernel/index.ts';
import type { Facts } from './access/machine/facts.ts';
import { board } from './board.ts';
import type { Context, Io } from './context.ts';
import { settle } from './earlier.ts';
import { handOver, neededHere } from './hand-over.ts';
import type { Args, Outcome } from './model.ts';
import { type Engine, TEARDOWN } from './ports.ts';
import { lostReleases, recoverReleases } from './release/recover.ts';
import { openReleases, resumeReleases } from './release/verbs.ts';
import { selectClusters } from './select.ts';
import { notBelowMe } from './server-pod.ts';
import { confirmed } from './sure.ts';
import { dryOrAgreedTo, lockToAct } from './would.ts';

/** What infra asks of traffic and fleet before it destroys a cluster. */
function drainPort(
  e: Engine,
  x: { outputs: Outputs; leaving: readonly string[]; skipDrain: boolean },
  c: Context,
  signal: AbortSignal,
): DrainPort {
  const { outputs, leaving, skipDrain } = x;
  return {
    drainTraffic: async (cluster) => {
      await handOver(e, { cluster, leaving, signal }, outputs);
      if (e.config.dns !== undefined) await e.traffic.hold(cluster, { ...TEARDOWN, force: true }, signal);
    },
    needed: async (cluster) => await neededHere(e, { cluster, leaving, skipDrain }, outputs),
    removeCloudObjects: async function* (cluster) {
      const api = e.kube(cluster, outputs);
      if (api === undefined) return;
      for await (const step of removeCloudObjects({ api, cluster, clock: c.clock, signal })) {
        yield { cluster, note: step.note, left: step.left };
      }
    },
  };
}

/** Shows the events of a run as they come; problems and whether it was interrupted. */
async function follow(
  events: AsyncIterable<InfraEvent>,
  io: Io,
  now: () => number,
): Promise<{ view: View; failures: Problem[]; outputs: Outputs; interrupted: boolean }> {
  let fold: InfraFold = new Map();
  let end = { failures: [] as Problem[], outputs: {} as Outputs, interrupted: false };
  for await (const event of events) {
    fold = foldInfra(fold, event);
    io.show(infraView(fold, now()));
    if (event.type === 'end')
      end = { failures: event.failures, outputs: event.outputs, interrupted: event.interrupted };
  }
  return { view: infraView(fold, now()), ...end };
}

/** What would be destroyed: the serial of a state moves with everything in it. */
async function standing(e: Engine, roots: readonly { root: RootId; resources: number }[]): Promise<Facts> {
  const state = async ({ root, resources }: (typeof roots)[number]): Promise<[string, string]> => {
    const { lineage = '', serial = 0 } = (await e.infra.tf.roots.state(root)) ?? {};
    return [root, `destroy ${resources} resources (state ${serial} ${lineage})`];
  };
  return Object.fromEntries(await Promise.all(roots.map(state)));
}

/** Drains, destroys, sweeps; says what is left. */
export async function down(c: Context, args: Args, io: Io): Promise<Outcome> {
  const free = lockToAct(c, 'down', args);
  try {
    const config = await c.config();
    const e = await c.engine();
    const on = args['on'] as string[];
    const only = on.length === 0 ? undefined : selectClusters(config, on).map((k) => k.name);
    notBelowMe(c, only ?? config.clusters.map((k) => k.name));
    const skipDrain = args['skipDrain'] === true;
    const inventory = await infraInventory(e.infra, only);
    const dry = await dryOrAgreedTo(c, args, () => standing(e, inventory));
    if (dry !== undefined) return dry;
    const resources = inventory.reduce((n, r) => n + r.resources, 0);
    const text = `This destroys ${resources} resources`;
    await confirmed({ verb: 'down', args }, io, { fleet: e.config.fleet, text });
    await c.take?.();
    await settle(e, io, board(io.show, c.clock.now), c.clock.now);
    c.journal().append({
      kind: 'command.down',
      data: { roots: toJson(inventory), skipDrain },
    });
    const outputs = await e.outputs();
    const events = infraDestroy(
      {
        ...e.infra,
        ...(only === undefined ? {} : { only }),
        drain: drainPort(e, { outputs, leaving: only ?? [], skipDrain }, c, io.signal),
        skipDrain,
        ...(e.leftovers === undefined ? {} : { leftovers: e.leftovers }),
      },
      { stop: io.signal, detach: io.detach },
    );
    const done = await follow(events, io, c.clock.now);
    if (only === undefined && done.failures.length === 0) rmSync(e.kubeconfig, { force: true });
    const rest = await infraInventory(e.infra, only);
    return {
      data: {
        destroyed: toJson(inventory),
        left: toJson(rest.filter((r) => r.resources > 0)),
        failures: toJson(done.failures.map((f) => ({ code: f.code, where: f.where, why: f.why }))),
      },
      view: done.view,
      ...ending(done),
    };
  } finally {
    free();
  }
}

function ending(done: { failures: Problem[]; interrupted: boolean }): Pick<Outcome, 'problem' | 'warnings' | 'exit'> {
  const [problem, ...warnings] = done.failures;
  return {
    ...(problem === undefined ? {} : { problem, warnings }),
    ...(done.interrupted ? { exit: EXIT.interrupted } : {}),
  };
}

async function releasesOf(c: Context, e: Engine, io: Io, args: Args): Promise<Outcome[]> {
  if (args['recover'] === true) return await recoverReleases(c, e, io, args['yes'] === true);
  return await resumeReleases(c, e, io);
}

/** Which runs and releases would be gone on with; where they stand by then moves by itself. */
async function left(c: Context, e: Engine, args: Args): Promise<Facts> {
  return {
    ...Object.fromEntries(toResume(e.infra).map((root) => [root, 'follow or verify the run that did not end'])),
    ...(args['recover'] === true ? await lostReleases(c, e) : await openReleases(e)),
  };
}

/** Follows or verifies what an interrupted run left. */
export async function resume(c: Context, args: Args, io: Io): Promise<Outcome> {
  const free = lockToAct(c, 'resume', args);
  try {
    const e = await c.engine();
    const dry = await dryOrAgreedTo(c, args, () => left(c, e, args));
    if (dry !== undefined) return dry;
    await c.take?.();
    const done = await follow(infraResume(e.infra, { stop: io.signal, detach: io.detach }), io, c.clock.now);
    const releases = done.interrupted ? [] : await releasesOf(c, e, io, args);
    const worst = releases.find((r) => r.problem !== undefined);
    return {
      data: {
        clusters: Object.keys(done.outputs),
        failures: toJson(done.failures.map((f) => ({ code: f.code, where: f.where, why: f.why }))),
        releases: releases.map((r) => r.data),
      },
      view: { ...done.view, rows: [...done.view.rows, ...releases.flatMap((r) => r.view.rows)] },
      ...(worst?.problem === undefined ? {} : { problem: worst.problem, exit: worst.exit ?? worst.problem.exit }),
      ...ending(done),
    };
  } finally {
    free();
  }
}
