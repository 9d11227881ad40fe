import {
  type Clock,
  duration,
  fault,
  type Lease,
  type ProcessId,
  type Store,
  type StoreView,
  stillRuns,
  thisProcess,
  toJson,
} from '../../kernel/index.ts';
import { ahead, type Standing } from '../access/machine/lanes.ts';
import { waitMs } from '../access/machine/usual.ts';
import { busy, TRIES } from './amend.ts';
import { records } from './audit.ts';

/** One command that changes the fleet: it waits for its turn or has it. */
export interface Place extends Standing {
  /** Such as `c12`; never used again. */
  id: string;
  /** Of the ledger or the audit. */
  command: string;
  clusters: readonly string[];
  /** For people: `release guestbook@v2`. */
  what: string;
  by: string;
  door: string;
  /** When it came, and since when it is as it is. Unix milliseconds. */
  at: number;
  since: number;
  holder: ProcessId;
}

export type Wish = Pick<Place, 'command' | 'verb' | 'app' | 'clusters' | 'keys' | 'what' | 'by' | 'door'>;

const PREFIX = 'line/';
const HEAD = `${PREFIX}head`;
const PLACES = `${PREFIX}place/`;
const GONE = `${PREFIX}gone/`;
const keyOf = (n: number): string => `${PLACES}${String(n).padStart(12, '0')}`;
const goneKey = (id: string): string => `${GONE}${id}`;

/** A process that says nothing for so long has lost its place. Milliseconds. */
const TTL_MS = 15_000;

interface Kept extends Place {
  revision: number;
}

const isDead = (p: Place): boolean => !stillRuns(p.holder, true);

const placesOf = (v: StoreView): Kept[] =>
  v.entries
    .filter((e) => e.key.startsWith(PLACES))
    .map((e) => ({ ...(e.value as unknown as Place), revision: e.revision }));

/** Everybody in the line whose process lives, in order of arrival. */
export async function inLine(store: Store): Promise<Place[]> {
  const { entries } = await store.range(PLACES);
  return entries.map((e) => e.value as unknown as Place).filter((p) => !isDead(p));
}

/** Somebody is in the line now for whom it would wait. */
export async function hasToWait(store: Store, wish: Wish): Promise<boolean> {
  const last = { ...wish, n: Number.POSITIVE_INFINITY, state: 'waits' as const };
  return ahead(last, await inLine(store)).length > 0;
}

/** Takes places out that nobody stands in any more: of dead processes, and of this command before its process died. */
export async function sweep(store: Store, command: string): Promise<void> {
  const over = placesOf(await store.range(PLACES)).filter((p) => p.command === command || isDead(p));
  for (const p of over)
    await store.txn({ if: [{ key: keyOf(p.n), revision: p.revision }], put: [], remove: [keyOf(p.n)] });
}

async function joined(store: Store, lease: Lease, make: (n: number) => Place): Promise<Place> {
  for (let i = 0; i < TRIES; i++) {
    const { value, revision } = await store.get(HEAD);
    const n = ((value as { n: number } | undefined)?.n ?? 0) + 1;
    const place = make(n);
    const put = await store.txn({
      if: [{ key: HEAD, revision }],
      put: [
        { key: HEAD, value: { n } },
        { key: keyOf(n), value: toJson(place), lease: lease.id },
      ],
    });
    if (put.is === 'ok') return place;
    if (put.is === 'unknown') await sweep(store, place.command);
  }
  throw busy(HEAD);
}

const sayAhead = (p: Place): string =>
  `${p.id} "tw ${p.what}" by ${p.by} ${p.state} since ${new Date(p.since).toISOString()}, process ${p.holder.pid} of ${p.holder.host}: heartbeat ${isDead(p) ? 'lost' : 'alive'}`;

/** In words, where the runs of before tell. Throws TW1020. */
export async function sayWait(store: Store, before: readonly Place[], now: number): Promise<string | undefined> {
  const ms = before.length === 0 ? undefined : waitMs(await records(store), before, now);
  return ms === undefined ? undefined : `about ${duration(ms)}`;
}

async function held(store: Store, w: Wish, before: readonly Place[], now: number): Promise<Error> {
  const about = await sayWait(store, before, now);
  return fault('TW6201', {
    value: `tw ${w.what}`,
    why: [`it would be number ${before.length + 1}${about === undefined ? '' : `, ${about}`}`, ...before.map(sayAhead)],
    fix: [{ say: 'See who waits for whom:', command: 'tw queue' }],
  });
}

