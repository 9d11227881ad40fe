import type { ClusterName } from '../../kernel/index.ts';
import type { ReleaseRecord, SwitchState, VersionId } from '../model.ts';
import { isOpen } from '../model.ts';
import { blueOf, reached } from './common.ts';

/** The version that the release wants live on the cluster now; `undefined`: the cluster is none of its members. */
export function wantedLive(r: ReleaseRecord, c: ClusterName): VersionId | undefined {
  if (!r.members.includes(c)) return undefined;
  const green = r.decision === 'done' || (r.decision === 'committed' && reached(r).includes(c));
  return green ? r.green : blueOf(r, c);
}

/**
 * What a switch of the release is to say after a person gave it back, so that the release goes on as if nobody had
 * touched it: before the commit it has to vote anew, in a wave that is not reached its vote stands.
 */
export function adoptedNotes(
  r: ReleaseRecord,
  c: ClusterName,
): { to: Pick<SwitchState, 'release' | 'vote' | 'live'>; keep: readonly VersionId[] } | undefined {
  const live = wantedLive(r, c);
  if (live === undefined || !isOpen(r)) return undefined;
  const keep = [blueOf(r, c), r.green];
  if (r.decision === 'preparing') return { to: { release: '', vote: false, live }, keep };
  return { to: { release: r.release, vote: r.decision === 'committed' && !reached(r).includes(c), live }, keep };
}
