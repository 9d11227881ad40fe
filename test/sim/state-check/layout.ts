/**
 * The world of the state checker: voters with a Redis and an agent each, one store, clients that write and wait.
 * A state is a row of numbers; every part of it that is not a number is kept once in a pool.
 *
 * What is left out, and why that hides no fault:
 * - *Clocks, leases, opinions, pings.* They decide when somebody tries. Here a ballot may be opened at every moment.
 * - *Views.* An agent may act at any moment on any version of epoch and ballot it has not passed yet: late, stale and
 *   coalesced watches are all in that. A view that makes an agent do nothing is not kept.
 * - *Lost messages.* A transaction in flight may stay there for ever; one whose guards are outdated is dropped.
 * - *Answers.* `ok` is told when a report or a decision is sent: the agent relies on none of them.
 * - *Restarts.* An agent that has not noticed a restart yet can do nothing its transactions in flight do not do.
 * - *Fence, follow* are one move unless agents crash: the agent does nothing else between asking and hearing.
 * - The voters that are not the first home are interchangeable; ties are decided in every possible way for that.
 */
export type Voter = number;

export interface Size {
  /** Places with a Redis and an agent. */
  voters: 2 | 3 | 4;
  /** A change of the voters: the first `from` places have copies that count; a ballot may wish for `to`. */
  change?: { from: number; to: readonly string[]; newcomer: 'empty' | 'follows' };
  /** Ballots after the first epoch. */
  ballots: number;
  writes: number;
  /** Restarts of a Redis: empty, or with any prefix of its log when `disk`. */
  restarts: number;
  disk: boolean;
  /** Crashes of an agent, between any two commands, with commands on their way. */
  crashes: number;
  /** Orderly stops. */
  seals: number;
  /** Restores of what was there at the start, into voter 0. */
  restores?: number;
  /**
   * `run`: epoch 1 is at work. `called`: ballot 2 wishes for the change. `decided`: ballot 2 is decided and nobody has
   * applied it. `virgin`: nothing yet.
   */
  start: 'run' | 'called' | 'decided' | 'virgin';
  /** Of `called` and `decided`: who is fenced for ballot 2; absent = all. */
  fenced?: readonly string[];
  /** Of `decided`: another past than an empty one. Writes in the logs are of unknown fate. */
  past?: { logs: readonly string[]; primary: Voter; copies: readonly string[]; w: number; voters?: readonly string[] };
  /** Voter that faults hit; absent = any. */
  faultsAt?: number;
}

/** What a restore puts in place: the log of the start. */
export const SNAPSHOT = '1';
export const NAMES = ['ca', 'sa', 'au', 'vi'] as const;
/** `role`: 0 fenced, 1 replica, 2 primary that takes no write yet, 3 primary. */
export interface Redis {
  run: number;
  /** Markers are digits, writes letters. */
  log: string;
  role: number;
  /** Epoch it was promoted or attached for; 0 = fenced. */
  epoch: number;
  /** Whom it follows, -1 = nobody. */
  target: number;
  /** Its acknowledgements are of offset 0. */
  quiet: boolean;
  attached: boolean;
  /** Commands of a dead agent that may still arrive. */
  late: string;
  /** What an orderly stop saved. */
  disk: string;
}

export const WORDS_AFTER = 6;
export const wordsOf = (size: Size): number => size.voters * 2 + WORDS_AFTER;
/** Word numbers behind agents and redises. */
interface Places {
  /** Of the acknowledgements' low bits; `more`: the others. */
  acks: number;
  store: number;
  flights: number;
  writes: number;
  budgets: number;
  more: number;
}
export const at = (size: Size): Places => {
  const n = size.voters * 2;
  return { acks: n, store: n + 1, flights: n + 2, writes: n + 3, budgets: n + 4, more: n + 5 };
};

export const LETTERS = 'abcd';
export const markOf = (log: string): number => {
  for (let i = log.length - 1; i >= 0; i--) {
    const c = log.charCodeAt(i) - 48;
    if (c >= 0 && c <= 9) return c;
  }
  return 0;
};
