import type { ClusterName } from '../../kernel/index.ts';
import type {
  Action,
  ClusterView,
  Decided,
  Observations,
  Reason,
  ReleaseRecord,
  ReleaseRequest,
  Seen,
  Stage,
  SwitchAction,
  SwitchState,
  VersionId,
} from '../model.ts';
import { isOpen, NOT_YET } from '../model.ts';

/** Evidence for the commit must not be older than this. Milliseconds. */
const FRESH_MS = 10_000;

/** One round of a decision: the record in force, what was seen, and the clock, which only `due` reads. */
export interface Round {
  r: ReleaseRecord;
  seen: Observations;
  now: number;
}

export const due = (x: Round, deadline: number): boolean => x.now >= deadline;
export const valueOf = <T>(s: Seen<T> | undefined): T | undefined =>
  s !== undefined && 'value' in s ? s.value : undefined;
export const fresh = (x: Round, s: Seen<unknown>): boolean => 'value' in s && x.now - s.at < FRESH_MS;

/** The view of a member; a cluster nobody looked at is silent. */
export function viewOf(x: Round, c: ClusterName): ClusterView {
  const silent = { at: x.now, unreachable: { code: 'TW7012', say: `${c} was not looked at`, cluster: c } };
  return (
    x.seen.clusters[c] ?? {
      sw: silent,
      green: silent,
      blue: silent,
      checked: false,
      verdict: { is: 'unknown', why: [] },
      gates: [],
      quiet: false,
      braked: false,
      mayBrake: [{ code: 'TW7012', say: 'unknown', cluster: c }],
    }
  );
}

export const blueOf = (r: ReleaseRecord, c: ClusterName): VersionId => r.blue[c] ?? r.green;

const ours = (r: ReleaseRecord, sw: SwitchState): boolean => sw.release === r.release && !sw.vote;
/** The vote counts only under the present epoch: a takeover voids it. */
export const voted = (r: ReleaseRecord, sw: SwitchState | undefined): boolean =>
  sw !== undefined && sw.vote && sw.release === r.release && sw.epoch === r.epoch;
/** A flip stands over takeovers. */
export const flipped = (r: ReleaseRecord, sw: SwitchState | undefined): boolean =>
  sw !== undefined && ours(r, sw) && sw.live === r.green;
/** `back` must be read under the present epoch: only then no delayed flip can land any more. */
export const wentBack = (r: ReleaseRecord, c: ClusterName, sw: SwitchState | undefined): boolean =>
  sw !== undefined && ours(r, sw) && sw.epoch === r.epoch && sw.live === blueOf(r, c);

export const lastOf = (r: ReleaseRecord, ...kinds: readonly ReleaseRequest['kind'][]): ReleaseRequest | undefined =>
  r.requests.findLast((q) => kinds.includes(q.kind));
const isPaused = (r: ReleaseRecord): boolean => lastOf(r, 'pause', 'resume')?.kind === 'pause';
const pausedReason = (r: ReleaseRecord): Reason => ({
  code: 'TW7008',
  say: `paused by ${lastOf(r, 'pause', 'resume')?.by ?? 'somebody'}`,
});

/** Clusters of the waves begun so far that are still members. */
export const reached = (r: ReleaseRecord): readonly ClusterName[] =>
  r.terms.waves
    .slice(0, r.wave + 1)
    .flatMap((w) => w.clusters)
    .filter((c) => r.members.includes(c));

export const silence = (s: Seen<unknown>): Reason | undefined => ('unreachable' in s ? s.unreachable : undefined);

/** Nobody has said yet whether it is braked, or may be. */
export const unknownYet = (v: ClusterView): boolean => v.mayBrake.some((m) => m.code === NOT_YET);

export const onSwitch = (what: SwitchAction['do'], c: ClusterName, sw: SwitchState, epoch: number): Action => ({
  do: what,
  cluster: c,
  from: { uid: sw.uid, fence: sw.fence },
  epoch,
});

/** A decision stands alone: what follows from it is derived in the next round, from the register. */
export const decideOn = (next: ReleaseRecord, why: readonly Reason[] = []): Decided => ({
  actions: [{ do: 'decide', next }],
  why,
});

const askedOut = (x: Round, c: ClusterName): boolean =>
  x.r.requests.some((q) => q.kind === 'giveUp' && q.cluster === c);

/**
 * Brakes of members that serve the right version again are lifted. Not of one that a person gave up while the
 * release is open: the decision to leave it out may be under way, and it stands on the brake.
 */
export function lifts(x: Round, right: (c: ClusterName) => boolean): Action[] {
  return x.r.members
    .filter((c) => viewOf(x, c).braked && right(c) && !(isOpen(x.r) && askedOut(x, c)))
    .map((c) => ({
      do: 'lift',
      cluster: c,
      why: { code: 'TW7020', say: `${c} serves the right version`, cluster: c },
    }));
}

/** A silent member that a person gave up is left out once it is braked: it stays on an older version, marked. */
export function givenUp(x: Round): ReleaseRecord | undefined {
  const gone = x.r.members.find((c) => viewOf(x, c).braked && silence(viewOf(x, c).sw) !== undefined && askedOut(x, c));
  if (gone === undefined || x.r.members.length === 1) return undefined;
  return { ...x.r, members: x.r.members.filter((c) => c !== gone), lagging: [...x.r.lagging, gone] };
}
/** Members a person gave up that must be braked before they may be left out. */
export const brakesOfGivenUp = (x: Round): Action[] =>
  x.r.members.flatMap((c): Action[] => {
    const v = viewOf(x, c);
    const silent = silence(v.sw);
    if (!askedOut(x, c) || silent === undefined || v.braked || v.mayBrake.length > 0) return [];
    return [{ do: 'brake', cluster: c, why: silent }];
  });

/** A person's word is needed and was not given. */
function unapproved(r: ReleaseRecord, stage: Stage): boolean {
  if (!r.terms.approve.includes(stage)) return false;
  return !r.requests.some((q) => q.kind === 'approve' && q.stage === stage && (stage !== 'wave' || q.wave === r.wave));
}
/** What holds the next decision although everything else is right: a pause, or a word that is missing. */
export function heldBack(r: ReleaseRecord, stage: Stage | undefined): Decided | undefined {
  if (isPaused(r)) return { actions: [{ do: 'wait' }], why: [pausedReason(r)] };
  if (stage === undefined || !unapproved(r, stage)) return undefined;
  return { actions: [{ do: 'ask', stage }], why: [{ code: 'TW7008', say: `waits for a word: ${SAY[stage]}` }] };
}
const SAY: Readonly<Record<Stage, string>> = {
  commit: 'commit the release',
  wave: 'go on with the next wave',
  done: 'end the release, the old version goes',
};

const LONGEST = 240;

/** From the pod inwards in one sentence: what fleet lists innermost first, one log line at most. */
export function sayWhy(why: readonly string[]): string {
  const log = why.find((w) => w.startsWith('log: '));
  const rest = why.filter((w) => !w.startsWith('log: ')).toReversed();
  const told = rest.length > 1 ? rest.slice(1) : rest;
  return [...told, ...(log === undefined ? [] : [log])].map((w) => w.slice(0, LONGEST)).join('; ');
}
