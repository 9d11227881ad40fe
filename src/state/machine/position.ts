import type { ClusterName } from '../../kernel/index.ts';
import type { Look, Position, StoreView } from '../model.ts';

/** Why a position proves nothing; `undefined` = it is valid. */
function invalid(view: StoreView, me: ClusterName, look: Look): string | undefined {
  if (look.loading) return 'Redis loads its data';
  if (look.syncing) return 'a full sync is under way';
  if (view.epoch === undefined) return look.virgin ? undefined : 'Redis has data of before the first epoch';
  if (look.marker === undefined && !look.virgin) return 'the data carries no marker';
  const run = view.runs[me]?.value.run;
  return run === look.run ? undefined : 'another process than the one that was caught up';
}

/** What this Redis can promise. Before the first epoch only an empty Redis has a position: 0. */
export function positionOf(view: StoreView, me: ClusterName, look: Look): Position | 'none' {
  if (invalid(view, me, look) !== undefined) return 'none';
  return { epoch: look.marker?.epoch ?? 0, offset: look.offset, run: look.run };
}

/** Below 0: `a` is the shorter log. */
export const compare = (a: Position, b: Position): number => a.epoch - b.epoch || a.offset - b.offset;

/** The process loaded exactly what an orderly stop left. */
export function isSealed(view: StoreView, me: ClusterName, look: Look): boolean {
  const seal = view.runs[me]?.value.seal;
  if (seal === undefined || look.loading || look.syncing) return false;
  return seal.run !== look.run && look.marker?.epoch === seal.epoch && look.offset === seal.offset;
}
