import { digest, fault, type Json, type Store, toJson } from '../../kernel/index.ts';
import type { Caller } from '../access/model.ts';
import { amend } from './amend.ts';
import { record, type With } from './audit.ts';

/** A command that came through a door, and what became of it. */
export interface CommandRow {
  id: string;
  /** As typed, without secrets; null once it was erased. */
  line: string | null;
  salt: string;
  caller: Caller;
  /** Where the answer goes, in the words of the transport. */
  room: string;
  typedAt: number;
  /** Other fleets that hear what is typed there. */
  beside?: readonly string[];
  /** The platform tells of it afterwards: it is never run. */
  missed?: true;
  receivedAt: number;
  state: 'received' | 'running' | 'ended';
  outcome?: Ended;
  /** Whoever typed it has been shown the end. */
  told?: true;
}

export interface Ended {
  exit: number;
  /** Code of the catalogue when it was no success. */
  code: string | null;
  at: number;
}

export interface Received {
  /** Whatever the platform repeats with a message: event id, delivery id, stanza id. */
  keys: readonly string[];
  id: string;
  salt: string;
  line: string;
  caller: Caller;
  room: string;
  typedAt: number;
  beside?: readonly string[];
  missed?: true;
  now: number;
}

const ROWS = 'command/';
const KEYS = 'ingress/';
const rowKey = (id: string): string => `${ROWS}${id}`;
const ingressKey = (key: string): string => `${KEYS}${digest(key).slice('sha256:'.length, 'sha256:'.length + 32)}`;

/** How long a message id is remembered and an ended command is kept. */
const KEEP_MS = 30 * 24 * 3_600_000;

async function known(store: Store, keys: readonly string[]): Promise<string | undefined> {
  for (const key of keys) {
    const { value } = await store.get(ingressKey(key));
    if (value !== undefined) return (value as { id: string }).id;
  }
  return undefined;
}

/** Throws TW6204 when the row is gone. */
export async function rowOf(store: Store, id: string): Promise<CommandRow> {
  const { value } = await store.get(rowKey(id));
  if (value === undefined) throw fault('TW6204', { value: id, why: ['nothing is known of this command'] });
  return value as unknown as CommandRow;
}

/**
 * Takes a message once: its keys, its row and its audit record are one transaction. A message whose key is known
 * gives the row it had the first time. Throws TW1020, TW6204: then it was not taken and may be sent again.
 */
export async function receive(store: Store, r: Received): Promise<{ first: boolean; row: CommandRow }> {
  if (r.keys.length === 0) throw new TypeError('a message without a key cannot be told from its copies');
  const { keys, now, ...rest } = r;
  const row: CommandRow = { ...rest, receivedAt: now, state: 'received' };
  const raw = { digest: digest([r.salt, r.line]), bytes: Buffer.byteLength(r.line) };
  const take = async (): Promise<With | undefined> => {
    if ((await known(store, keys)) !== undefined) return undefined;
    return {
      if: keys.map((key) => ({ key: ingressKey(key), revision: 0 })),
      put: [
        ...keys.map((key) => ({ key: ingressKey(key), value: { id: r.id, at: now } })),
        { key: rowKey(r.id), value: toJson(row) },
      ],
    };
  };
  const said = { at: now, what: 'received', person: null, caller: r.caller, command: r.id, data: { raw } };
  const put = await record(store, said, take);
  if (put !== 'stale') return { first: true, row };
  const id = (await known(store, keys)) ?? r.id;
  return { first: id === r.id, row: await rowOf(store, id) };
}

/** Marks it as running; false: somebody runs it already or did. Before anything is done, so it is done at most once. */
export async function start(store: Store, id: string, claim: string): Promise<boolean> {
  const next = await amend<CommandRow & { claim?: string }>(store, rowKey(id), (now) => {
    if (now === undefined) throw fault('TW6204', { value: id, why: ['nothing is known of this command'] });
    return now.state === 'received' ? { ...now, state: 'running', claim } : now;
  });
  return next.claim === claim && next.state === 'running';
}

/** Keeps what became of it; the first end stays. */
export async function finish(store: Store, id: string, outcome: Ended): Promise<CommandRow> {
  return await amend<CommandRow>(store, rowKey(id), (now) => {
    if (now === undefined) throw fault('TW6204', { value: id, why: ['nothing is known of this command'] });
    return now.state === 'ended' ? now : { ...now, state: 'ended', outcome };
  });
}

/** The end has been shown: no process after this one has to. What the book has forgotten stays so. */
export async function tell(store: Store, id: string): Promise<void> {
  const { value } = await store.get(rowKey(id));
  if (value === undefined) return;
  const row = value as unknown as CommandRow;
  await amend<CommandRow>(store, rowKey(id), (now) => ({ ...(now ?? row), told: true }));
}

/** Commands that ended after `since` and whose end nobody has been shown. */
export async function untold(store: Store, since: number): Promise<CommandRow[]> {
  const { entries } = await store.range(ROWS);
  const rows = entries.map((e) => e.value as unknown as CommandRow);
  return rows.filter((r) => r.state === 'ended' && r.told !== true && (r.outcome?.at ?? 0) > since);
}

/** Commands that nobody finished, in the order they came. */
export async function unfinished(store: Store): Promise<CommandRow[]> {
  const { entries } = await store.range(ROWS);
  const rows = entries.map((e) => e.value as unknown as CommandRow).filter((r) => r.state !== 'ended');
  return rows.toSorted((a, b) => a.receivedAt - b.receivedAt || (a.id < b.id ? -1 : 1));
}

const isOld = (v: Json, now: number): boolean => {
  const { at, receivedAt, state } = v as { at?: number; receivedAt?: number; state?: string };
  return now - (at ?? receivedAt ?? now) > KEEP_MS && (state === undefined || state === 'ended');
};

/** Forgets message ids and ended commands after 30 days. The audit keeps what happened. */
export async function prune(store: Store, now: number): Promise<number> {
  const rows = [...(await store.range(KEYS)).entries, ...(await store.range(ROWS)).entries];
  const old = rows.filter((e) => isOld(e.value, now)).map((e) => e.key);
  if (old.length > 0) await store.txn({ if: [], put: [], remove: old });
  return old.length;
}
