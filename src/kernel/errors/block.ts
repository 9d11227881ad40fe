/** user: the caller can mend it. transient: the same call may go through later. bug: ours. */
export type ErrorKind = 'user' | 'transient' | 'bug';

/** Exit codes of the CLI, one table for code, docs and test (docs/reference/exit-codes.md). */
export const EXIT = {
  done: 0,
  failure: 1,
  usage: 2,
  denied: 3,
  applyFailed: 4,
  rolledBack: 5,
  difference: 6,
  locked: 7,
  timeout: 8,
  partial: 9,
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ErrorEntry {
  /** One sentence, lower case, no full stop; the offending value is shown beside it. */
  readonly title: string;
  readonly kind: ErrorKind;
  readonly exit: ExitCode;
}
/** One block of the catalogue: the codes of one room. */
export type Block = Readonly<Record<`TW${number}`, ErrorEntry>>;
