import type { ClusterName } from '../../kernel/index.ts';
import type { Action, ClusterView, Decided, Reason, WorkloadState } from '../model.ts';
import {
  brakesOfGivenUp,
  decideOn,
  due,
  fresh,
  givenUp,
  heldBack,
  lastOf,
  onSwitch,
  type Round,
  sayWhy,
  silence,
  unknownYet,
  valueOf,
  viewOf,
  voted,
} from './common.ts';

const notReady = (c: ClusterName, say: string): Reason => ({ code: 'TW7010', say, cluster: c });

/** What green still lacks on this member. */
function unready(x: Round, c: ClusterName): Reason | undefined {
  const v = viewOf(x, c);
  const green = valueOf(v.green);
  if (green?.healthy !== true) return notReady(c, sayWhy(green?.why ?? []) || `${x.r.green} is not ready on ${c}`);
  return v.checked ? undefined : (v.unchecked ?? notReady(c, `the checks through the preview of ${c} have not run`));
}

/** What this member still lacks before it counts for the commit; `undefined` = ready. */
function lack(x: Round, c: ClusterName): Reason | undefined {
  const v = viewOf(x, c);
  const first = silence(v.sw) ?? silence(v.green) ?? unready(x, c);
  if (first !== undefined) return first;
  if (!voted(x.r, valueOf(v.sw))) return notReady(c, `${c} has not voted`);
  if (fresh(x, v.sw) && fresh(x, v.green)) return undefined;
  return { code: 'TW7012', say: `what is known of ${c} is too old`, cluster: c };
}

/** Pods of blue that green could not replace now; blue may have grown since green was made. Unknown is never a pass. */
function capacity(x: Round, c: ClusterName): Reason[] {
  const v = viewOf(x, c);
  const [green, blue] = [valueOf(v.green), valueOf(v.blue)];
  if (green?.healthy !== true) return [];
  if (blue === undefined) return [silence(v.blue)].filter((r) => r !== undefined);
  if (green.ready >= blue.ready) return [];
  const say = `capacity on ${c}: ${x.r.green} has ${green.ready} ready pods, ${blue.ready} of the old version serve now`;
  return [{ code: 'TW7011', say, cluster: c }];
}

/** Also where it stands already: its fence moves, so that a late retire of an older release misses it. */
function wantsMaking(v: ClusterView, green: WorkloadState): boolean {
  const small = green.wanted < (valueOf(v.blue)?.ready ?? 0);
  return !green.exists || green.complete === false || v.claimed === false || small;
}

function steps(x: Round, c: ClusterName): Action[] {
  const v = viewOf(x, c);
  const green = valueOf(v.green);
  const sw = valueOf(v.sw);
  if (green === undefined || sw === undefined) return [];
  if (wantsMaking(v, green)) return [{ do: 'makeGreen', cluster: c, version: x.r.green, fence: green.fence }];
  return green.healthy && v.checked && !voted(x.r, sw) ? [onSwitch('vote', c, sw, x.r.epoch)] : [];
}

const ended = (x: Round, cause: Reason): Decided =>
  decideOn({ ...x.r, decision: 'rolledback', cause, since: x.now }, [cause]);

/** A member that cannot be reached is left out when the plan allows it: braked first, then lagging. */
function skipped(x: Round, missing: readonly Reason[]): Decided | undefined {
  if (x.r.terms.require !== 'skip' || !missing.every((m) => m.code === 'TW7012' && m.cluster !== undefined))
    return undefined;
  const silent = missing.flatMap((m) => (m.cluster === undefined ? [] : [m.cluster]));
  if (silent.length >= x.r.members.length) return undefined;
  const bare = silent.filter((c) => !viewOf(x, c).braked);
  if (bare.some((c) => unknownYet(viewOf(x, c)))) return { actions: [{ do: 'wait' }], why: missing };
  if (bare.some((c) => viewOf(x, c).mayBrake.length > 0)) return undefined;
  if (bare.length > 0)
    return { actions: bare.map((c) => ({ do: 'brake', cluster: c, why: missing[0] as Reason })), why: missing };
  const members = x.r.members.filter((c) => !silent.includes(c));
  return decideOn({ ...x.r, members, lagging: [...x.r.lagging, ...silent] }, missing);
}

/** Everything that blocks the commit, the most telling first. */
function blocks(x: Round): Reason[] {
  return [
    ...x.r.members.map((c) => lack(x, c)).filter((m) => m !== undefined),
    ...x.r.members.flatMap((c) => capacity(x, c)),
    ...x.r.members.flatMap((c) => viewOf(x, c).gates),
  ];
}

/**
 * Until when what blocks may block. A release that is prepared and waits for a person may be held by a gate for as long
 * as that person waits; from the person's word on it has the time again.
 */
function deadline(x: Round): number | undefined {
  const prepared = x.r.members.every((c) => lack(x, c) === undefined);
  if (prepared && heldBack(x.r, 'commit') !== undefined) return undefined;
  const word = x.r.requests.findLast((q) => q.kind === 'approve' && q.stage === 'commit');
  const from = prepared && word !== undefined ? Math.max(x.r.startedAt, word.at) : x.r.startedAt;
  return from + x.r.terms.prepareMs;
}

const committed = (x: Round): Decided =>
  decideOn({ ...x.r, decision: 'committed', wave: 0, step: 'flip', since: x.now });

/** What becomes of a release that is still blocked when its time is over. */
function overdue(x: Round, missing: readonly Reason[], until: number | undefined): Decided | undefined {
  const [first] = missing;
  if (first === undefined || until === undefined || !due(x, until)) return undefined;
  return skipped(x, missing) ?? ended(x, first);
}

/** Green is made everywhere and votes; all votes, gates and words together are the commit. */
export function preparing(x: Round): Decided {
  const stopped = lastOf(x.r, 'rollback');
  if (stopped !== undefined) return ended(x, { code: 'TW7032', say: `${stopped.by}: ${stopped.why ?? 'abort'}` });
  const left = givenUp(x);
  if (left !== undefined) return decideOn(left);
  const missing = blocks(x);
  const until = deadline(x);
  const over = overdue(x, missing, until);
  if (over !== undefined) return over;
  const actions = [...x.r.members.flatMap((c) => steps(x, c)), ...brakesOfGivenUp(x)];
  if (actions.length > 0) return { actions, why: missing };
  if (missing.length > 0)
    return { actions: [until === undefined ? { do: 'wait' } : { do: 'wait', until }], why: missing };
  return heldBack(x.r, 'commit') ?? committed(x);
}
