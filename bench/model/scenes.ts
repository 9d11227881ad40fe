// One release of one arm through one scene, and what became of it. Simulated time throughout.
import { dice, SimClock } from '../../test/sim/release-shell/time.ts';
import { type Make, type Run, type Said, type Sim, SimCluster, type Stage } from './world.ts';

export type SceneName = 'S1' | 'S2' | 'S3' | 'S4' | 'S5' | 'S6' | 'S7' | 'S8';
/** Where S4 cuts a cluster off, in turn over the seeds. */
const CUTS: readonly Stage[] = ['start', 'prepared', 'commit', 'flip', 'soak', 'back', 'end'];
const CUT_MS = 30_000;
const LIMIT_MS = 600_000;
const SETTLE_MS = 45_000;
const CRASH_MS = 60_000;
const SOAK_MS = 20_000;
/** Of S3: the crash falls into it. */
const LONG_SOAK_MS = 75_000;
const LATER_MS = 300_000;
const LOOK_MS = 100;
/** The last journal entry or command at which S5 kills. */
const STEPS = 20;

export interface Outcome {
  said: Said;
  /** Clusters whose users do not get what the release says at its end. */
  wrong: number;
  falseDone: boolean;
  stuck: boolean;
  /** Milliseconds in which users of different clusters got different versions; braked clusters have none. */
  mixedMs: number;
  /** Cluster-milliseconds with no pod ready behind the live version, after the first switch. */
  downMs: number;
  /** From the wish to go back until every cluster serves the old version; 0: before the wish; NaN: no such wish, or never. */
  backMs: number;
}

interface Play {
  clock: SimClock;
  clusters: readonly SimCluster[];
  sim: Sim;
  run: Run;
  /** A second operator's. */
  other: Run | undefined;
  seed: number;
  wishAt: number;
  backAt: number;
}

const run = (version: string, soakMs = SOAK_MS): Run => ({ version, soakMs, said: undefined, saidAt: Number.NaN });
const victim = (p: Play): SimCluster => p.clusters[p.seed % p.clusters.length] as SimCluster;
const at = (p: Play, ms: number, act: () => void): void => void p.clock.sleep(ms).then(act);

function wish(p: Play, how: 'rollback' | 'abort'): void {
  p.wishAt = p.clock.now();
  p.sim[how](p.run);
}
function cutOff(p: Play): void {
  const c = victim(p);
  c.cut = true;
  at(p, CUT_MS, () => {
    c.cut = false;
  });
}

/** What happens besides the release itself; `told` hears each stage once. */
const SCENES: Readonly<Record<SceneName, (p: Play) => (s: Stage) => void>> = {
  S1: () => () => undefined,
  S2: (p) => {
    victim(p).sick.add('v2');
    return () => undefined;
  },
  S3: (p) => (s) => {
    if (s === 'soak') at(p, CRASH_MS, () => victim(p).crash('v2'));
  },
  S4: (p) => {
    const stage = CUTS[p.seed % CUTS.length];
    return (s) => {
      if (s === stage) cutOff(p);
      // to have a way back to be cut off on
      if (s === 'soak' && stage === 'back')
        at(p, 5000, () => p.clusters[(p.seed + 1) % p.clusters.length]?.crash('v2'));
    };
  },
  S5: (p) => {
    const strike = 1 + (p.seed % STEPS);
    p.sim.onStep((n) => n === strike && p.sim.kill());
    return () => undefined;
  },
  S6: (p) => {
    at(p, 500 + (p.seed % 10) * 1500, () => {
      p.other = run('v3');
      p.sim.release(p.other, () => undefined);
    });
    return () => undefined;
  },
  S7: (p) => (s) => {
    if (s === 'soak')
      at(p, 1000, () => {
        for (const c of p.clusters) c.crash('v2');
        at(p, 2000, () => wish(p, 'abort'));
      });
  },
  S8: (p) => (s) => {
    if (s === 'end') at(p, LATER_MS, () => wish(p, 'rollback'));
  },
};

