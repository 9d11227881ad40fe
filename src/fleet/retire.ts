import type { Clock } from '../kernel/index.ts';
import { applysetId } from './applyset.ts';
import { isConflict } from './faults.ts';
import { isHeld, type Put } from './fence.ts';
import type { AppPlan, Inventory, KubeObject, Op } from './model.ts';
import { nothing } from './plan/desired.ts';
import { foldLeftovers } from './plan/fold.ts';
import { managerOf } from './planner.ts';
import type { KubeApi } from './ports.ts';
import { readLeftovers } from './survey.ts';
import type { VersionOf } from './versionstate.ts';
import { claim, seal, type Unit } from './writer.ts';

const TRIES = 5;
const GONE_MS = 60_000;
const POLL_MS = 500;

export interface Ending {
  api: KubeApi;
  cluster: string;
  clock: Clock;
  signal: AbortSignal;
  /** Names the run that holds the objects. */
  run: string;
  fleet: string;
}

async function planOf(x: Ending, name: string, v: VersionOf, inventory: Inventory): Promise<AppPlan> {
  const context = {
    cluster: x.cluster,
    fleet: x.fleet,
    app: name,
    part: applysetId(name, v.namespace),
    manager: managerOf(name),
    inventory,
    allow: {},
  };
  const { ops } = foldLeftovers(await readLeftovers(x.api, inventory, []), context);
  const keep = { app: v.app, version: v.version };
  return {
    app: name,
    namespace: v.namespace,
    version: v.version,
    epoch: inventory.epoch,
    ops,
    desired: nothing({ name, namespace: v.namespace, version: v.version, keep }, x.cluster),
    inventory,
    withheld: [],
    problems: [],
  };
}

function unitOf(x: Ending, plan: AppPlan): Unit {
  return {
    cluster: x.cluster,
    fleet: x.fleet,
    planId: `retire-${plan.version}`,
    plan,
    api: x.api,
    manager: managerOf(plan.app),
    part: applysetId(plan.app, plan.namespace),
    clock: x.clock,
    signal: x.signal,
    emit: () => undefined,
    done: new Map(),
    epoch: plan.epoch,
    run: x.run,
  };
}

async function isGone(x: Ending, op: Op): Promise<boolean> {
  const began = x.clock.monotonic();
  for (;;) {
    const live = await x.api.get(op.ref);
    if (live?.metadata.uid !== op.base?.uid) return true;
    if (x.clock.monotonic() - began > GONE_MS) return false;
    await x.clock.sleep(POLL_MS, x.signal);
  }
}

/** One request for exactly what was read, while this run holds it; `again`: it was written meanwhile. */
async function ask(x: Ending, op: Op): Promise<Put | 'again'> {
  const live = await x.api.get(op.ref);
  if (live === undefined || live.metadata.uid !== op.base?.uid) return 'ok';
  return isHeld(live, x.run) ? drop(x, op, live) : 'stale';
}

async function drop(x: Ending, op: Op, live: KubeObject): Promise<Put | 'again'> {
  const { uid = '', resourceVersion = '' } = live.metadata;
  try {
    const left = await x.api.remove(op.ref, { uid, resourceVersion, cascade: 'background' });
    return left === 'gone' || (await isGone(x, op)) ? 'ok' : 'unknown';
  } catch (e) {
    if (isConflict(e)) return 'again';
    throw e;
  }
}

async function erase(x: Ending, op: Op): Promise<Put> {
  for (let n = 1; n <= TRIES; n++) {
    const put = await ask(x, op);
    if (put !== 'again') return put;
  }
  return 'unknown';
}

/**
 * Deletes what the inventory of a version names, last wave first, after this run took every object. A
 * version that is made live again meanwhile is taken by that run: then nothing more is deleted. Throws
 * KubeError, TW3050.
 */
export async function end(x: Ending, name: string, v: VersionOf, inventory: Inventory): Promise<Put> {
  const u = unitOf(x, await planOf(x, name, v, inventory));
  await claim(u);
  for (const op of u.plan.ops.toSorted((a, b) => b.wave - a.wave)) {
    const put = await erase(x, op);
    if (put !== 'ok') return put;
  }
  await seal(u);
  return 'ok';
}
