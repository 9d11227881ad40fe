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
}

/** The first record that is not what was written; `head` is what the book says was written last. */
export function firstBroken(records: readonly AuditRecord[], head: { n: number; hash: string }): Broken | undefined {
  let prev = GENESIS;
  for (const [i, r] of records.entries()) {
    const n = i + 1;
    if (r.n !== n) return { n, why: `record ${n} is missing` };
    if (r.prev !== prev) return { n, why: `record ${n} does not follow record ${n - 1}` };
    const { hash, ...body } = r;
    if (hashOf(body) !== hash) return { n, why: `record ${n} was changed after it was written` };
    prev = hash;
  }
  if (records.length !== head.n || prev !== head.hash)
    return { n: records.length + 1, why: `${head.n} records were written, ${records.length} are there` };
  return undefined;
}