/** It left the line without its turn: told to, or its process was silent for too long. */
async function goneFrom(store: Store, p: Place): Promise<Error> {
  const { value } = await store.get(goneKey(p.id));
  const said = value as { by: string; because: string | null } | undefined;
  if (said === undefined)
    return fault('TW6206', { value: `tw ${p.what}`, why: ['this process was silent for too long and lost its place'] });
  await store.txn({ if: [], put: [], remove: [goneKey(p.id)] });
  return fault('TW6206', {
    value: `tw ${p.what}`,
    why: [`by ${said.by}${said.because === null ? '' : `: ${said.because}`}`, 'nothing was done'],
  });
}

export interface Waiting {
  clock: Clock;
  /** Leaves the line when it fires. */
  signal: AbortSignal;
  /** false: whoever would have to wait is refused. */
  wait: boolean;
  /** Told at the start of the wait, and whenever somebody before it is through. */
  waits(before: readonly Place[]): void;
}

/** Has the turn once nobody is before it. undefined: the signal fired. Throws TW6201, TW6206. */
async function turnOf(store: Store, w: Waiting, x: { lease: Lease; place: Place }): Promise<Place | undefined> {
  const { lease, place } = x;
  let told = '';
  for await (const view of store.watch(PLACES, w.signal)) {
    const all = placesOf(view);
    const mine = all.find((p) => p.n === place.n);
    if (mine === undefined) throw await goneFrom(store, place);
    const before = ahead(mine, all);
    if (before.length === 0) {
      const running: Place = { ...place, state: 'runs', since: w.clock.now() };
      const put = { key: keyOf(place.n), value: toJson(running), lease: lease.id };
      // Not ok: somebody took it out meanwhile, and the next view tells.
      if ((await store.txn({ if: [{ key: put.key, revision: mine.revision }], put: [put] })).is === 'ok')
        return running;
      continue;
    }
    if (!w.wait) throw await held(store, place, before, w.clock.now());
    const now = before.map((p) => `${p.id} ${p.state}`).join();
    if (now !== told) w.waits(before);
    told = now;
  }
  return undefined;
}

/** The turn of one command. */
export interface Turn {
  /** Nobody waits for it any more. Never throws. */
  leave(): Promise<void>;
}

/**
 * Joins the line and waits until nobody before it wants one of its keys. undefined: the signal fired first, the place
 * is left. Throws TW6201 where it may not wait, TW6206 when it was cancelled, TW1020, TW6204.
 */
export async function takeTurn(store: Store, wish: Wish, w: Waiting): Promise<Turn | undefined> {
  await sweep(store, wish.command);
  const now = w.clock.now();
  const lease = await store.lease(TTL_MS);
  const leave = async (): Promise<void> => await lease.close();
  try {
    const place = await joined(store, lease, (n) => ({
      ...{ ...wish, n, id: `c${n}`, state: 'waits' as const },
      ...{ at: now, since: now, holder: thisProcess() },
    }));
    if ((await turnOf(store, w, { lease, place })) !== undefined) return { leave };
    await leave();
    return undefined;
  } catch (error) {
    await leave();
    throw error;
  }
}

/** A place by its id. Throws TW6203. */
export async function placeOf(store: Store, id: string): Promise<Place> {
  const all = await inLine(store);
  const found = all.find((p) => p.id === id.replace(/^#/, ''));
  if (found !== undefined) return found;
  throw fault('TW6203', {
    value: id,
    why: [all.length === 0 ? 'nobody is in the line' : `in the line: ${all.map((p) => p.id).join(', ')}`],
    fix: [{ say: 'See who waits for whom:', command: 'tw queue' }],
  });
}

/** Takes one that waits out of the line: either it had its turn before, or it never will. Throws TW6203, TW6207. */
export async function cancel(store: Store, id: string, x: { by: string; because: string | null }): Promise<Place> {
  const known = await placeOf(store, id);
  for (let i = 0; i < TRIES; i++) {
    const mine = placesOf(await store.range(PLACES)).find((p) => p.n === known.n);
    if (mine === undefined || mine.state === 'runs')
      throw fault('TW6207', {
        value: `${known.id} tw ${known.what}`,
        why: [mine === undefined ? 'it ended a moment ago' : 'it has its turn already'],
        fix: mine?.app == null ? [] : [{ say: 'Take a release back:', command: `tw rollback ${mine.app}` }],
      });
    const note = { key: goneKey(known.id), value: toJson({ by: x.by, because: x.because }) };
    const out = { if: [{ key: keyOf(mine.n), revision: mine.revision }], put: [note], remove: [keyOf(mine.n)] };
    if ((await store.txn(out)).is === 'ok') return known;
  }
  throw busy(keyOf(known.n));
}
