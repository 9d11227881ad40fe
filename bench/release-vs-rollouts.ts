// Tier A: releases over many clusters through eight scenes, in simulated time: Tradewind's shell, state machine and
// switch drivers as they are over API servers in memory, beside a *model* of N Argo Rollouts and a script over them,
// made from what their pages document. Tier B, with the real controller, is `release-rollouts`. Seeded: no figure
// depends on this machine. TW_BENCH_CLUSTERS names other sizes, such as 3,10,50. Raw results: bench/out.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { grid, median, ms, quantile, ROOT } from './lib/measure.ts';
import { rollouts } from './model/rollouts.ts';
import { type Outcome, play, type SceneName } from './model/scenes.ts';
import { tradewind } from './model/tradewind.ts';
import type { Make } from './model/world.ts';

const SEEDS = 21;
const SIZES = (process.env['TW_BENCH_CLUSTERS'] ?? '3,10').split(',').map(Number);
const ARMS: readonly { name: string; make: Make }[] = [
  { name: 'Tradewind, httproute', make: tradewind('httproute') },
  { name: 'Tradewind, service', make: tradewind('service') },
  { name: 'model: Rollouts, auto-promote', make: rollouts('auto') },
  { name: 'model: Rollouts, loop of promote', make: rollouts('loop') },
  { name: 'model: Rollouts, parallel + abort-all', make: rollouts('parallel') },
];
const SCENES: Readonly<Record<SceneName, string>> = {
  S1: 'happy',
  S2: 'one green never gets ready',
  S3: 'green crashes in one cluster 60 s after the flip',
  S4: 'one cluster cut off for 30 s at each of 7 stages',
  S5: 'kill -9 at the 1st to 20th journal entry or command; another goes on 15 s later',
  S6: 'a second operator releases v3 meanwhile',
  S7: 'green crashes everywhere after the flip, a person aborts',
  S8: 'a person takes all back 5 min after the promotion',
};

interface Row {
  scene: SceneName;
  arm: string;
  n: number;
  seed: number;
  o: Outcome;
}

const spread = (all: readonly number[]): string => {
  const known = all.filter((x) => !Number.isNaN(x));
  if (known.length === 0) return '-';
  const missing = known.length < all.length ? `, ${all.length - known.length} never` : '';
  return `${ms(median(known))} / ${ms(quantile(known, 0.95))} / ${ms(Math.max(...known))}${missing}`;
};

function cells(rows: readonly Row[], arm: string, base: number): string[] {
  const all = rows.filter((r) => r.arm === arm).map((r) => r.o);
  const count = (is: (o: Outcome) => boolean): string => String(all.filter(is).length);
  const mixed = median(all.map((o) => o.mixedMs));
  return [
    arm,
    count((o) => o.wrong > 0),
    count((o) => o.falseDone),
    count((o) => o.stuck),
    spread(all.map((o) => o.mixedMs)),
    base > 0 ? (mixed / base).toFixed(1) : '-',
    spread(all.map((o) => o.downMs)),
    spread(all.map((o) => o.backMs)),
  ];
}
const HEAD = [
  '',
  'wrong version',
  'false done',
  'stuck',
  'mixed versions (median / p95 / max)',
  'ratio',
  'nothing ready (cluster-time)',
  'wish to all back',
];

/** All arms and seeds of one scene, and its table. */
async function scenes(n: number, scene: SceneName): Promise<Row[]> {
  const here: Row[] = [];
  for (const { name, make } of ARMS) {
    for (let seed = 0; seed < SEEDS; seed++)
      here.push({ scene, arm: name, n, seed, o: await play(make, { scene, n, seed }) });
  }
  const base = median(here.filter((r) => r.arm === ARMS[0]?.name).map((r) => r.o.mixedMs));
  const title = `${scene}, ${n} clusters, ${SEEDS} seeds: ${SCENES[scene]}`;
  grid(
    title,
    HEAD,
    ARMS.map((a) => cells(here, a.name, base)),
  );
  return here;
}

const rows: Row[] = [];
for (const n of SIZES) for (const scene of Object.keys(SCENES) as SceneName[]) rows.push(...(await scenes(n, scene)));

const out = join(ROOT, 'bench', 'out');
mkdirSync(out, { recursive: true });
const head = 'scene,arm,clusters,seed,said,wrong,falseDone,stuck,mixedMs,downMs,backMs';
const lines = rows.map(({ scene, arm, n, seed, o }) =>
  [scene, `"${arm}"`, n, seed, o.said, o.wrong, o.falseDone, o.stuck, o.mixedMs, o.downMs, o.backMs].join(','),
);
writeFileSync(join(out, 'release-vs-rollouts.csv'), `${[head, ...lines].join('\n')}\n`);
process.stdout.write(
  '  simulated time, round trips 15, 125, 200 ms in turn, pods ready after 2-6 s; the Rollouts are a model from their documentation, never their code\n',
);
