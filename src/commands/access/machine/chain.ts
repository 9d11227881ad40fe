import { digest, toJson } from '../../../kernel/index.ts';
import type { AuditRecord } from '../model.ts';

/** Hash before the first record. */
export const GENESIS = 'sha256:0';

type Body = Omit<AuditRecord, 'hash'>;

const hashOf = (r: Body): string => digest(toJson(r));

export function linked(body: Omit<Body, 'n' | 'prev'>, head: { n: number; hash: string }): AuditRecord {
  const r = { ...body, n: head.n + 1, prev: head.hash };
  return { ...r, hash: hashOf(r) };
}

export interface Broken {
  n: number;
  why: string;
  /** What stands there now: changed once more, it is another break. */
  is?: string;
}

/** A record that was the last one once. */
export interface Head {
  n: number;
  hash: string;
}

const START: Head = { n: 0, hash: GENESIS };

/** After what was taken out the chain goes on with what is there: the same break stays the same when it grows. */
const missing = (from: number, to: number): Broken => ({
  n: from,
  why: from === to ? `record ${from} is missing` : `records ${from} to ${to} are missing`,
});

function linkBreak(r: AuditRecord, last: Head): Broken | undefined {
  const n = last.n + 1;
  if (r.n > n) return missing(n, r.n - 1);
  if (r.n !== n) return { n, why: `record ${n} is not where it was written`, is: String(r.n) };
  return r.prev === last.hash ? undefined : { n, why: `record ${n} does not follow record ${n - 1}`, is: r.prev };
}

function bodyBreak({ hash, ...body }: AuditRecord, n: number): Broken | undefined {
  const is = hashOf(body);
  return is === hash ? undefined : { n, why: `record ${n} was changed after it was written`, is };
}

/** Where the records end: where the next one is linked to. */
export const endOf = (records: readonly AuditRecord[]): Head => {
  const last = records.at(-1);
  return last === undefined ? START : { n: last.n, hash: last.hash };
};

/** Every place where the records are not what was written; `head` is what the book says was written last. */
export function breaksOf(records: readonly AuditRecord[], head: Head): Broken[] {
  const found: (Broken | undefined)[] = [];
  let last = START;
  for (const r of records) {
    found.push(linkBreak(r, last), bodyBreak(r, last.n + 1));
    last = { n: Math.max(last.n + 1, r.n), hash: r.hash };
  }
  if (last.n < head.n) found.push(missing(last.n + 1, head.n));
  return found.filter((b) => b !== undefined);
}

/** An end that is not the one that the book, or somebody who saw it once, knows. */
export function endBreak(records: readonly AuditRecord[], head: Head, seen: Head | undefined): Broken | undefined {
  const last = endOf(records);
  if (last.n > head.n || (last.n === head.n && last.hash !== head.hash))
    return { n: head.n + 1, why: `the book says that record ${head.n} is the last one; ${last.n} are there` };
  if (seen === undefined || seen.n === 0 || records.some((r) => r.n === seen.n && r.hash === seen.hash))
    return undefined;
  const there = records.some((r) => r.n === seen.n);
  return { n: seen.n, why: `this machine saw record ${seen.n}: ${there ? 'another one is there' : 'it is not there'}` };
}
