import { type Json, type Store, type Txn, toJson } from '../../kernel/index.ts';
import { type Broken, firstBroken, GENESIS, linked } from '../access/machine/chain.ts';
import { type AuditRecord, accountOf, type Caller } from '../access/model.ts';
import { busy } from './amend.ts';

const HEAD = 'audit/head';
const RECORDS = 'audit/record/';
const keyOf = (n: number): string => `${RECORDS}${String(n).padStart(12, '0')}`;

export interface Head {
  n: number;
  hash: string;
}

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
const TRIES = 60;

async function headOf(store: Store): Promise<{ head: Head; revision: number }> {
  const { value, revision } = await store.get(HEAD);
  return { head: (value as unknown as Head | undefined) ?? { n: 0, hash: GENESIS }, revision };
}

/**
 * Adds one record to the chain, together with what `more` says. `stale`: a guard of `more` does not hold, nothing was
 * written. A lost answer is looked up, so that nothing is written twice. Throws TW1020, TW6204.
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
      if: [{ key: HEAD, revision }, ...extra.if],
      put: [{ key: HEAD, value: { n: r.n, hash: r.hash } }, { key: keyOf(r.n), value: toJson(r) }, ...extra.put],
    });
    if (put.is === 'ok') return r;
    if (put.is === 'unknown' && ((await store.get(keyOf(r.n))).value as { hash?: string } | undefined)?.hash === r.hash)
      return r;
  }
  throw busy(HEAD);
}

/** All records in order. Throws TW1020. */
export async function records(store: Store): Promise<AuditRecord[]> {
  const { entries } = await store.range(RECORDS);
  return entries.map((e) => e.value as unknown as AuditRecord);
}

/** Reads the whole chain at one moment: how long it is, and where it breaks. Throws TW1020. */
export async function verify(store: Store): Promise<{ head: Head; broken?: Broken }> {
  const { entries } = await store.range('audit/');
  const head = entries.find((e) => e.key === HEAD)?.value as unknown as Head | undefined;
  const list = entries.filter((e) => e.key.startsWith(RECORDS)).map((e) => e.value as unknown as AuditRecord);
  const last = head ?? { n: 0, hash: GENESIS };
  const broken = firstBroken(list, last);
  return { head: last, ...(broken === undefined ? {} : { broken }) };
}
