// Where all clusters write, on the emulated WAN (120, 205 and 310 ms): how long an entry is on its way beyond the way
// itself (beside it: bytes alone on the same ways at the same time), and what is lost, double or different after faults. Real redis-server, functions, agents and wire, each a
// process of its own. RATE=200 writes/s per cloud, SECS=10, TRIALS=n each (default 1), FAULTS=Redis killed,…, SCALE=1.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { textOf } from '../src/state/active/calls.ts';
import { msOf } from '../src/state/active/ids.ts';
import type { RawClient } from '../src/state/testing/redis-process.ts';
import { Fleet } from '../test/sim/state-active/fleet.ts';
import { FAULTS, type Fault, type Outcome, trial } from '../test/sim/state-active/trial.ts';
import { CLOUDS, type Cloud, hostOf, type Wan } from '../test/sim/state-chaos/wan.ts';
import { grid, quantile } from './lib/measure.ts';

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const NET = 84;
const SCALE = number('SCALE', 1);
const wall = (): number => performance.timeOrigin + performance.now();

/** Hears of every entry of `origin` that is applied there; gives milliseconds since it was written. */
async function hears(redis: RawClient, origin: string, over: () => boolean): Promise<number[]> {
  const ages: number[] = [];
  let last = '$';
  while (!over()) {
    const said = await redis.ask('XREAD', 'BLOCK', 500, 'STREAMS', `tw:log:${origin}`, last);
    const now = wall();
    const stream = Array.isArray(said) ? said[0] : undefined;
    const rows = Array.isArray(stream) && Array.isArray(stream[1]) ? stream[1] : [];
    for (const row of rows) {
      last = textOf(Array.isArray(row) ? row[0] : row);
      ages.push(now - msOf(last));
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

async function lag(): Promise<void> {
  const [rate, seconds] = [number('RATE', 200), number('SECS', 10)];
  const fleet = await Fleet.start({ scale: SCALE });
  try {
    let over = false;
    const origins = await Promise.all(fleet.places.map(async (p) => (await p.report())?.origin ?? ''));
    const pairs = CLOUDS.flatMap((from, i) =>
      CLOUDS.filter((to) => to !== from).map((to) => ({ from, to, origin: origins[i] ?? '' })),
    );
    const ages = pairs.map(async ({ to, origin }) => {
      const redis = await fleet.of(to).login('tw-agent');
      await redis.ask('SELECT', 1);
      return await hears(redis, origin, () => over).finally(() => redis.close());
    });
    const writers = await Promise.all(fleet.places.map((p) => p.login('tw-w')));
    const alone = pairs.map((way) => bare(fleet.wan, way, { rate: 20, seconds }));
    await Promise.all(writers.map((w, i) => writes(w, CLOUDS[i] ?? 'sa', { rate, seconds })));
    const bytes = await Promise.all(alone);
    await fleet.rest();
    await delay(600);
    over = true;
    const all = await Promise.all(ages);
    for (const w of writers) w.close();
    const rows = pairs.map(({ from, to }, i) => {
      const way = fleet.wan.rtt(from, to) / 2;
      const beyond = (ages: number[] = []): string =>
        [0.5, 0.95, 1].map((q) => (quantile(ages, q) - way).toFixed(1)).join(' / ');
      return [`${from} to ${to}`, `${all[i]?.length}`, `${way}`, beyond(all[i]), beyond(bytes[i]), '10'];
    });
    const head = ['', 'entries', 'ms of the way', 'beyond it: p50 / p95 / max', 'bytes alone', 'goal of p95'];
    grid(`entries on their way, ${rate} writes/s in each of three clouds`, head, rows);
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
