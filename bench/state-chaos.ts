// Acknowledged writes that are lost, and time without a home, under the same faults on the same emulated WAN
// (120, 310 and 205 ms): Tradewind's data plane beside Redis Sentinel with WAIT 1. Each trial has processes of its own.
// TRIALS=n each (default 1), HOMES=ca,sa,au, FAULTS=kill,…, WHO=Tradewind,Sentinel, JOBS=n at the same time.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { statePlan } from '../src/state/index.ts';
import { tradewindSubject } from '../test/sim/state-chaos/ours.ts';
import { sentinelSubject } from '../test/sim/state-chaos/sentinel.ts';
import { FAULTS, type Fault, type Outcome, type Subject, trial } from '../test/sim/state-chaos/trial.ts';
import { CLOUDS, type Cloud, Wan } from '../test/sim/state-chaos/wan.ts';
import { grid, quantile, ROOT } from './lib/measure.ts';

interface Task {
  who: string;
  fault: Fault;
  home: Cloud;
  seed: number;
}
interface Played extends Outcome {
  /** Longest time that the trial's process did not get to run, milliseconds: its times are no better than that. */
  stall: number;
}
/** A trial that stood still for no longer counts as calm. */
const CALM_MS = 200;
const STARTS: Readonly<Record<string, (home: Cloud) => Promise<Subject>>> = {
  Tradewind: (home) => tradewindSubject(home),
  Sentinel: (home) => sentinelSubject(home),
};
/** What a Sentinel fleet was not built for here. */
const OURS_ALONE: ReadonlySet<Fault> = new Set(['all stopped in order', 'agreement lost']);
const OUT = join(ROOT, 'bench', 'out');

/** In a process of its own: the trial, told to the parent once nothing of it is left. */
async function play(t: Task): Promise<void> {
  const subject = await STARTS[t.who]?.(t.home);
  if (subject === undefined) throw new Error(`nobody is called ${t.who}`);
  const lag = monitorEventLoopDelay({ resolution: 10 });
  lag.enable();
  const out = await trial(subject, { fault: t.fault, seed: t.seed, clients: 2, patience: 60_000 }).finally(() =>
    subject.close(),
  );
  process.send?.({ ...out, stall: lag.max / 1e6 } satisfies Played);
}

/** The outcome; text = why there is none. */
async function played(t: Task): Promise<Played | string> {
  const child = fork(import.meta.filename, ['trial', JSON.stringify(t)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said: Played | undefined;
  let wrong = '';
  child.on('message', (m) => {
    said = m as Played;
    // Timers that nobody waits for any more would keep it for a while.
    child.kill();
  });
  child.stderr?.on('data', (d) => (wrong = `${wrong}${String(d)}`.slice(-2000)));
  await once(child, 'close');
  return said ?? wrong;
}

const words = (name: string, otherwise: readonly string[]): readonly string[] =>
  process.env[name]?.split(',') ?? otherwise;

/** Printed by `tw plan` for that home, milliseconds. */
function printedRto(home: Cloud): number | undefined {
  const wan = new Wan();
  const state = { mode: 'single-writer', engine: 'redis', ack: 'quorum', home, read: 'local', persist: true };
  const clusters = [...CLOUDS];
  const plan = statePlan({
    app: { name: 'guestbook', state } as never,
    clusters,
    rtt: (a, b) => ({ ms: wan.rtt(a as Cloud, b as Cloud), estimated: false }),
    traffic: {},
    members: clusters,
  });
  return plan.rto.find((r) => r.lost === home)?.ms;
}

const sum = (all: readonly Played[], of: (o: Played) => number): number => all.reduce((n, o) => n + of(o), 0);
const seconds = (ms: number): string => (Number.isFinite(ms) ? (ms / 1000).toFixed(1) : 'none');
const HEAD = [
  ...['fault', 'home', 'who', 'trials', 'acked', 'lost', 'twice', 'other', 'acks cut off', 'moved'],
  ...['s until a write: p50 / p95 / max', 'the same, calm trials', 'printed'],
];

function row(fault: Fault, home: Cloud, who: string, all: readonly Played[]): string[] {
  const other = (o: Outcome): number => o.phantom.length + o.notPrefix.length + o.ownWrites.length + o.wentBack.length;
  const fails =
    fault === 'kill' ||
    fault === 'empty restart' ||
    fault === 'region lost' ||
    fault === 'home frozen' ||
    fault === 'isolate and heal';
  const timesOf = (some: readonly Played[]): number[] =>
    some.map((o) => (fails ? (o.rto ?? Number.POSITIVE_INFINITY) : o.pause));
  const calm = all.filter((o) => o.stall <= CALM_MS);
  const quantiles = (times: readonly number[]): string =>
    times.length === 0 ? '-' : [0.5, 0.95, 1].map((q) => seconds(quantile(times, q))).join(' / ');
  const printed = printedRto(home);
  return [
    fault,
    home,
    who,
    `${all.length}`,
    `${sum(all, (o) => o.acked)}`,
    `${sum(all, (o) => o.lost.length)}`,
    `${sum(all, (o) => o.duplicated.length)}`,
    `${sum(all, other)}`,
    `${sum(all, (o) => o.isolatedAcks)}`,
    `${sum(all, (o) => Number(o.moved))}`,
    quantiles(timesOf(all)),
    `${quantiles(timesOf(calm))} (${calm.length})`,
    who === 'Tradewind' && fails && printed !== undefined ? seconds(printed) : '-',
  ];
}

async function bench(): Promise<void> {
  const faults = words('FAULTS', FAULTS) as readonly Fault[];
  const homes = words('HOMES', ['ca']) as readonly Cloud[];
  const trials = Number(process.env['TRIALS'] ?? 1);
  const seeds = Array.from({ length: trials }, (_, i) => i + 1);
  const who = words('WHO', Object.keys(STARTS));
  // All homes and faults meet the same noise: seeds come last.
  const tasks: Task[] = seeds.flatMap((seed) =>
    faults.flatMap((fault) =>
      homes.flatMap((home) =>
        who.filter((w) => w === 'Tradewind' || !OURS_ALONE.has(fault)).map((w) => ({ who: w, fault, home, seed })),
      ),
    ),
  );
  mkdirSync(OUT, { recursive: true });
  const done: { task: Task; out: Played }[] = [];
  const queue = [...tasks];
  const work = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      const out = await played(task);
      const told =
        typeof out === 'string' ? { task, failed: out } : { task, out: { ...out, notPrefix: out.notPrefix.length } };
      appendFileSync(join(OUT, 'state-chaos.jsonl'), `${JSON.stringify(told)}\n`);
      if (typeof out === 'string') process.stdout.write(`${JSON.stringify(task)}: ${out}\n`);
      else done.push({ task, out });
    }
  };
  await Promise.all(Array.from({ length: Number(process.env['JOBS'] ?? 1) }, work));
  const groups = Map.groupBy(done, ({ task: t }) => `${t.fault}|${t.home}|${t.who}`);
  const rows = [...groups.values()]
    .flatMap((g) => (g[0] === undefined ? [] : [{ t: g[0].task, all: g.map((x) => x.out) }]))
    .map(({ t, all }) => row(t.fault, t.home, t.who, all));
  grid('state under faults', HEAD, rows, [`${tasks.length - done.length} of ${tasks.length} trials gave no verdict`]);
}

if (process.argv[2] === 'trial') await play(JSON.parse(process.argv[3] ?? '') as Task);
else await bench();
