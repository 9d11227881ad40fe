import { type Clock, type ClusterName, type Lease, type Store, toJson } from '../kernel/index.ts';
import { EPOCH, foldView, HOLD, openBallot } from './machine/keys.ts';
import type { Ballot, EpochValue, StoreView } from './model.ts';

export interface ChangeParts {
  clock: Clock;
  store: Store;
  /** Where the app's keys lie in the store. */
  prefix: string;
  /** Ends by itself when whoever asks for the change dies: writes go on then. */
  lease: Lease;
  show(say: string): void;
  signal: AbortSignal;
}

/** The old set is in force, and writes go on. */
export class ChangeRefused extends Error {
  override readonly name = 'ChangeRefused';
}

const TRY_MS = 20_000;
const POLL_MS = 200;
/** Between two tries: writers have waited, and what they held back goes first. */
const REST_MS = 3000;
const TRIES = 4;

export const sameSet = (a: readonly ClusterName[] | undefined, b: readonly ClusterName[]): boolean =>
  a !== undefined && new Set(a).size === new Set(b).size && b.every((c) => a.includes(c));

/** What the store says of one app now, by a linearizable read. */
export async function viewIn(store: Store, prefix: string): Promise<StoreView> {
  const { revision, entries } = await store.range(prefix);
  return foldView(
    entries.map((e) => ({ ...e, key: e.key.slice(prefix.length) })),
    { revision, fresh: true },
  );
}

/** Why the voters cannot be changed at this moment. */
export function busy(view: StoreView): string | undefined {
  const ballot = openBallot(view);
  if (view.epoch === undefined) return 'there was no first home yet';
  if (ballot !== undefined) return `a failover is under way: ${ballot.why}`;
  if (view.hold?.restore !== undefined) return `a restore of ${view.hold.restore} is under way`;
  return view.hold === undefined ? undefined : `home moves to ${view.hold.to}`;
}

/** Home stays, if it has a copy that counts afterwards too; else somebody of those who have one now goes on. */
const homeIn = (v: EpochValue, to: readonly ClusterName[]): ClusterName | undefined =>
  [v.primary, ...v.copies.toSorted(), ...to].find((c) => to.includes(c));

/** Asks home once. Throws ChangeRefused when it certainly did not hear. */
async function ask(p: ChangeParts, to: readonly ClusterName[]): Promise<void> {
  const view = await viewIn(p.store, p.prefix);
  const { epoch } = view;
  if (sameSet(epoch?.value.voters, to)) return;
  const why = busy(view);
  if (epoch === undefined || why !== undefined) throw new ChangeRefused(why ?? 'there is no home');
  const { primary } = epoch.value;
  const hold = { by: primary, to: homeIn(epoch.value, to) ?? primary, voters: to.toSorted() };
  const end = await p.store.txn({
    if: [
      { key: p.prefix + HOLD, revision: 0 },
      { key: p.prefix + EPOCH, revision: epoch.revision },
    ],
    put: [{ key: p.prefix + HOLD, value: toJson(hold), lease: p.lease.id }],
  });
  if (end.is === 'stale') throw new ChangeRefused('something moved meanwhile');
}

/** True: the new set is in force; false: home has given it up, and the old one is. */
async function answered(p: ChangeParts, to: readonly ClusterName[]): Promise<boolean> {
  const end = p.clock.monotonic() + TRY_MS;
  for (;;) {
    const view = await viewIn(p.store, p.prefix);
    if (sameSet(view.epoch?.value.voters, to)) return true;
    const waits = view.hold !== undefined || openBallot(view) !== undefined;
    if (!waits || p.clock.monotonic() > end) return false;
    await p.clock.sleep(POLL_MS, p.signal);
  }
}

/**
 * Has home decide that the copies of `to` count, and no others (ADR 0034). A few tries: positions that differ by what
 * Redis itself wrote into the log make one void. Throws ChangeRefused; the lease must be closed then.
 */
export async function changeVoters(p: ChangeParts, to: readonly ClusterName[]): Promise<{ epoch: Ballot }> {
  let why = '';
  for (let left = TRIES; left > 0; left--) {
    if (p.lease.lost.aborted) throw new ChangeRefused('the store has not heard of this change for too long');
    p.show(why === '' ? 'writes wait while every copy gets the last one' : `once more: ${why}`);
    try {
      await ask(p, to);
      if (await answered(p, to)) return { epoch: (await viewIn(p.store, p.prefix)).epoch?.value.epoch ?? 0 };
      why = 'not every copy had the last write in time';
    } catch (e) {
      if (!(e instanceof ChangeRefused)) throw e;
      why = e.message;
    }
    await p.clock.sleep(REST_MS, p.signal);
  }
  throw new ChangeRefused(why);
}
