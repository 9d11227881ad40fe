// Where all clusters write, on the emulated WAN (120, 205 and 310 ms): how long an entry is on its way beyond the way
// itself, by stage (beside it, at the same time: plain replicas of a Redis in one cloud, and bytes alone), and what is
// lost, double or different after faults. Real redis-server, functions, agents and wire, each a process of its own.
// RATE=200 writes/s per cloud, SECS=10 (after WARM_S in which nothing counts), TRIALS=n each (default 1),
// FAULTS=Redis killed,…, SCALE=1.
import { setTimeout as delay } from 'node:timers/promises';
import { msOf } from '../src/state/active/ids.ts';
import type { RawClient } from '../src/state/testing/redis-process.ts';
import { Fleet } from '../test/sim/state-active/fleet.ts';
import type { Stages } from '../test/sim/state-active/stages.ts';
import { FAULTS, type Fault, type Outcome, trial } from '../test/sim/state-active/trial.ts';
import { CLOUDS, type Cloud } from '../test/sim/state-chaos/wan.ts';
import { cpuOf, grid, quantile } from './lib/measure.ts';
import { atRate, bare, Copied, hears, wall } from './lib/on-the-way.ts';

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const SCALE = number('SCALE', 1);
const WARM_S = 2;

/** Writes at a constant rate, whatever the answers take. */
async function writes(redis: RawClient, at: Cloud, o: { rate: number; seconds: number }): Promise<number> {
  const answers: Promise<unknown>[] = [];
  await atRate(o, (n) => void answers.push(redis.ask('FCALL', 'tw_rpush', 1, 'list', `${at}-${n}`)));
  await Promise.all(answers);
  return answers.length;
}

type Ages = readonly number[];
const beyond = (ages: Ages, way = 0): string =>
  [0.5, 0.95, 1].map((q) => (quantile(ages, q) - way).toFixed(1)).join(' / ');

/** Since an entry was written, all ways together; what the way itself takes is taken off. */
function byStage(stages: readonly Stages[], arrived: Ages, way: (from: string, to: string) => number): string[][] {
  const since = (of: (s: Stages) => Iterable<readonly [string, number]>): number[] =>
    stages.flatMap((s) => [...of(s)].map(([id, at]) => at - msOf(id)));
  const each = (s: Stages, what: 'sent' | 'confirmed', ways: number): [string, number][] =>
    Object.entries(s[what]).flatMap(([to, all]) =>
      all.map(([id, at]): [string, number] => [id, at - ways * way(s.me, to)]),
    );
  return [
    ['the sender has heard of it', beyond(since((s) => s.seen))],
    ['it is handed to the stream', beyond(since((s) => each(s, 'sent', 0)))],
    ['it is applied there', beyond(arrived)],
    ['that is known here', beyond(since((s) => each(s, 'confirmed', 2)))],
  ];
}

/** Share of one processor that each kind of process takes, in words; call it once at the end. */
function shares(fleet: Fleet): () => string {
  const pids = { 'redis-server': fleet.places.map((p) => p.redis.pid), agents: fleet.places.map((p) => p.agentPid) };
  const all = { ...pids, 'writers, ways and listeners': [process.pid] };
  const used = (of: readonly (number | undefined)[]): number[] => of.map((pid) => cpuOf(pid ?? 0) ?? Number.NaN);
  const [began, before] = [performance.now(), Object.values(all).map(used)];
  return () => {
    const ms = performance.now() - began;
    const words = Object.entries(all).map(([who, of], i) => {
      const now = used(of);
      return `${who} ${now.map((n, j) => (((n - (before[i]?.[j] ?? 0)) / ms) * 100).toFixed(0)).join(' + ')} %`;
    });
    return `of one processor: ${words.join(', ')}`;
  };
}

