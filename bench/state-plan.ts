// What a write costs in each cloud as `tw plan` prints it, beside what it takes: the shipped agents, wires and gateways over
// real redis-server on the emulated WAN (120, 205 and 310 ms), one client per cloud with one write on its way. The plan gets
// the round trips that the agents measured, as in a fleet. Goal: p50 within 5 % and 3 ms.
// SECS=10 per mode, HOMES=ca,sa,au, MODES=single-writer,local,quorum, SCALE=1 (of the round trips).
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../src/kernel/index.ts';
import { activeGateway, statePlan } from '../src/state/index.ts';
import { RawClient } from '../src/state/testing/redis-process.ts';
import { SECRETS } from '../src/state/testing/secrets.ts';
import { Fleet } from '../test/sim/state-active/fleet.ts';
import { tradewindSubject } from '../test/sim/state-chaos/ours.ts';
import { CLOUDS, type Cloud } from '../test/sim/state-chaos/wan.ts';
import { grid, median, quantile } from './lib/measure.ts';

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const words = (name: string, otherwise: readonly string[]): readonly string[] =>
  process.env[name]?.split(',') ?? otherwise;
const [SCALE, SECS] = [number('SCALE', 1), number('SECS', 10)];
const PAUSE_MS = 10;

type Rtt = (a: Cloud, b: Cloud) => number;
interface Writer {
  write(value: string): Promise<boolean>;
  close(): void;
}
/** Milliseconds of every confirmed write, by cloud. */
type Took = Readonly<Record<Cloud, readonly number[]>>;

/** One write after the other in every cloud at once; what comes before everybody is warm does not count. */
async function measured(writer: (at: Cloud) => Writer | Promise<Writer>): Promise<Took> {
  const took: Record<Cloud, number[]> = { sa: [], ca: [], au: [] };
  const end = performance.now() + SECS * 1000;
  await Promise.all(
    CLOUDS.map(async (at) => {
      const w = await writer(at);
      for (let n = 0; n < 3; n++) await w.write(`${at}-warm-${n}`);
      for (let n = 0; performance.now() < end; n++) {
        const from = performance.now();
        if (await w.write(`${at}-${n}`)) took[at].push(performance.now() - from);
        await delay(PAUSE_MS);
      }
      w.close();
    }),
  );
  return took;
}

/** p50 in each cloud as the plan says it. */
function printed(state: object, rtt: Rtt): Record<string, number> {
  const plan = statePlan({
    app: { name: 'guestbook', state: { engine: 'redis', read: 'local', persist: true, ...state } } as never,
    clusters: [...CLOUDS],
    rtt: (a, b) => ({ ms: rtt(a as Cloud, b as Cloud), estimated: false }),
    traffic: {},
    members: [...CLOUDS],
  });
  return Object.fromEntries(plan.writes.map((w) => [w.cluster, w.ms]));
}

const misses: string[] = [];
function rowsOf(mode: string, told: Record<string, number>, took: Took): string[][] {
  return CLOUDS.map((at) => {
    const [is, says, n] = [median(took[at]), told[at] ?? Number.NaN, took[at].length];
    const good = Math.abs(is - says) <= 0.05 * says + 3;
    if (!good) misses.push(`${mode}, ${at}`);
    const ms = (x: number): string => x.toFixed(1);
    const spread = `${ms(quantile(took[at], 0.05))} to ${ms(quantile(took[at], 0.95))}`;
    return [mode, at, ms(says), ms(is), (is / says).toFixed(2), ms(is - says), spread, `${n}`, good ? 'yes' : 'no'];
  });
}

async function oneHome(home: Cloud): Promise<string[][]> {
  const s = await tradewindSubject(home, SCALE);
  try {
    // Round trips have to be measured before they are printed.
    await delay(3000);
    const took = await measured((at) => {
      const client = s.client(at);
      return { write: async (value) => (await client.write(value)) === 'ok', close: () => client.close() };
    });
    const state = { mode: 'single-writer', ack: 'quorum', home };
    return rowsOf(
      `single-writer, home ${home}`,
      printed(state, (a, b) => s.rtt(a, b)),
      took,
    );
  } finally {
    await s.close();
  }
}

async function everywhere(ack: 'local' | 'quorum'): Promise<string[][]> {
  const fleet = await Fleet.start({ scale: SCALE });
  const closing: { close(): Promise<void> }[] = [];
  try {
    await fleet.linked();
    await delay(3000);
    const rtts = Object.fromEntries(
      await Promise.all(fleet.places.map(async (p) => [p.at, (await p.report())?.rtts ?? {}] as const)),
    );
    const took = await measured(async (at) => {
      const listen = { host: '127.0.0.1', write: 0, read: 0 };
      const redis = { host: '127.0.0.1', port: fleet.of(at).redis.port };
      const gate = await activeGateway({
        me: at,
        redis,
        secrets: SECRETS,
        clock: systemClock,
        holdMs: 5000,
        listen,
        ack,
      });
      closing.push(gate);
      const client = await RawClient.open({ host: '127.0.0.1', port: gate.writePort });
      return {
        write: async (value) => typeof (await client.ask('RPUSH', `k-${at}`, value)) === 'number',
        close: () => client.close(),
      };
    });
    const rtt: Rtt = (a, b) => Math.min(...[rtts[a]?.[b], rtts[b]?.[a]].flatMap((ms) => ms ?? []));
    return rowsOf(`active-active, ${ack}`, printed({ mode: 'active-active', ack }, rtt), took);
  } finally {
    for (const c of closing) await c.close();
    await fleet.close();
  }
}

const modes = words('MODES', ['single-writer', 'local', 'quorum']);
const rows: string[][] = [];
if (modes.includes('single-writer'))
  for (const home of words('HOMES', CLOUDS)) rows.push(...(await oneHome(home as Cloud)));
for (const ack of ['local', 'quorum'] as const) if (modes.includes(ack)) rows.push(...(await everywhere(ack)));
const HEAD = ['mode', 'in', 'printed ms', 'p50 ms', 'ratio', 'more', 'p5 to p95', 'writes', 'within 5 % + 3 ms'];
grid('a write as it is printed and as it is', HEAD, rows, [
  misses.length === 0 ? 'all within the goal' : `not within the goal: ${misses.join('; ')}`,
]);