function measure(p: Play, o: Outcome): void {
  const open = p.clusters.filter((c) => !c.braked);
  const live = open.map((c) => p.sim.live(c));
  if (new Set(live).size > 1) o.mixedMs += LOOK_MS;
  o.downMs += LOOK_MS * open.filter((c) => !c.ready(p.sim.live(c))).length;
  // what is said is held against what is so then
  for (const r of [p.run, ...(p.other === undefined ? [] : [p.other])])
    if (r.said === 'done' && p.clock.now() - r.saidAt < LOOK_MS)
      o.falseDone ||= !p.clusters.every((c) => p.sim.live(c) === r.version && c.ready(r.version));
  const back = p.clusters.every((c) => p.sim.live(c) === 'v1' && c.ready('v1'));
  if (!back) p.backAt = Number.NaN;
  else if (Number.isNaN(p.backAt)) p.backAt = p.clock.now();
}

const promised = (r: Run): string | undefined =>
  r.said === 'done' ? r.version : r.said === 'failed' ? 'v1' : undefined;
function judged(p: Play, o: Outcome): void {
  const serves = (c: SimCluster, version: string): boolean => p.sim.live(c) === version && c.ready(version);
  const words = [p.run, ...(p.other === undefined ? [] : [p.other])];
  // the last one who said something is who users should follow
  const said = words.filter((r) => promised(r) !== undefined).toSorted((a, b) => a.saidAt - b.saidAt);
  const want = promised(said.at(-1) ?? p.run) ?? 'v1';
  o.wrong = p.clusters.filter((c) => !serves(c, want)).length;
  o.said = p.run.said;
  o.stuck = words.some((r) => r.said === undefined);
  o.falseDone ||= p.run.said === 'done' && want === p.run.version && o.wrong > 0;
  o.backMs = Math.max(0, p.backAt - p.wishAt);
}

/** Ends when everybody has said something and things have settled, or time is over. */
const over = (p: Play, scene: SceneName): boolean => {
  const words = [p.run, ...(p.other === undefined ? [] : [p.other])];
  const wished = (scene !== 'S8' && scene !== 'S7') || !Number.isNaN(p.wishAt) || p.run.said === 'failed';
  const last = Math.max(...words.map((r) => r.saidAt));
  const all = wished && words.every((r) => r.said !== undefined);
  return (all && p.clock.now() > last + SETTLE_MS) || p.clock.now() > LIMIT_MS + LATER_MS;
};

export async function play(make: Make, x: { scene: SceneName; n: number; seed: number }): Promise<Outcome> {
  const roll = dice(x.seed * 7919 + x.n);
  const clock = new SimClock(roll);
  const clusters = Array.from({ length: x.n }, (_, i) => new SimCluster(i, clock, roll));
  for (const c of clusters) c.start('v1');
  let sim: Sim | undefined;
  void make(clusters, clock, roll).then((s) => (sim = s));
  const most = 2 * (LIMIT_MS + LATER_MS);
  await clock.run(
    () => sim !== undefined,
    most,
    () => undefined,
  );
  // the pods of blue have long been ready
  let stood = false;
  void clock.sleep(10_000).then(() => (stood = true));
  await clock.run(
    () => stood,
    most,
    () => undefined,
  );
  const nan = Number.NaN;
  const p: Play = {
    clock,
    clusters,
    sim: sim as unknown as Sim,
    run: run('v2', x.scene === 'S3' ? LONG_SOAK_MS : SOAK_MS),
    other: undefined,
    seed: x.seed,
    wishAt: nan,
    backAt: nan,
  };
  const o: Outcome = { said: undefined, wrong: 0, falseDone: false, stuck: false, mixedMs: 0, downMs: 0, backMs: nan };
  const tell = SCENES[x.scene](p);
  const told = new Set<Stage>();
  p.sim.release(p.run, (s) => {
    if (told.has(s)) return;
    told.add(s);
    tell(s);
  });
  const look = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(LOOK_MS);
      measure(p, o);
    }
  };
  void look();
  await clock.run(
    () => over(p, x.scene),
    most,
    () => undefined,
  );
  judged(p, o);
  return o;
}