async function lag(): Promise<void> {
  const [rate, seconds] = [number('RATE', 200), number('SECS', 10)];
  const fleet = await Fleet.start({ scale: SCALE, stages: true });
  const copied = await Copied.start(fleet.wan, 'sa');
  try {
    await fleet.linked();
    let [from, over] = [Number.POSITIVE_INFINITY, false];
    const origins = await Promise.all(fleet.places.map(async (p) => (await p.report())?.origin ?? ''));
    const pairs = CLOUDS.flatMap((a, i) =>
      CLOUDS.filter((to) => to !== a).map((to) => ({ from: a, to, origin: origins[i] ?? '' })),
    );
    const hearing = { from: () => from, over: () => over };
    const ages = pairs.map(async ({ to, origin }) => {
      const redis = await fleet.of(to).login('tw-agent');
      await redis.ask('SELECT', 1);
      return await hears(redis, `tw:log:${origin}`, hearing).finally(() => redis.close());
    });
    const copies = copied.hear(hearing);
    const writers = await Promise.all(fleet.places.map((p) => p.login('tw-w')));
    const write = async (o: { rate: number; seconds: number }): Promise<unknown> =>
      await Promise.all([copied.writes(o), ...writers.map((w, i) => writes(w, CLOUDS[i] ?? 'sa', o))]);
    await write({ rate, seconds: WARM_S });
    from = Math.ceil(wall());
    const used = shares(fleet);
    const alone = pairs.map((way) => bare(fleet.wan, way, { rate: 20, seconds }));
    await write({ rate, seconds });
    const share = used();
    const bytes = await Promise.all(alone);
    await fleet.rest();
    await delay(600);
    over = true;
    const [all, other] = [await Promise.all(ages), await copies];
    for (const w of writers) w.close();
    const stages = await Promise.all(fleet.places.map((p) => p.stages(from)));
    const way = (a: string, b: string): number => fleet.wan.rtt(a as Cloud, b as Cloud) / 2;
    const arrived = pairs.flatMap(({ from: a, to }, i) => (all[i] ?? []).map((ms) => ms - way(a, to)));
    const rows = pairs.map(({ from: a, to }, i) => {
      const ms = way(a, to);
      const copy = a === copied.home ? beyond(other.get(to) ?? [], ms) : '-';
      return [
        `${a} to ${to}`,
        `${all[i]?.length}`,
        `${ms}`,
        beyond(all[i] ?? [], ms),
        copy,
        beyond(bytes[i] ?? [], ms),
      ];
    });
    const head = ['', 'entries', 'ms of the way', 'beyond it: p50 / p95 / max', 'replicas of Redis', 'bytes alone'];
    grid(`entries on their way, ${rate} writes/s in each of three clouds`, head, rows, [share, 'goal: p95 ≤ 10']);
    grid('since it was written, ways taken off', ['', 'p50 / p95 / max'], byStage(stages, arrived, way));
  } finally {
    await Promise.all([copied.close(), fleet.close()]);
  }
}

async function faults(): Promise<void> {
  const names = (process.env['FAULTS']?.split(',') ?? FAULTS) as readonly Fault[];
  const failed: string[] = [];
  const rows: string[][] = [];
  for (const fault of names) {
    const outs: Outcome[] = [];
    for (let seed = 1; seed <= number('TRIALS', 1); seed++) {
      const out = await trial({ fault, seed, scale: SCALE }).catch((e: unknown) => String(e));
      if (typeof out === 'string') failed.push(`${fault}, seed ${seed}: ${out.slice(0, 300)}`);
      else outs.push(out);
    }
    const sum = (of: (o: Outcome) => number): string => `${outs.reduce((n, o) => n + of(o), 0)}`;
    const rest = (q: number): string =>
      (
        quantile(
          outs.map((o) => o.restMs),
          q,
        ) / 1000
      ).toFixed(1);
    rows.push([
      fault,
      `${outs.length}`,
      sum((o) => o.acked),
      sum((o) => o.lost.length),
      sum((o) => o.inFlight.length),
      sum((o) => o.duplicated.length + o.phantom.length),
      sum((o) => o.differ.length + o.miscounted.length),
      outs.length === 0 ? '-' : `${rest(0.5)} / ${rest(1)}`,
    ]);
  }
  const head = ['fault', 'trials', 'acked', 'lost', 'lost in flight', 'twice', 'differ', 's until level: p50 / max'];
  grid('all clouds write, under faults', head, rows, failed);
}

await lag();
if (number('TRIALS', 1) > 0) await faults();
