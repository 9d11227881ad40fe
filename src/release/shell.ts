import { type ClusterName, causes, fault } from '../kernel/index.ts';
import { Beat } from './beat.ts';
import { type BrakesSeen, BrakeWatch, notLookedAt } from './brakewatch.ts';
import { type Check, Checks } from './checks.ts';
import type { Evidence } from './evidence.ts';
import { type Did, Hands } from './hands.ts';
import { flipped, valueOf } from './machine/common.ts';
import { decide } from './machine/decide.ts';
import {
  type Action,
  type ClusterView,
  type Doing,
  isOpen,
  NOT_YET,
  type Observations,
  type Reason,
  type ReleaseRecord,
  type Stage,
} from './model.ts';
import { Observer } from './observe.ts';
import type { ReleasePorts } from './ports.ts';
import { type Held, registerOf } from './register.ts';

/** One round as others see it: what the view is folded from. */
export interface RoundSeen {
  record: ReleaseRecord;
  seen: Observations;
  why: readonly Reason[];
  flippedAt: Readonly<Record<ClusterName, number>>;
}
export interface DriveOptions {
  checks: readonly Check[];
  evidence: Evidence;
  signal: AbortSignal;
  show(round: RoundSeen): void;
  /** A step waits for a person's word; called once per stage and wave. Whoever has it appends a request. */
  ask(stage: Stage, record: ReleaseRecord): void;
  /** Leave when nobody but time is waited for: blue is kept, and the next command ends it. */
  leaveAt: 'keep' | 'clean' | 'decision';
}
/** The last round: `why` is empty when everything is finished. */
export type End = RoundSeen;

const ROUND_MS: Readonly<Record<ReleaseRecord['decision'], number>> = {
  preparing: 500,
  committed: 250,
  aborting: 100,
  done: 1000,
  rolledback: 1000,
};

interface Shell {
  ports: ReleasePorts;
  o: DriveOptions;
  mine: ReleaseRecord;
  observer: Observer;
  hands: Hands;
  checks: Checks;
  flippedAt: Record<ClusterName, number>;
  asked: Set<string>;
  brakes: BrakeWatch;
  /** The turn before only decided: what it saw is acted on at once, every write is fenced by it. */
  news: boolean;
}

/** Whether brakes are asked for: nothing is known, a member is silent or late, one is held already, or the end. */
function brakesMatter(s: Shell, r: ReleaseRecord): boolean {
  const { known } = s.brakes;
  if (known === undefined || known.braked.length > 0 || !isOpen(r)) return true;
  if (r.decision === 'committed' && r.step === 'flip' && s.ports.clock.now() - r.since > r.terms.skewMs) return true;
  return r.members.some((c) => 'unreachable' in s.observer.lane(c).sw.last);
}
function brakesNow(s: Shell, r: ReleaseRecord): BrakesSeen {
  if (brakesMatter(s, r)) s.brakes.refresh(r.members);
  return s.brakes.known ?? notLookedAt(r.members);
}

async function clusterView(s: Shell, r: ReleaseRecord, c: ClusterName, brakes: BrakesSeen): Promise<ClusterView> {
  const lane = s.observer.lane(c);
  const green = valueOf(lane.green.last);
  if (r.decision === 'preparing' && green?.healthy === true) s.checks.begin(r, c);
  const unchecked = s.checks.why(c);
  return {
    sw: lane.sw.last,
    green: lane.green.last,
    blue: lane.blue.last,
    claimed: s.hands.claimed(r, c),
    checked: s.checks.passed(c),
    ...(unchecked === undefined ? {} : { unchecked }),
    verdict: s.o.evidence.verdict(c),
    gates: r.decision === 'preparing' ? await s.ports.gates(c).catch((e: unknown) => [gateFault(c, e)]) : [],
    quiet: r.wave < 0 || s.o.evidence.quiet(c),
    braked: brakes.braked.includes(c),
    mayBrake: brakes.may[c] ?? [],
  };
}

const gateFault = (cluster: ClusterName, e: unknown): Reason => ({
  code: 'TW7011',
  say: `a gate of ${cluster} cannot be asked: ${causes(e)[0] ?? ''}`,
  cluster,
});

async function observe(s: Shell, held: Held | undefined): Promise<Observations> {
  const r = held?.record ?? s.mine;
  if (!s.news) await s.observer.look(r, s.brakes.known?.braked ?? []);
  const brakes = brakesNow(s, r);
  const views = await Promise.all(r.members.map(async (c) => [c, await clusterView(s, r, c, brakes)] as const));
  const clusters = Object.fromEntries(views);
  const restarts = r.members.flatMap((c) => {
    const green = valueOf(clusters[c]?.green);
    return green === undefined ? [] : [[c, green.restarts] as const];
  });
  s.o.evidence.round(r, {
    serving: r.members.filter((c) => flipped(r, valueOf(clusters[c]?.sw))),
    restarts: Object.fromEntries(restarts),
  });
  return { register: held?.record, clusters };
}

const isDoing = (a: Action): a is Doing => !['decide', 'ask', 'stepDown', 'wait'].includes(a.do);

function askOnce(s: Shell, stage: Stage, r: ReleaseRecord | undefined): void {
  const key = `${stage} ${r?.wave ?? 0}`;
  if (s.asked.has(key) || r === undefined) return;
  s.asked.add(key);
  s.o.ask(stage, r);
}

