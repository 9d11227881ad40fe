/**
 * The world of the release checker in words of 32 bits, so that a state is a short row of numbers:
 * word 0 the register, one word per shell (its copy of the register), then one block per cluster.
 *
 * What is left out, and why that hides no fault:
 * - *Fences.* A guarded write lands only while the fence it read still holds. A write whose fence is gone can never
 *   land, so it is dropped; what stays in flight is guarded by the present fence and the number itself says nothing
 *   more. The same goes for the register's revision: every change of the register moves a monotone field (stage,
 *   epoch, requests, lagging), so equal content means equal revision.
 * - *Acknowledgements.* `decide` never reads the answer of a write, it reads the world again; a lost
 *   acknowledgement is the state in which the write has landed and nobody knows.
 * - *Losses.* A write that stays in flight for ever is a lost one. One move loses everything in flight, so that
 *   liveness never rests on a write that was lost.
 * - *Clock.* `decide` reads the clock for deadlines only; every round is tried with nothing due and with everything
 *   due. Times in the record are 0; evidence is as fresh as the round, an old view too (the worst case).
 * - *Causes, approvals, gates, pauses.* They block or are printed, they never allow; a release that waits is a
 *   shell that does not take its next step, which every state allows.
 * - *promote*: ends the keeping of blue, as the deadline does; everything due stands for both.
 * - *Workloads and brakes* change at once when a shell acts on what it saw; one action per move, so a shell may
 *   stop between two of them.
 * - *One fault each*: one green turns bad, one cluster at a time is cut, one cluster is given up; cuts come back
 *   as often as they like.
 * - Clusters of one wave and the shells are interchangeable: a state stands for all its permutations.
 */

/** Stages of the register. Committed: 1 + 3 * wave + step. `ROLLED`: rolled back without a commit, `UNDONE`: after one. */
export const STAGE = { preparing: 0, aborting: 10, done: 11, rolled: 12, undone: 13 } as const;
export const MAX_WAVES = 3;
export const committedStage = (wave: number, step: number): number => 1 + 3 * wave + step;
export const isCommittedStage = (stage: number): boolean => stage >= 1 && stage < STAGE.aborting;
export const isTerminal = (stage: number): boolean => stage >= STAGE.done;
/** True once a commit was decided. */
export const hasCommit = (stage: number): boolean => stage !== STAGE.preparing && stage !== STAGE.rolled;

/** What a switch says: 0 = as before this release, else 1 + kind * MAX_EPOCH + epoch - 1. */
export const MAX_EPOCH = 4;
export const KIND = { vote: 0, flip: 1, back: 2 } as const;
export type Kind = keyof typeof KIND;
export const KINDS: readonly Kind[] = ['vote', 'flip', 'back'];
export const swOf = (kind: number, epoch: number): number => 1 + kind * MAX_EPOCH + epoch - 1;
export const swKind = (sw: number): number => (sw === 0 ? -1 : Math.floor((sw - 1) / MAX_EPOCH));
export const swEpoch = (sw: number): number => (sw === 0 ? 0 : ((sw - 1) % MAX_EPOCH) + 1);
export const isGreen = (sw: number): boolean => swKind(sw) === KIND.flip;

export const GREEN = { absent: 0, good: 1, failing: 2, dead: 3 } as const;

/** A field inside a word. */
export interface Field {
  at: number;
  mask: number;
}
const field = (at: number, bits: number): Field => ({ at, mask: 2 ** bits - 1 });
export const get = (word: number, f: Field): number => (word >>> f.at) & f.mask;
export const put = (word: number, f: Field, value: number): number =>
  ((word & ~(f.mask << f.at)) | (value << f.at)) >>> 0;

/** Word 0 and, for the first three fields, the word of a shell (epoch 0 = this shell holds nothing). */
export const R = {
  stage: field(0, 4),
  epoch: field(4, 3),
  rollback: field(7, 1),
  /** In flight: the step ahead, the way back. */
  ahead: field(8, 1),
  end: field(9, 1),
  /** In flight: the decision of a shell whose claim is over, only in wrong designs: stage + 1. */
  blind: field(10, 4),
} as const;
/** The part of word 0 a shell copies. */
export const COPY = 0xff;

/** First word of a cluster. */
export const C = {
  sw: field(0, 4),
  /** One bit per kind and epoch: guarded writes that may still land. */
  flights: field(4, 12),
  green: field(16, 2),
  noBlue: field(18, 1),
  cut: field(19, 1),
  braked: field(20, 1),
  lagging: field(21, 1),
  givenUp: field(22, 1),
  /** In flight: the decision to leave this cluster out. */
  leave: field(23, 1),
  /** Two bits per shell: lagging, givenUp in its copy. */
  copies: field(24, 6),
} as const;
export const flightBit = (kind: number, epoch: number): number => 1 << (kind * MAX_EPOCH + epoch - 1);

/** Second word of a cluster, only when shells may act on old views: 8 bits per shell, eye code + guard still holds. */
export const oldEye = (shell: number): Field => field(shell * 8, 7);
export const oldHolds = (shell: number): Field => field(shell * 8 + 7, 1);

/** Everything a shell reads of one cluster in one number; 0 = silent. */
export const eyeOf = (c: number): number =>
  get(c, C.cut) === 1 ? 0 : 1 + (get(c, C.sw) * 4 + get(c, C.green)) * 2 + get(c, C.noBlue);
export interface Eye {
  sw: number;
  green: number;
  noBlue: number;
}
export const openEye = (code: number): Eye => ({
  sw: (code - 1) >> 3,
  green: ((code - 1) >> 1) & 3,
  noBlue: (code - 1) & 1,
});

/** One world to search. */
export interface Size {
  /** Clusters per wave. */
  waves: readonly number[];
  shells: number;
  /** Highest epoch: a takeover beyond it is left out. */
  epochs: number;
  require: 'all' | 'skip';
  /** A green may turn bad: 1 = the judge fails it, 2 = no pod is ready, 3 = either, 0 = none does. */
  bad: 0 | 1 | 2 | 3;
  cut: boolean;
  /** A person may give a cluster up. */
  giveUp: boolean;
  /** An ended release may be taken over too. */
  resume: boolean;
  /** Shells may act on an old view of one cluster. */
  old: boolean;
}

export interface Shape extends Size {
  clusters: number;
  /** Index of the first cluster's word, words per cluster, words per state. */
  first: number;
  per: number;
  words: number;
}
export function shapeOf(size: Size): Shape {
  const clusters = size.waves.reduce((a, b) => a + b, 0);
  const per = size.old ? 2 : 1;
  const first = 1 + size.shells;
  if (size.epochs > MAX_EPOCH || size.shells > 3 || size.waves.length > MAX_WAVES || clusters > 4)
    throw new Error(`a world of ${clusters} clusters, ${size.shells} shells, ${size.epochs} epochs has no layout`);
  return { ...size, clusters, first, per, words: first + per * clusters };
}
