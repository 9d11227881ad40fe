import { digest, fault, type Json, type Store, type Txn, toJson } from '../../kernel/index.ts';
import { type Broken, breaksOf, endBreak, endOf, GENESIS, type Head, linked } from '../access/machine/chain.ts';
import { type AuditRecord, accountOf, type Caller } from '../access/model.ts';
import { busy, TRIES } from './amend.ts';

const HEAD = 'audit/head';
const RECORDS = 'audit/record/';
const KNOWN = 'audit/known';
const keyOf = (n: number): string => `${RECORDS}${String(n).padStart(12, '0')}`;

/** What is written down of one step of one command. */
export interface Said {
  at: number;
  what: string;
  person: string | null;
  caller: Caller;
  command: string;
  data: Json;
}

/** Guards and writes that go with a record: all of it or nothing. */
export type With = Pick<Txn, 'if' | 'put'>;

const NOTHING: With = { if: [], put: [] };

async function headOf(store: Store): Promise<{ head: Head; revision: number }> {
  const { value, revision } = await store.get(HEAD);
  return { head: (value as unknown as Head | undefined) ?? { n: 0, hash: GENESIS }, revision };
}

/** A record stands where the next one belongs: somebody wrote the head back. Nothing that is there is written over. */
async function refuseCut(store: Store, n: number, revision: number): Promise<void> {
  const [{ value }, now] = await Promise.all([store.get(keyOf(n)), headOf(store)]);
  if (value === undefined || now.revision !== revision) return;
  throw fault('TW6501', { value: `record ${n}`, why: [`the book says that record ${n - 1} is the last one`] });
}

/**
 * Adds one record to the chain, together with what `more` says. `stale`: a guard of `more` does not hold, nothing was
 * written. A lost answer is looked up, so that nothing is written twice. Throws TW1020, TW6204, TW6501.
 */
export async function record(
  store: Store,
  s: Said,
  more: () => Promise<With | undefined> = async () => NOTHING,
): Promise<AuditRecord | 'stale'> {
  const { caller, ...rest } = s;
  const body = { ...rest, door: caller.door, account: accountOf(caller.identity) };
  for (let i = 0; i < TRIES; i++) {
    const { head, revision } = await headOf(store);
    const extra = await more();
    if (extra === undefined) return 'stale';
    const r = linked(body, head);
    const put = await store.txn({
      if: [{ key: HEAD, revision }, { key: keyOf(r.n), revision: 0 }, ...extra.if],
      put: [{ key: HEAD, value: { n: r.n, hash: r.hash } }, { key: keyOf(r.n), value: toJson(r) }, ...extra.put],
    });
    if (put.is === 'ok') return r;
    if (put.is === 'unknown' && ((await store.get(keyOf(r.n))).value as { hash?: string } | undefined)?.hash === r.hash)
      return r;
    if (put.is === 'stale') await refuseCut(store, r.n, revision);
  }
  throw busy(HEAD);
}

/** All records in order. Throws TW1020. */
export async function records(store: Store): Promise<AuditRecord[]> {
  const { entries } = await store.range(RECORDS);
  return entries.map((e) => e.value as unknown as AuditRecord);
}

/** Whether what was the last record once is still there as it was. Throws TW1020. */
export async function hasRecord(store: Store, seen: Head | undefined): Promise<boolean> {
  if (seen === undefined) return true;
  const { value } = await store.get(keyOf(seen.n));
  return (value as { hash?: string } | undefined)?.hash === seen.hash;
}

/** A person said that they know of these breaks: nothing of them is news any more. */
export interface Acknowledged {
  by: string;
  because: string;
  at: number;
  /** Digest of the breaks. */
  breaks: string;
}

export interface Audited {
  head: Head;
  /** The first place where it is not what was written. */
  broken?: Broken;
  /** That and everything else was acknowledged. */
  known?: Acknowledged;
}

interface Whole {
  list: AuditRecord[];
  head: Head;
  revision: number;
  breaks: Broken[];
  end: Broken | undefined;
  said: Acknowledged | undefined;
}

async function whole(store: Store, seen: Head | undefined): Promise<Whole> {
  const { entries } = await store.range('audit/');
  const at = entries.find((e) => e.key === HEAD);
  const head = (at?.value as unknown as Head | undefined) ?? { n: 0, hash: GENESIS };
  const list = entries.filter((e) => e.key.startsWith(RECORDS)).map((e) => e.value as unknown as AuditRecord);
  const said = entries.find((e) => e.key === KNOWN)?.value as unknown as Acknowledged | undefined;
  return {
    list,
    head,
    revision: at?.revision ?? 0,
    breaks: breaksOf(list, head),
    end: endBreak(list, head, seen),
    said,
  };
}

/** Every break; that all of them are known. */
function verdictOf(w: Whole): { all: Broken[]; isKnown: boolean } {
  const all = [...w.breaks, ...(w.end === undefined ? [] : [w.end])];
  return { all, isKnown: w.end === undefined && w.said?.breaks === digest(toJson(w.breaks)) };
}

/** Reads the whole chain at one moment; `seen`: a record that was the last one once. Throws TW1020. */
export async function verify(store: Store, seen?: Head): Promise<Audited> {
  const w = await whole(store, seen);
  const { all, isKnown } = verdictOf(w);
  const [broken] = all;
  if (broken === undefined) return { head: w.head };
  return { head: w.head, broken, ...(isKnown && w.said !== undefined ? { known: w.said } : {}) };
}

/**
 * A person knows of every break there is now; that is a record itself, and the chain goes on after what is there.
 * Undefined: there is nothing that was not known. Throws TW1020, TW6204.
 */
export async function acknowledge(
  store: Store,
  s: Omit<Said, 'what' | 'data'> & { because: string },
  seen: Head | undefined,
): Promise<{ broken: Broken; record: AuditRecord } | undefined> {
  const { because, caller, ...rest } = s;
  for (let i = 0; i < TRIES; i++) {
    const w = await whole(store, seen);
    const { all, isKnown } = verdictOf(w);
    const [broken] = all;
    if (broken === undefined || isKnown) return undefined;
    const last = endOf(w.list);
    const data = toJson({ because, breaks: all.map((b) => b.why) });
    const body = { ...rest, what: 'acknowledged', data, door: caller.door, account: accountOf(caller.identity) };
    const r = linked(body, last.n > w.head.n ? last : w.head);
    const known: Acknowledged = { by: s.person ?? '', because, at: s.at, breaks: digest(toJson(w.breaks)) };
    const put = await store.txn({
      if: [{ key: HEAD, revision: w.revision }],
      put: [
        { key: HEAD, value: { n: r.n, hash: r.hash } },
        { key: keyOf(r.n), value: toJson(r) },
        { key: KNOWN, value: toJson(known) },
      ],
    });
    if (put.is === 'ok') return { broken, record: r };
  }
  throw busy(HEAD);
}
