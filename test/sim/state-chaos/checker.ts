// Reads the history of one list that only grows (RPUSH of words that are used once). Idea: Elle's list-append
// (jepsen-io/elle): the order of the final list is the order of all writes, so every fault has a name.

export interface Write {
  client: string;
  value: string;
  /** Milliseconds of one monotonic clock. */
  from: number;
  to: number;
  /** `failed`: certainly not written. `unknown`: it may appear once, or not. */
  result: 'ok' | 'failed' | 'unknown';
}
export interface Read {
  client: string;
  from: number;
  to: number;
  seen: readonly string[];
}
export interface History {
  writes: readonly Write[];
  reads: readonly Read[];
}

export interface Verdict {
  acked: number;
  unknown: number;
  /** Acknowledged and not in the end. */
  lost: string[];
  duplicated: string[];
  /** In the end or in a read, and never written, or refused. */
  phantom: string[];
  /** Reads that are no beginning of the final list. */
  notPrefix: Read[];
  /** Reads that miss a write which the same client had acknowledged before. */
  ownWrites: Read[];
  /** Reads that are shorter than an earlier read of the same client. */
  wentBack: Read[];
}

const isPrefix = (seen: readonly string[], final: readonly string[]): boolean =>
  seen.length <= final.length && seen.every((v, i) => v === final[i]);

/** Reads, in time, against the longest of the same client before each. */
function wentBack(reads: readonly Read[]): Read[] {
  const byClient = Map.groupBy(reads, (r) => r.client);
  return [...byClient.values()].flatMap((mine) =>
    mine.filter((r) => mine.some((earlier) => earlier.to <= r.from && earlier.seen.length > r.seen.length)),
  );
}

function ownWrites(h: History): Read[] {
  return h.reads.filter((r) => {
    const mine = h.writes.filter((w) => w.client === r.client && w.result === 'ok' && w.to <= r.from);
    if (mine.length === 0) return false;
    const seen = new Set(r.seen);
    return mine.some((w) => !seen.has(w.value));
  });
}

/** What is wrong with the history, given the list at rest. */
export function check(h: History, final: readonly string[]): Verdict {
  const at = new Set(final);
  const counts = new Map<string, number>();
  for (const v of final) counts.set(v, (counts.get(v) ?? 0) + 1);
  const possible = new Set(h.writes.filter((w) => w.result !== 'failed').map((w) => w.value));
  const seen = new Set([...final, ...h.reads.flatMap((r) => r.seen)]);
  return {
    acked: h.writes.filter((w) => w.result === 'ok').length,
    unknown: h.writes.filter((w) => w.result === 'unknown').length,
    lost: h.writes.filter((w) => w.result === 'ok' && !at.has(w.value)).map((w) => w.value),
    duplicated: [...counts].filter(([, n]) => n > 1).map(([v]) => v),
    phantom: [...seen].filter((v) => !possible.has(v)),
    notPrefix: h.reads.filter((r) => !isPrefix(r.seen, final)),
    ownWrites: ownWrites(h),
    wentBack: wentBack(h.reads),
  };
}
