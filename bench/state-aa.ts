// Where all clusters write, on the emulated WAN (120, 205 and 310 ms): how long an entry is on its way beyond the way
// itself, by stage (beside it: bytes alone on the same ways at the same time), and what is lost, double or different after
// faults. Real redis-server, functions, agents and wire, each a process of its own. RATE=200 writes/s per cloud, SECS=10
// (after WARM_S in which nothing counts), TRIALS=n each (default 1), FAULTS=Redis killed,…, SCALE=1.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { textOf } from '../src/state/active/calls.ts';
import { msOf } from '../src/state/active/ids.ts';
import type { RawClient } from '../src/state/testing/redis-process.ts';
import { Fleet } from '../test/sim/state-active/fleet.ts';
import type { Stages } from '../test/sim/state-active/stages.ts';
import { FAULTS, type Fault, type Outcome, trial } from '../test/sim/state-active/trial.ts';
import { CLOUDS, type Cloud, hostOf, type Wan } from '../test/sim/state-chaos/wan.ts';
import { cpuOf, grid, quantile } from './lib/measure.ts';

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const NET = 84;
const SCALE = number('SCALE', 1);
const WARM_S = 2;
const wall = (): number => performance.timeOrigin + performance.now();

/** Hears of every entry of `origin` that is applied there; gives when, in milliseconds since it was written, from the entry `from` on. */
async function hears(redis: RawClient, origin: string, o: { from(): number; over(): boolean }): Promise<number[]> {
  const ages: number[] = [];
  let last = '$';
  while (!o.over()) {
    const said = await redis.ask('XREAD', 'BLOCK', 500, 'STREAMS', `tw:log:${origin}`, last);
    const now = wall();
    const stream = Array.isArray(said) ? said[0] : undefined;
    const rows = Array.isArray(stream) && Array.isArray(stream[1]) ? stream[1] : [];
    for (const row of rows) {
      last = textOf(Array.isArray(row) ? row[0] : row);
      if (msOf(last) >= o.from()) ages.push(now - msOf(last));
    }
  }
  return ages;
}

/** Writes at a constant rate, whatever the answers take. */
async function writes(redis: RawClient, at: Cloud, o: { rate: number; seconds: number }): Promise<number> {
  const answers: Promise<unknown>[] = [];
  await atRate(o, (n) => void answers.push(redis.ask('FCALL', 'tw_rpush', 1, 'list', `${at}-${n}`)));
  await Promise.all(answers);
  return answers.length;
}

/** Bytes alone on the same way, at the same time and rate; gives milliseconds from the call to write until they are there. */
async function bare(
  wan: Wan,
  way: { from: Cloud; to: Cloud },
  o: { rate: number; seconds: number },
): Promise<number[]> {
  const ages: number[] = [];
  const server = createServer((s) =>
    s.on('data', (bytes: Buffer) => {
      for (let i = 0; i + 8 <= bytes.length; i += 8) ages.push(wall() - bytes.readDoubleBE(i));
    }),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await wan.publish(way.to, port, { net: NET });
  const socket = connect({ host: hostOf(way.to, NET), port, localAddress: hostOf(way.from, NET) }).setNoDelay(true);
  await once(socket, 'connect');
  await delay(1000);
  await atRate(o, () => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(wall());
    socket.write(bytes);
  });
  await delay(1000);
  socket.destroy();
  server.close();
  return ages;
}

async function atRate(o: { rate: number; seconds: number }, each: (n: number) => void): Promise<void> {
  const from = performance.now();
  for (let n = 0; n < o.rate * o.seconds; n++) {
    const wait = from + (n * 1000) / o.rate - performance.now();
    if (wait > 0) await delay(wait);
    each(n);
  }
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
  try {
    await fleet.linked();
    let [from, over] = [Number.POSITIVE_INFINITY, false];
    const origins = await Promise.all(fleet.places.map(async (p) => (await p.report())?.origin ?? ''));
    const pairs = CLOUDS.flatMap((a, i) =>
      CLOUDS.filter((to) => to !== a).map((to) => ({ from: a, to, origin: origins[i] ?? '' })),
    );
    const ages = pairs.map(async ({ to, origin }) => {
      const redis = await fleet.of(to).login('tw-agent');
      await redis.ask('SELECT', 1);
      return await hears(redis, origin, { from: () => from, over: () => over }).finally(() => redis.close());
    });
    const writers = await Promise.all(fleet.places.map((p) => p.login('tw-w')));
    const write = async (o: { rate: number; seconds: number }): Promise<unknown> =>
      await Promise.all(writers.map((w, i) => writes(w, CLOUDS[i] ?? 'sa', o)));
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
    const all = await Promise.all(ages);
    for (const w of writers) w.close();
    const stages = await Promise.all(fleet.places.map((p) => p.stages(from)));
    const way = (a: string, b: string): number => fleet.wan.rtt(a as Cloud, b as Cloud) / 2;
    const arrived = pairs.flatMap(({ from: a, to }, i) => (all[i] ?? []).map((ms) => ms - way(a, to)));
    const rows = pairs.map(({ from: a, to }, i) => {
      const ms = way(a, to);
      return [
        `${a} to ${to}`,
        `${all[i]?.length}`,
        `${ms}`,
        beyond(all[i] ?? [], ms),
        beyond(bytes[i] ?? [], ms),
        '10',
      ];
    });
    const head = ['', 'entries', 'ms of the way', 'beyond it: p50 / p95 / max', 'bytes alone', 'goal of p95'];
    grid(`entries on their way, ${rate} writes/s in each of three clouds`, head, rows, [share]);
    grid('since it was written, ways taken off', ['', 'p50 / p95 / max'], byStage(stages, arrived, way));
  } finally {
    await fleet.close();
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
