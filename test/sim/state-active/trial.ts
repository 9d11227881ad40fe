// One trial: writers in every cloud, one kind of fault, a verdict once all is at rest.
import { setTimeout as delay } from 'node:timers/promises';
import { chance } from '../../../bench/lib/chance.ts';
import { CLOUDS, type Cloud } from '../state-chaos/wan.ts';
import { check, type Loss, type Verdict } from './checker.ts';
import { Fleet, type FleetOptions } from './fleet.ts';
import { Load } from './load.ts';

export const FAULTS = [
  'Redis killed',
  'agent killed',
  'both killed',
  'isolated',
  'one link cut',
  'one way cut',
  'killed while cut off',
  'restarted empty',
  'region lost',
  'stale disk',
  'stopped in order',
  'all stopped in order',
  'all killed',
  'cut beyond the log',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface TrialOptions {
  fault: Fault;
  seed: number;
  scale?: number;
  clients?: number;
  pauseMs?: number;
  /** How often the fault comes. */
  times?: number;
}
export interface Outcome extends Verdict {
  fault: Fault;
  seed: number;
  /** From the end of the load until all were level, milliseconds. */
  restMs: number;
  notes: readonly string[];
}

interface Stage {
  fleet: Fleet;
  rnd(): number;
  /** Whom it meets. */
  at: Cloud;
  other: Cloud;
  losses: Loss[];
}
const now = (): number => performance.now();

const dies = async ({ fleet, at }: Stage, from: 'disk' | 'empty'): Promise<void> => {
  const place = fleet.of(at);
  await place.redis.kill();
  await delay(100);
  await (from === 'disk' ? place.startRedis() : place.startEmpty());
};
const agentDies = async ({ fleet, at, rnd }: Stage): Promise<void> => {
  await fleet.of(at).endAgent('SIGKILL');
  await delay(rnd() * 800);
  fleet.of(at).startAgent();
};
const inOrder = async ({ fleet }: Stage, who: readonly Cloud[]): Promise<void> => {
  await Promise.all(who.map((c) => fleet.of(c).endAgent('SIGTERM')));
  await Promise.all(who.map((c) => fleet.of(c).redis.kill()));
  await Promise.all(who.map((c) => fleet.of(c).startRedis()));
  for (const c of who) fleet.of(c).startAgent();
};
/** A cut in which there was time for some writes; `work` happens before it heals. */
const cutFor = async (s: Stage, cut: () => void, work?: () => Promise<void>): Promise<void> => {
  cut();
  await delay(800 + s.rnd() * 2500);
  await work?.();
  s.fleet.wan.heal();
};
/** What may be without another copy: a way to the nearest and what a slow machine adds, or all since a cut. */
const FLIGHT_MS = 1500;

const STRIKES: Readonly<Record<Fault, (s: Stage) => Promise<void>>> = {
  'Redis killed': (s) => dies(s, 'disk'),
  'agent killed': agentDies,
  'both killed': async (s) => {
    await Promise.all([agentDies(s), dies(s, 'disk')]);
  },
  isolated: (s) => cutFor(s, () => s.fleet.wan.isolate(s.at)),
  'one link cut': (s) => cutFor(s, () => s.fleet.wan.cut(s.at, s.other)),
  'one way cut': (s) => cutFor(s, () => s.fleet.wan.cutOneWay(s.at, s.other)),
  'killed while cut off': (s) =>
    cutFor(
      s,
      () => s.fleet.wan.isolate(s.at),
      async () => {
        await Promise.all([agentDies(s), dies(s, 'disk')]);
      },
    ),
  'restarted empty': async (s) => {
    s.losses.push({ at: s.at, from: now() - FLIGHT_MS });
    await dies(s, 'empty');
  },
  'region lost': async (s) => {
    const place = s.fleet.of(s.at);
    s.losses.push({ at: s.at, from: now() - FLIGHT_MS });
    s.fleet.wan.isolate(s.at);
    await Promise.all([place.endAgent('SIGKILL'), place.redis.kill()]);
    await delay(1000 + s.rnd() * 1000);
    s.fleet.wan.heal();
    await place.startEmpty();
    place.startAgent();
  },
  'stale disk': async (s) => {
    const place = s.fleet.of(s.at);
    const disk = place.keepDisk();
    await delay(700 + s.rnd() * 800);
    s.losses.push({ at: s.at, from: now() - FLIGHT_MS });
    await place.redis.kill();
    disk.restore();
    disk.remove();
    await place.startRedis();
  },
  'stopped in order': (s) => inOrder(s, [s.at]),
  'all stopped in order': (s) => inOrder(s, CLOUDS),
  'all killed': async (s) => {
    await Promise.all(CLOUDS.map((at) => dies({ ...s, at }, 'disk')));
  },
  'cut beyond the log': (s) =>
    cutFor(
      s,
      () => s.fleet.wan.isolate(s.at),
      async () => await delay(6500),
    ),
};

/** Runs one trial to its verdict. */
export async function trial(o: TrialOptions): Promise<Outcome> {
  const rnd = chance(o.seed);
  const short: Partial<FleetOptions> = o.fault === 'cut beyond the log' ? { outboxMax: 20, keepMs: 500 } : {};
  const fleet = await Fleet.start({ scale: o.scale ?? 0.2, ...short });
  try {
    const load = new Load(fleet.places, { seed: o.seed, clients: o.clients ?? 2, pauseMs: o.pauseMs ?? 10 });
    const losses: Loss[] = [];
    for (let i = 0; i < (o.times ?? 1); i++) {
      await delay(700 + rnd() * 600);
      const at = CLOUDS[Math.floor(rnd() * CLOUDS.length)] ?? 'ca';
      const other = CLOUDS.filter((c) => c !== at)[Math.floor(rnd() * 2)] ?? 'sa';
      await STRIKES[o.fault]({ fleet, rnd, at, other, losses });
      await fleet.open();
    }
    await delay(500 + rnd() * 500);
    const told = await load.stop();
    const from = now();
    await fleet.rest();
    const restMs = now() - from;
    const verdict = check(told, await fleet.data(), losses);
    return { ...verdict, fault: o.fault, seed: o.seed, restMs, notes: fleet.notes };
  } finally {
    await fleet.close();
  }
}
