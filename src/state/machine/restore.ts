import { type ClusterName, toJson } from '../../kernel/index.ts';
import type { Ballot, EpochValue, Look, Put, StateTxn, StoreView } from '../model.ts';
import { BALLOT, carried, EPOCH, HOLD, openBallot, runKey, votersOf } from './keys.ts';

/** A snapshot that takes the place of the data, and where its file is put. */
export interface RestoreWish {
  home: ClusterName;
  snapshot: string;
}
type Refused = { is: 'refused'; why: string };

const guard = (key: string, revision: number | undefined) => ({ key, revision: revision ?? 0 });

/**
 * Opens a ballot that everybody fences for and nobody decides, while the hold that comes with it stands. The hold is
 * leased: when whoever restores dies before the end, the ballot is one like any other and gives the old data again.
 */
export function restoreBallot(view: StoreView, x: RestoreWish): { is: 'txn'; txn: StateTxn } | Refused {
  if (view.epoch === undefined) return { is: 'refused', why: 'there was no first home yet' };
  if (view.hold !== undefined) {
    const { restore, to } = view.hold;
    return {
      is: 'refused',
      why: restore === undefined ? `home moves to ${to}` : `a restore of ${restore} is under way`,
    };
  }
  const hold: Put = { key: HOLD, value: { by: x.home, to: x.home, restore: x.snapshot }, leased: true };
  return {
    is: 'txn',
    txn: {
      if: [guard(BALLOT, view.ballot?.n), guard(EPOCH, view.epoch.revision), guard(HOLD, 0)],
      put: [{ key: BALLOT, value: { by: x.home, why: `restore of ${x.snapshot}` } }, hold],
    },
  };
}

/** Voters of the last epoch that are fenced for the ballot are so many that no write of before can be acknowledged any more. */
export function isStill(view: StoreView, ballot: Ballot): boolean {
  const last = view.epoch?.value;
  if (last === undefined) return true;
  const fenced = last.copies.filter((c) => (view.fences[c]?.ballot ?? 0) >= ballot);
  return fenced.length >= last.copies.length - last.w;
}

/** Why the process must not become home with the snapshot. */
function refusal(view: StoreView, x: { ballot: Ballot; look: Look }): string | undefined {
  if (openBallot(view)?.n !== x.ballot) return `ballot ${x.ballot} is not open any more`;
  if (!isStill(view, x.ballot)) return 'too few copies are fenced yet';
  const { look } = x;
  if (look.role !== 'fenced') return `its Redis is ${look.role}`;
  return look.loading || look.syncing ? 'it still loads' : undefined;
}

/**
 * Decides the ballot for the process that loaded the snapshot. In the same transaction all that any copy could prove
 * before is void: from there on only what descends from the snapshot counts, until then only what was there.
 */
export function restoredEpoch(
  view: StoreView,
  told: readonly ClusterName[],
  x: RestoreWish & { ballot: Ballot; look: Look },
): { is: 'epoch'; value: EpochValue; txn: StateTxn } | Refused {
  const why = refusal(view, x);
  if (why !== undefined) return { is: 'refused', why };
  const { look } = x;
  const voters = votersOf(view, { voters: told });
  // Of whoever is no voter too: it may become one.
  const all = [...new Set([...voters, ...Object.keys(view.runs)])];
  const value: EpochValue = {
    epoch: x.ballot,
    primary: x.home,
    from: { epoch: look.marker?.epoch ?? 0, offset: look.offset, run: look.run },
    copies: voters,
    w: Math.floor(voters.length / 2),
    restored: x.snapshot,
    ...carried(view.epoch?.value),
  };
  return {
    is: 'epoch',
    value,
    txn: {
      if: [
        guard(BALLOT, view.ballot?.n),
        guard(EPOCH, view.epoch?.revision),
        ...all.map((c) => guard(runKey(c), view.runs[c]?.revision)),
      ],
      put: [
        { key: EPOCH, value: toJson(value) },
        ...all.map((c) => ({
          key: runKey(c),
          value: c === x.home ? { run: look.run, epoch: x.ballot } : { run: '', epoch: 0 },
        })),
      ],
      remove: [HOLD],
    },
  };
}
