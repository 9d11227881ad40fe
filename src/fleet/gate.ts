import { fault } from '../kernel/index.ts';
import { blame, cannotStart } from './blame.ts';
import type { Health, KubeObject, Op } from './model.ts';
import { fold, health } from './plan/health.ts';
import { isHopeless, type Sickness, sicker } from './plan/hopeless.ts';
import { sayRef } from './plan/objects.ts';
import { KubeError } from './ports.ts';
import type { Unit } from './writer.ts';

const FIRST_MS = 250;
const SLOWEST_MS = 2000;

interface Seen {
  op: Op;
  h: Health;
  /** It waits for pods that cannot start, and has for long. */
  hopeless: boolean;
}
type Sick = Map<Op, Sickness>;

async function look(u: Unit, op: Op, sick: Sick): Promise<Seen> {
  try {
    const o = await u.api.get(op.ref);
    const h = health(o);
    return { op, h, hopeless: o !== undefined && h.state === 'Progressing' && (await waitsInVain(u, op, o, sick)) };
  } catch (e) {
    if (e instanceof KubeError) return { op, h: { state: 'Unknown', message: e.message }, hopeless: false };
    throw e;
  }
}

async function waitsInVain(u: Unit, op: Op, o: KubeObject, sick: Sick): Promise<boolean> {
  const at = u.clock.monotonic();
  const now = sicker(sick.get(op), { at, said: health(o).message, pod: await cannotStart(u.api, o) });
  sick.set(op, now);
  return isHopeless(now, at);
}

const passes = (h: Health): boolean => h.state === 'Healthy' || h.state === 'Suspended';
/** Failures that time does not mend. */
const isFinal = (op: Op, h: Health): boolean =>
  h.state === 'Degraded' && (op.ref.kind === 'Job' || (op.ref.kind === 'Deployment' && /deadline/i.test(h.message)));

async function tooLate(u: Unit, op: Op, h: Health, ms: number): Promise<Error> {
  return fault('TW3060', {
    value: sayRef(op.ref),
    where: [{ cluster: u.cluster, resource: sayRef(op.ref) }],
    why: [...(await blame(u.api, op.ref)), `${h.state} after ${Math.round(ms / 1000)} s`],
    fix: [
      { say: 'Look at it:', command: `tw logs ${u.plan.app} --on ${u.cluster}` },
      { say: 'Earlier waves stay as they are; run it again when it is mended.' },
    ],
  });
}

/** Waits until all are healthy at their current generation. Throws TW3060 with the innermost cause. */
export async function waitHealthy(u: Unit, ops: readonly Op[], wave: number, limitMs: number): Promise<void> {
  const began = u.clock.monotonic();
  let told = '';
  const known: Sick = new Map();
  for (let pause = FIRST_MS; ; pause = Math.min(SLOWEST_MS, pause * 1.5)) {
    u.signal.throwIfAborted();
    const all = await Promise.all(ops.map((op) => look(u, op, known)));
    const sick = all.filter(({ h }) => !passes(h));
    const ms = u.clock.monotonic() - began;
    const worst = sick.find(({ h }) => h === fold(sick.map((x) => x.h)));
    if (worst === undefined) return;
    const lost = sick.find(({ op, h, hopeless }) => hopeless || isFinal(op, h));
    if (lost !== undefined || ms >= limitMs) throw await tooLate(u, (lost ?? worst).op, (lost ?? worst).h, ms);
    const on = sick.map(({ op, h }) => ({ ref: op.ref, health: h }));
    if (JSON.stringify(on) !== told) u.emit({ type: 'waiting', cluster: u.cluster, app: u.plan.app, wave, on, ms });
    told = JSON.stringify(on);
    await u.clock.sleep(pause, u.signal);
  }
}
