import type { Clock, ClusterName, Lease, Store } from '../../kernel/index.ts';
import { viewIn } from '../change.ts';
import { openBallot } from '../machine/keys.ts';
import { isStill, restoreBallot, restoredEpoch } from '../machine/restore.ts';
import type { Ballot, Look, RunId, StateTxn, StoreView } from '../model.ts';

/** What a restore needs from outside. */
export interface RestoreParts {
  clock: Clock;
  store: Store;
  /** Where the app's keys lie in the store. */
  prefix: string;
  voters: readonly ClusterName[];
  /** Ends by itself when whoever restores dies. */
  lease: Lease;
  /** Whose Redis gets the file. */
  home: ClusterName;
  /** The Redis of home as its agent sees it now; undefined = it does not answer. */
  look(): Promise<Look | undefined>;
  /** Keeps what is there, now that nobody writes; `view` says who has how much. Throws. */
  salvage(view: StoreView): Promise<void>;
  /** Puts the file in place and ends exactly the process `run`, which starts anew from it. Throws. */
  place(run: RunId): Promise<void>;
  /** Why what that process loaded is not the snapshot; undefined = it is. */
  misfit(look: Look): Promise<string | undefined>;
  show(say: string): void;
  signal: AbortSignal;
}

const STILL_MS = 30_000;
const BOOT_MS = 180_000;
const POLL_MS = 200;

/** It did not go, and the data of before are what counts. */
export class RestoreRefused extends Error {
  override readonly name = 'RestoreRefused';
}

const viewOf = (p: RestoreParts): Promise<StoreView> => viewIn(p.store, p.prefix);

/** Throws RestoreRefused unless it was certainly taken. */
async function written(p: RestoreParts, t: StateTxn): Promise<void> {
  const end = await p.store.txn({
    if: t.if.map((g) => ({ key: p.prefix + g.key, revision: g.revision })),
    put: t.put.map((x) => ({
      key: p.prefix + x.key,
      value: x.value,
      ...(x.leased === true ? { lease: p.lease.id } : {}),
    })),
    ...(t.remove === undefined ? {} : { remove: t.remove.map((k) => p.prefix + k) }),
  });
  if (end.is === 'ok') return;
  throw new RestoreRefused(end.is === 'stale' ? 'something moved meanwhile' : `the store did not confirm: ${end.why}`);
}

/** Asks until `found` says something. */
async function until<T>(
  p: RestoreParts,
  x: { ms: number; what: string },
  found: () => Promise<T | undefined>,
): Promise<T> {
  const end = p.clock.monotonic() + x.ms;
  for (;;) {
    if (p.lease.lost.aborted) throw new RestoreRefused('the store has not heard of this restore for too long');
    const got = await found();
    if (got !== undefined) return got;
    if (p.clock.monotonic() > end) throw new RestoreRefused(x.what);
    await p.clock.sleep(POLL_MS, p.signal);
  }
}

/** Everybody is fenced for our ballot, home among them; its process. */
async function stilled(p: RestoreParts, snapshot: string): Promise<{ ballot: Ballot; run: RunId; view: StoreView }> {
  const before = await viewOf(p);
  const opened = restoreBallot(before, { home: p.home, snapshot });
  if (opened.is === 'refused') throw new RestoreRefused(opened.why);
  await written(p, opened.txn);
  const what = 'too few copies are fenced in time';
  return await until(p, { ms: STILL_MS, what }, async () => {
    const view = await viewOf(p);
    const ballot = openBallot(view);
    if (ballot === undefined || view.hold?.restore !== snapshot)
      throw new RestoreRefused('its ballot was decided by others');
    const look = await p.look();
    const fenced = view.fences[p.home]?.ballot === ballot.n && look?.role === 'fenced';
    return fenced && isStill(view, ballot.n) ? { ballot: ballot.n, run: look.run, view } : undefined;
  });
}

/** Another process is there, fenced, with the data of the snapshot. */
async function booted(p: RestoreParts, old: RunId): Promise<Look> {
  return await until(p, { ms: BOOT_MS, what: 'the Redis of home did not come back in time' }, async () => {
    const look = await p.look();
    if (look === undefined || look.run === old || look.loading || look.role !== 'fenced') return undefined;
    const why = await p.misfit(look);
    if (why !== undefined) throw new RestoreRefused(`the Redis of home started with something else: ${why}`);
    return look;
  });
}

/**
 * Puts a snapshot in place of the data. Until the last transaction only what was there counts, from it on only what
 * descends from the snapshot. Throws RestoreRefused while it changed nothing; the lease must be closed then.
 */
export async function restoreSnapshot(p: RestoreParts, snapshot: string): Promise<{ epoch: Ballot }> {
  p.show('every copy is fenced: writes wait, then are refused with TW5103');
  const { ballot, run, view } = await stilled(p, snapshot);
  p.show('what is there is kept as a salvage snapshot');
  await p.salvage(view);
  p.show(`the snapshot is put in place in ${p.home}`);
  await p.place(run);
  const look = await booted(p, run);
  p.show(`${p.home} becomes home with it, the others copy it`);
  const found = restoredEpoch(await viewOf(p), p.voters, { home: p.home, snapshot, ballot, look });
  if (found.is === 'refused') throw new RestoreRefused(found.why);
  await written(p, found.txn).catch(async (e: unknown) => {
    if (!(await isDecided(p, { ballot, snapshot }))) throw e;
  });
  return { epoch: ballot };
}

/** The answer of the store may be lost; what it did is not. */
async function isDecided(p: RestoreParts, x: { ballot: Ballot; snapshot: string }): Promise<boolean> {
  const { epoch } = await viewOf(p);
  return epoch?.value.restored === x.snapshot && epoch.value.epoch === x.ballot;
}