/** Performs one round's actions. Throws TW7041 when this shell must stop, TW7040 when the register is lost. */
async function act(s: Shell, held: Held | undefined, seen: Observations, actions: readonly Action[]): Promise<void> {
  const first = actions[0];
  if (first?.do === 'stepDown') throw fault('TW7041', { value: s.mine.release, why: [first.why.say] });
  if (first?.do === 'decide') {
    if (held !== undefined)
      await registerOf(s.ports.app, s.ports.store, s.ports.journal).cas(held.revision, first.next);
    return;
  }
  for (const a of actions) if (a.do === 'ask') askOnce(s, a.stage, seen.register);
  const doing = actions.filter(isDoing);
  if (doing.some((a) => a.do === 'brake' || a.do === 'lift')) s.brakes.forget();
  await s.hands.perform(seen.register ?? s.mine, doing, {
    live: (c) => valueOf(seen.clusters[c]?.sw)?.live ?? '',
    blue: (c) => valueOf(seen.clusters[c]?.blue),
  });
}

/** Nothing of an ended release waits for these: what is left there goes with a later command. */
const LATER: readonly string[] = ['TW7012', 'TW7021'];

/** This round knew who is braked: else one of ours might be left behind. */
const knewBrakes = (seen: Observations): boolean =>
  Object.values(seen.clusters).every((v) => v.mayBrake.every((w) => w.code !== NOT_YET));

function finished(s: Shell, { record: r, seen, why }: End, actions: readonly Action[]): boolean {
  if (actions[0]?.do === 'decide' || !knewBrakes(seen)) return false;
  if (r.decision === 'committed') return r.step === 'keep' && s.o.leaveAt !== 'clean' && !actions.some(isDoing);
  return !isOpen(r) && actions.length === 0 && !s.hands.busy && why.every((w) => LATER.includes(w.code));
}

async function readRegister(s: Shell): Promise<Held | undefined> {
  try {
    return await registerOf(s.ports.app, s.ports.store, s.ports.journal).read();
  } catch {
    return undefined;
  }
}

function shellOf(ports: ReleasePorts, record: ReleaseRecord, o: DriveOptions): Shell {
  const flippedAt: Record<ClusterName, number> = {};
  const brakes = new BrakeWatch(ports);
  const told = (did: Did): void => {
    if (did.do === 'brake' || did.do === 'lift') brakes.forget();
    if (did.do === 'flip' && did.put === 'ok') flippedAt[did.cluster] = ports.clock.now();
  };
  return {
    ports,
    o,
    mine: record,
    observer: new Observer(ports),
    hands: new Hands(ports, told),
    checks: new Checks(ports, o.checks),
    flippedAt,
    asked: new Set(),
    brakes,
    news: false,
  };
}

/** The end of a release that was decided: shown once more as the decision left it. */
function decided(s: Shell, held: Held | undefined, seen: Observations): End | undefined {
  const r = held?.record;
  if (s.o.leaveAt !== 'decision' || r === undefined || isOpen(r)) return undefined;
  // A brake of this release is lifted first, where its cluster answers again.
  const brakes = s.brakes.known;
  if (s.hands.busy || brakes === undefined || brakes.braked.some((c) => r.members.includes(c))) return undefined;
  const end = { record: r, seen: { ...seen, register: r }, why: [], flippedAt: s.flippedAt };
  s.o.show(end);
  return end;
}

interface Turn extends End {
  last: boolean;
  /** Milliseconds until the next one. */
  pause: number;
}

/** One turn: read the register, look, decide, act. */
async function turn(s: Shell, before: Observations): Promise<Turn> {
  if (s.hands.fault !== undefined) throw s.hands.fault;
  const held = await readRegister(s);
  const over = decided(s, held, before);
  if (over !== undefined) return { ...over, last: true, pause: 0 };
  const seen = await observe(s, held);
  const { actions, why } = decide(s.mine, seen, s.ports.clock.now());
  const end: End = { record: seen.register ?? s.mine, seen, why, flippedAt: s.flippedAt };
  s.o.show(end);
  await act(s, held, seen, actions);
  s.news = actions[0]?.do === 'decide';
  const last = s.o.signal.aborted || finished(s, end, actions);
  return { ...end, last, pause: s.news ? 0 : ROUND_MS[end.record.decision] };
}

/**
 * The loop of one shell over one claimed release: one turn after the other. It may be stopped after any step:
 * whoever claims the release next goes on from register and switches alone.
 * Throws TW7041 when somebody else claimed it, TW7040 when nothing can be decided any more.
 */
export async function drive(ports: ReleasePorts, record: ReleaseRecord, o: DriveOptions): Promise<End> {
  const s = shellOf(ports, record, o);
  const beat = new Beat(ports, record.epoch);
  let seen: Observations = { register: record, clusters: {} };
  try {
    for (;;) {
      const { last, pause, ...end } = await turn(s, seen);
      if (last) return end;
      seen = end.seen;
      await beat.tick();
      if (pause > 0) await ports.clock.sleep(pause, o.signal).catch(() => undefined);
    }
  } finally {
    beat.stop();
    s.hands.close();
    o.evidence.close();
  }
}
