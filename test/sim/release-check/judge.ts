import { decide } from '../../../src/release/machine/decide.ts';
import type {
  Action,
  ClusterView,
  Observations,
  Reason,
  ReleaseRecord,
  SwitchState,
  WorkloadState,
} from '../../../src/release/model.ts';
import {
  committedStage,
  GREEN,
  get,
  hasCommit,
  isCommittedStage,
  isGreen,
  KIND,
  openEye,
  R,
  type Shape,
  STAGE,
  swEpoch,
  swKind,
} from './layout.ts';

/** Far beyond every deadline of the record, whose times are all 0. */
const FAR = 1e12;
export const RELEASE = 'r1';
const GREEN_VERSION = 'v2';
const BLUE_VERSION = 'v1';
export const nameOf = (i: number): string => 'abcd'[i] as string;
const indexOf = (c: string): number => 'abcd'.indexOf(c);
const reason = (say: string, cluster: string): Reason => ({ code: 'TW7012', say, cluster });

/** What a shell knows of one cluster in one round: its view (0 = silent) and what its copy of the register says. */
export interface Sight {
  eye: number;
  braked: number;
  lagging: number;
  givenUp: number;
}
export interface Round {
  /** Word of the shell: its copy of the register. */
  copy: number;
  sights: readonly Sight[];
  due: boolean;
  mayBrake: boolean;
}

/** What a round does to the world. */
export interface Effect {
  does: Action['do'];
  /** -1 = none. */
  cluster: number;
  /** Of `decide`: the stage to come, or the cluster that is left out. */
  stage: number;
  leaves: number;
  epoch: number;
  /** Of `retire`: the blue version. */
  blue: boolean;
  /** A write that tests nothing (wrong designs). */
  blind: boolean;
}
/** A wrong design: what it sees instead, what it does instead. */
export interface Bend {
  see?(record: ReleaseRecord, seen: Observations): Observations;
  act?(actions: readonly Action[], x: { record: ReleaseRecord; seen: Observations; now: number }): readonly Action[];
  /** Actions of these kinds go out without a guard. */
  blind?: readonly Action['do'][];
}

function decisionOf(stage: number): ReleaseRecord['decision'] {
  if (isCommittedStage(stage)) return 'committed';
  if (stage === STAGE.preparing || stage === STAGE.aborting)
    return stage === STAGE.preparing ? 'preparing' : 'aborting';
  return stage === STAGE.done ? 'done' : 'rolledback';
}
/** -1 before a commit; after one it is read while committed only, so that 0 stands for every wave. */
const waveOf = (stage: number): number => {
  if (isCommittedStage(stage)) return Math.floor((stage - 1) / 3);
  return hasCommit(stage) ? 0 : -1;
};

export function recordOf(
  shape: Shape,
  word: number,
  marks: readonly Pick<Sight, 'lagging' | 'givenUp'>[],
): ReleaseRecord {
  const stage = get(word, R.stage);
  const names = marks.map((_, i) => nameOf(i));
  let from = 0;
  const waves = shape.waves.map((n) => ({ clusters: names.slice(from, (from += n)), soakMs: 1 }));
  const asked = { by: 'p', at: 0 };
  return {
    app: 'shop',
    release: RELEASE,
    planId: 'p1',
    green: GREEN_VERSION,
    blue: Object.fromEntries(names.map((n) => [n, BLUE_VERSION])),
    members: names.filter((_, i) => marks[i]?.lagging === 0),
    lagging: names.filter((_, i) => marks[i]?.lagging === 1),
    terms: {
      waves,
      prepareMs: 1,
      require: shape.require,
      skewMs: 1,
      onMissed: 'brake',
      keepBlueMs: 1,
      approve: [],
      quietMs: 1,
      quietMostMs: 1,
    },
    epoch: get(word, R.epoch),
    decision: decisionOf(stage),
    wave: waveOf(stage),
    step: isCommittedStage(stage) ? ((['flip', 'soak', 'keep'] as const)[(stage - 1) % 3] ?? 'flip') : 'flip',
    since: 0,
    startedAt: 0,
    requests: [
      ...(get(word, R.rollback) === 1 ? [{ kind: 'rollback' as const, ...asked }] : []),
      ...names
        .filter((_, i) => marks[i]?.givenUp === 1)
        .map((cluster) => ({ kind: 'giveUp' as const, cluster, ...asked })),
    ],
    by: 's',
  };
}

function switchOf(sw: number): SwitchState {
  return {
    uid: 'u',
    fence: 0,
    epoch: swEpoch(sw),
    release: sw === 0 ? 'r0' : RELEASE,
    vote: swKind(sw) === KIND.vote,
    live: isGreen(sw) ? GREEN_VERSION : BLUE_VERSION,
  };
}
const workload = (exists: boolean, healthy: boolean): WorkloadState => ({
  exists,
  healthy,
  ready: healthy ? 1 : 0,
  wanted: 1,
  fence: 0,
  restarts: 0,
  why: healthy ? [] : ['crash'],
});

