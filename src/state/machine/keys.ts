import type { ClusterName, Json } from '../../kernel/index.ts';
import type { BallotView, EpochValue, FenceReport, Hold, Opinion, Setup, StoreView, ValidRun } from '../model.ts';

export const EPOCH = 'epoch';
export const BALLOT = 'ballot';
export const HOLD = 'hold';
/** Somebody's wish that home and copies stay where they are; leased. A failover does not ask for it. */
export const FREEZE = 'freeze';
/** A change of the voters that was begun: what is deployed follows it. */
export const JOINING = 'joining';
export const fenceKey = (c: ClusterName): string => `fence/${c}`;
export const opinionKey = (c: ClusterName): string => `opinion/${c}`;
/** Written again and again where there are two voters. */
export const beatKey = (c: ClusterName): string => `beat/${c}`;
export const runKey = (c: ClusterName): string => `run/${c}`;

/** One entry of the store below the app's prefix; `key` without the prefix. */
export interface StateEntry {
  key: string;
  value: Json;
  revision: number;
}

/** The entries of one app as its agents read them; keys of other rooms below the prefix are passed over. */
export function foldView(entries: readonly StateEntry[], at: { revision: number; fresh: boolean }): StoreView {
  const fences: Record<ClusterName, FenceReport> = {};
  const opinions: Record<ClusterName, Opinion> = {};
  const runs: Record<ClusterName, { value: ValidRun; revision: number }> = {};
  const beats: Record<ClusterName, number> = {};
  const view: StoreView = { ...at, fences, opinions, runs, beats };
  for (const { key, value, revision } of entries) {
    const [kind, cluster = ''] = key.split('/');
    if (kind === 'fence') fences[cluster] = value as unknown as FenceReport;
    if (kind === 'opinion') opinions[cluster] = value as unknown as Opinion;
    if (kind === 'beat') beats[cluster] = revision;
    if (kind === 'run') runs[cluster] = { value: value as unknown as ValidRun, revision };
    if (key === EPOCH) view.epoch = { value: value as unknown as EpochValue, revision };
    if (key === BALLOT) view.ballot = { ...(value as unknown as Omit<BallotView, 'n'>), n: revision };
    if (key === HOLD) view.hold = value as unknown as Hold;
  }
  return view;
}

/** The ballot that is not decided yet. */
export function openBallot(view: StoreView): BallotView | undefined {
  const { ballot } = view;
  return ballot !== undefined && ballot.n > (view.epoch?.value.epoch ?? 0) ? ballot : undefined;
}
/** The epoch, when no newer ballot is open. */
export function decided(view: StoreView): EpochValue | undefined {
  return openBallot(view) === undefined ? view.epoch?.value : undefined;
}

/** Whose copies count: what the last epoch says, else what the agents were told. */
export const votersOf = (view: Pick<StoreView, 'epoch'>, told: Pick<Setup, 'voters'>): readonly ClusterName[] =>
  view.epoch?.value.voters ?? told.voters;
/** Later epochs count as this one does. */
export const carried = (v: EpochValue | undefined): Pick<EpochValue, 'voters'> =>
  v?.voters === undefined ? {} : { voters: v.voters };
/** Whose opinions open a ballot. */
export function judgesOf(view: Pick<StoreView, 'epoch'>, setup: Setup): readonly ClusterName[] {
  const { voters } = view.epoch?.value ?? {};
  return voters === undefined || voters.length === 2 ? setup.judges : voters;
}
