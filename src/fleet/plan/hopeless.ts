/** What is known of one workload that does not become healthy. Times are monotonic milliseconds. */
export interface Sickness {
  /** What its own status said last; another word is progress. */
  said: string;
  /** Since when pods of its newest revision cannot start; absent: none is like that. */
  since?: number;
  /** When such a pod was last seen. */
  seen?: number;
}

/** A container that runs between two crashes is not yet progress; one that runs longer is. */
const RESPITE_MS = 30_000;
/** A pod that waits for another one (a database) crashes a few times and then runs; longer than that is no wait. */
const HOPELESS_MS = 90_000;

export interface Look {
  at: number;
  /** Message of the workload's own health. */
  said: string;
  /** Why a pod of the newest revision cannot start. */
  pod?: string | undefined;
}

/** Folds one more look. Progress of the workload, or a pod that runs long enough, begins anew. */
export function sicker(before: Sickness | undefined, look: Look): Sickness {
  const { at, said, pod } = look;
  const same = before?.said === said ? before : undefined;
  if (pod !== undefined) return { said, since: same?.since ?? at, seen: at };
  if (same?.since === undefined || same.seen === undefined || at - same.seen > RESPITE_MS) return { said };
  return same;
}

/** Waiting on would not help: its pods cannot start, and that has not changed for long. */
export const isHopeless = (s: Sickness, at: number): boolean => s.since !== undefined && at - s.since >= HOPELESS_MS;