function viewOf(s: Sight, c: string, x: { now: number; mayBrake: boolean }): ClusterView {
  const { now } = x;
  const base = {
    gates: [],
    quiet: false,
    braked: s.braked === 1,
    mayBrake: x.mayBrake ? [] : [reason('the last one', c)],
  };
  if (s.eye === 0) {
    const silent = { at: now, unreachable: reason('silent', c) };
    return { ...base, sw: silent, green: silent, blue: silent, checked: false, verdict: { is: 'unknown', why: [] } };
  }
  const eye = openEye(s.eye);
  const at = now;
  const runs = eye.green === GREEN.good || eye.green === GREEN.failing;
  return {
    ...base,
    sw: { at, value: switchOf(eye.sw) },
    green: { at, value: workload(eye.green !== GREEN.absent, runs) },
    blue: { at, value: workload(eye.noBlue === 0, eye.noBlue === 0) },
    checked: runs,
    verdict:
      eye.green === GREEN.failing
        ? { is: 'fail', why: [{ code: 'TW7030', say: 'errors' }] }
        : { is: runs ? 'pass' : 'unknown', why: [] },
  };
}

function stageOf(next: ReleaseRecord): number {
  if (next.decision === 'committed') return committedStage(next.wave, ['flip', 'soak', 'keep'].indexOf(next.step));
  if (next.decision === 'rolledback') return next.wave < 0 ? STAGE.rolled : STAGE.undone;
  return STAGE[next.decision];
}

const NONE: Effect = { does: 'wait', cluster: -1, stage: -1, leaves: -1, epoch: 0, blue: false, blind: false };
function decisionEffect(next: ReleaseRecord, record: ReleaseRecord): Effect {
  const gone = record.members.filter((c) => !next.members.includes(c));
  const fits = next.epoch === record.epoch && next.lagging.length === record.lagging.length + gone.length;
  if (!fits || gone.length > 1) throw new Error(`a decision the checker has no room for: ${JSON.stringify(next)}`);
  return { ...NONE, does: 'decide', stage: stageOf(next), leaves: gone.length === 1 ? indexOf(gone[0] as string) : -1 };
}
function effectOf(a: Action, record: ReleaseRecord, blind: boolean): Effect[] {
  if (a.do === 'decide') return [{ ...decisionEffect(a.next, record), blind }];
  if (a.do === 'stepDown') return [{ ...NONE, does: a.do }];
  if (a.do === 'ask' || a.do === 'wait') return [];
  const base = { ...NONE, does: a.do, cluster: indexOf(a.cluster) };
  if ('from' in a) return [{ ...base, epoch: a.epoch, blind }];
  return [{ ...base, blue: 'version' in a && a.version === BLUE_VERSION }];
}

/** The real `decide` over one round, remembered: the same round is asked once. */
export class Judge {
  readonly #shape: Shape;
  readonly #bend: Bend;
  readonly #known = new Map<number, readonly Effect[]>();
  constructor(shape: Shape, bend: Bend = {}) {
    this.#shape = shape;
    this.#bend = bend;
  }

  get rounds(): number {
    return this.#known.size;
  }

  /** Whether a shell with this claim stops when the register shows that epoch. */
  stepsDown(claim: number, held: number): boolean {
    const record = { ...recordOf(this.#shape, 0, []), epoch: claim };
    const { actions } = decide(record, { register: { ...record, epoch: held }, clusters: {} }, 0);
    return actions.length === 1 && actions[0]?.do === 'stepDown';
  }

  ask(round: Round): readonly Effect[] {
    let key = round.copy * 4 + (round.due ? 2 : 0) + (round.mayBrake ? 1 : 0);
    for (const s of round.sights) key = key * 840 + ((s.eye * 2 + s.braked) * 2 + s.lagging) * 2 + s.givenUp;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const effects = this.#decide(round);
    this.#known.set(key, effects);
    return effects;
  }

  #decide(round: Round): readonly Effect[] {
    const record = recordOf(this.#shape, round.copy, round.sights);
    const now = round.due ? FAR : 0;
    const clusters = Object.fromEntries(
      record.members.map((c) => [c, viewOf(round.sights[indexOf(c)] as Sight, c, { now, mayBrake: round.mayBrake })]),
    );
    const real: Observations = { register: record, clusters };
    const seen = this.#bend.see?.(record, real) ?? real;
    const { actions } = decide(record, seen, now);
    const done = this.#bend.act?.(actions, { record, seen, now }) ?? actions;
    return done.flatMap((a) => effectOf(a, record, this.#bend.blind?.includes(a.do) ?? false));
  }
}
