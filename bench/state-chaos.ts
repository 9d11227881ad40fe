// Acknowledged writes that are lost, and time without a home, under the same faults on the same emulated WAN
// (120, 310 and 205 ms): Tradewind's data plane beside Redis Sentinel with WAIT 1. TRIALS=n for more than one each.
import { tradewindSubject } from '../test/sim/state-chaos/ours.ts';
import { sentinelSubject } from '../test/sim/state-chaos/sentinel.ts';
import { FAULTS, type Fault, type Outcome, type Subject, trial } from '../test/sim/state-chaos/trial.ts';
import { quantile } from './lib/measure.ts';

const TRIALS = Number(process.env['TRIALS'] ?? 1);
const SUBJECTS: readonly { name: string; start(): Promise<Subject> }[] = [
  { name: 'Tradewind', start: () => tradewindSubject() },
  { name: 'Sentinel', start: () => sentinelSubject() },
];

async function one(start: () => Promise<Subject>, fault: Fault, seed: number): Promise<Outcome> {
  const subject = await start();
  try {
    return await trial(subject, { fault, seed, patience: 60_000 });
  } finally {
    await subject.close();
  }
}

async function trials(s: (typeof SUBJECTS)[number], fault: Fault): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for (let seed = 1; seed <= TRIALS; seed++) {
    const out = await one(s.start, fault, seed).catch((error: unknown) => String(error));
    if (typeof out === 'string') process.stdout.write(`${fault}, ${s.name}, seed ${seed}: ${out}\n`);
    else all.push(out);
  }
  return all;
}

const sum = (all: readonly Outcome[], of: (o: Outcome) => number): number => all.reduce((n, o) => n + of(o), 0);

function line(name: string, fault: Fault, all: readonly Outcome[]): string {
  const bad = (o: Outcome): number =>
    o.duplicated.length + o.phantom.length + o.notPrefix.length + o.ownWrites.length + o.wentBack.length;
  const rtos = all.flatMap((o) => (o.rto === undefined ? [] : [o.rto]));
  const late = all.length - rtos.length;
  const p95 = rtos.length === 0 ? '-' : `${(quantile(rtos, 0.95) / 1000).toFixed(1)} s`;
  const rto = late === 0 ? p95 : `none in ${late} of ${all.length}`;
  const cells = [
    sum(all, (o) => o.acked),
    sum(all, (o) => o.lost.length),
    sum(all, bad),
    sum(all, (o) => o.isolatedAcks),
  ];
  return `${fault.padEnd(18)}${name.padEnd(11)}${cells.map((c) => String(c).padEnd(10)).join('')}${rto}\n`;
}

process.stdout.write(`${TRIALS} trial(s) each\n`);
process.stdout.write('fault             who        acked     lost      other     isolated  RTO p95\n');
for (const fault of FAULTS) {
  for (const s of SUBJECTS) process.stdout.write(line(s.name, fault, await trials(s, fault)));
}
