import type { ClusterName } from '../../kernel/index.ts';
import type { Action, Decided, Reason, VersionId } from '../model.ts';
import { blueOf, due, flipped, lifts, type Round, silence, valueOf, viewOf } from './common.ts';

/** The version that is over in this cluster, if it is another one than the version that stays. */
function over(x: Round, c: ClusterName): VersionId | undefined {
  const blue = blueOf(x.r, c);
  if (blue === x.r.green) return undefined;
  return x.r.decision === 'done' ? blue : x.r.green;
}

interface Left {
  actions: Action[];
  why: Reason[];
}
const NOTHING: Left = { actions: [], why: [] };

function silent(x: Round, c: ClusterName): Left {
  const v = viewOf(x, c);
  const why = silence(v.sw) ?? silence(v.green) ?? silence(v.blue);
  return why === undefined ? NOTHING : { actions: [], why: [why] };
}

/** Retired only where the switch says that another version is live and no request came for a while. */
function retire(x: Round, c: ClusterName): Left {
  const version = over(x, c);
  const v = viewOf(x, c);
  if (version === undefined) return NOTHING;
  const live = valueOf(v.sw)?.live;
  const old = valueOf(x.r.decision === 'done' ? v.blue : v.green);
  if (live === undefined || old === undefined) return silent(x, c);
  if (!old.exists || live === version) return NOTHING;
  if (v.quiet || due(x, x.r.since + x.r.terms.quietMostMs))
    return { actions: [{ do: 'retire', cluster: c, version, fence: old.fence }], why: [] };
  return { actions: [], why: [{ code: 'TW7008', say: `${version} still gets requests on ${c}`, cluster: c }] };
}

/** The version that stays is live and runs. Whose write made it live, and in which epoch, plays no part any more. */
function right(x: Round, c: ClusterName): boolean {
  const v = viewOf(x, c);
  if (x.r.decision === 'done') return flipped(x.r, valueOf(v.sw)) && valueOf(v.green)?.healthy === true;
  return valueOf(v.sw)?.live === blueOf(x.r, c) && valueOf(v.blue)?.healthy === true;
}

/** After the end: brakes are lifted where the right version serves, the version that is over is retired. */
export function ended(x: Round): Decided {
  const all = x.r.members.map((c) => retire(x, c));
  const lifted = lifts(x, (c) => right(x, c));
  return { actions: [...lifted, ...all.flatMap((a) => a.actions)], why: all.flatMap((a) => a.why) };
}
