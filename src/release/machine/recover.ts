import type { ClusterName } from '../../kernel/index.ts';
import type { Decision, Reason, ReleaseId, SwitchState, VersionId } from '../model.ts';

/** What one cluster's switch tells when the register is lost. */
export type Mark =
  | { is: 'silent'; why: Reason }
  /** Changed by hand, or deleted: it tells nothing. */
  | { is: 'edited'; why: Reason }
  /** `versions` as noted, the old one first; one alone: the release is over here, or none touched it. */
  | { is: 'seen'; sw: SwitchState; versions: readonly VersionId[]; braked: boolean };

/** What can be told of the last release from the switches alone. */
export type Recovered =
  | { is: 'nothing'; why: string }
  | { is: 'refused'; why: readonly Reason[] }
  | {
      is: 'release';
      release: ReleaseId;
      green: VersionId;
      blue: Readonly<Record<ClusterName, VersionId>>;
      members: readonly ClusterName[];
      lagging: readonly ClusterName[];
      /** Clusters with a switch that it wrote. */
      touched: readonly ClusterName[];
      decision: Exclude<Decision, 'preparing'>;
      /** Members whose users have green: they prove a commit. */
      flipped: readonly ClusterName[];
      /** Users may have seen green: a step after the commit shows, or somebody is silent. */
      begun: boolean;
      /** The highest epoch that was seen. */
      epoch: number;
      /** What the decision rests on, in words. */
      proof: string;
    };

type Seen = Extract<Mark, { is: 'seen' }>;
/** What a switch of the release shows: it voted, serves green, was written back, is over; `same`: moved between equal versions. */
type Shows = 'vote' | 'green' | 'back' | 'same' | 'over' | 'odd';

function shows(m: Seen, green: VersionId): Shows {
  const [blue, other] = m.versions;
  if (blue === undefined || other === undefined) return m.sw.vote ? 'odd' : 'over';
  if (other !== green) return 'odd';
  if (m.sw.vote) return m.sw.live === blue ? 'vote' : 'odd';
  if (blue === green) return 'same';
  if (m.sw.live === green) return 'green';
  return m.sw.live === blue ? 'back' : 'odd';
}

interface Told {
  release: ReleaseId;
  green: VersionId;
  /** Clusters of the release. */
  mine: Readonly<Record<ClusterName, Shows>>;
  seen: Readonly<Record<ClusterName, Seen>>;
  /** Clusters it never touched. */
  untouched: readonly ClusterName[];
}

const having = (t: Told, ...wanted: readonly Shows[]): ClusterName[] =>
  Object.keys(t.mine).filter((c) => wanted.includes(t.mine[c] as Shows));

interface Verdict {
  decision: Exclude<Decision, 'preparing'>;
  members: readonly ClusterName[];
  proof: string;
}
const list = (names: readonly string[]): string => names.join(', ');

/** Retired somewhere: the release had ended, and what is live there is what it ended with. */
function wasOver(t: Told, over: readonly ClusterName[]): Verdict {
  const live = t.seen[over[0] as ClusterName]?.sw.live;
  const decision = live === t.green ? 'done' : 'rolledback';
  const right: readonly Shows[] = decision === 'done' ? ['over', 'green', 'same'] : ['over', 'vote', 'back', 'same'];
  const members = having(t, ...right).filter((c) => t.mine[c] !== 'over' || t.seen[c]?.sw.live === live);
  return { decision, members, proof: `${list(over)} ${over.length > 1 ? 'have' : 'has'} ended it, with ${live ?? ''}` };
}

function verdictOf(t: Told): Verdict {
  const all = Object.keys(t.mine);
  const [over, back, green] = [having(t, 'over'), having(t, 'back'), having(t, 'green')];
  if (over.length > 0) return wasOver(t, over);
  if (back.length > 0)
    return {
      decision: 'aborting',
      members: all,
      proof: `${list(back)} ${back.length > 1 ? 'were' : 'was'} written back`,
    };
  if (green.length > 0)
    return {
      decision: 'committed',
      members: all,
      proof: `${list(green)} ${green.length > 1 ? 'serve' : 'serves'} ${t.green}`,
    };
  // Never braked: a braked one may have been left out, on an older version.
  const quiet = t.untouched.filter((c) => t.seen[c]?.braked === false);
  const proof = `${list(all)} only voted: nothing proves a commit`;
  return { decision: 'aborting', members: [...all, ...quiet], proof };
}

/**
 * The old version of a member. One whose switch no longer names it is that of the others: after `done` nothing goes back
 * to it, and what is left of it is retired.
 */
function blueOf(t: Told, c: ClusterName, decision: Decision): VersionId {
  const m = t.seen[c] as Seen;
  if (t.mine[c] === undefined || (t.mine[c] === 'over' && decision !== 'done')) return m.sw.live;
  if (t.mine[c] !== 'over') return m.versions[0] ?? m.sw.live;
  const [only, other] = new Set(having(t, 'green').map((k) => t.seen[k]?.versions[0]));
  return only === undefined || other !== undefined ? m.sw.live : only;
}

type Entry = readonly [ClusterName, Seen];

function told(entries: readonly Entry[]): Told | string {
  const last = entries.reduce<Seen | undefined>(
    (a, [, m]) => (m.sw.release !== '' && (a === undefined || m.sw.epoch > a.sw.epoch) ? m : a),
    undefined,
  );
  if (last === undefined) return 'no switch was ever part of a release';
  const { release } = last.sw;
  const mine = entries.filter(([, m]) => m.sw.release === release);
  const green = mine.map(([, m]) => m.versions[1]).find((v) => v !== undefined);
  if (green === undefined) return `${release} is over in every cluster that answers`;
  return {
    release,
    green,
    mine: Object.fromEntries(mine.map(([c, m]) => [c, shows(m, green)])),
    seen: Object.fromEntries(entries),
    untouched: entries.filter(([, m]) => m.sw.release !== release).map(([c]) => c),
  };
}

const odd = (t: Told): Reason[] =>
  having(t, 'odd').map((c) => {
    const m = t.seen[c] as Seen;
    const say = `${c} serves ${m.sw.live} and knows ${list(m.versions)}: that is no step of ${t.release} to ${t.green}`;
    return { code: 'TW7021', say, cluster: c };
  });

/**
 * The last release as its switches prove it, after every switch that answers was fenced: one that serves green proves
 * the commit, one that was written back the abort, one that is retired the end; votes alone prove nothing, so they are
 * taken back. Who is silent is no member: it is to be braked and left out. Pure.
 */
export function recover(marks: Readonly<Record<ClusterName, Mark>>): Recovered {
  const all = Object.entries(marks);
  const edited = all.flatMap(([, m]) => (m.is === 'edited' ? [m.why] : []));
  if (edited.length > 0) return { is: 'refused', why: edited };
  const entries = all.flatMap(([c, m]): Entry[] => (m.is === 'seen' ? [[c, m]] : []));
  const silent = all.filter(([, m]) => m.is === 'silent').map(([c]) => c);
  const t = told(entries);
  if (typeof t === 'string') return { is: 'nothing', why: t };
  const wrong = odd(t);
  if (wrong.length > 0) return { is: 'refused', why: wrong };
  const { decision, members, proof } = verdictOf(t);
  const open = decision === 'committed' || decision === 'aborting';
  const out = Object.keys(t.mine).filter((c) => !members.includes(c));
  return {
    is: 'release',
    release: t.release,
    green: t.green,
    blue: Object.fromEntries(members.map((c) => [c, blueOf(t, c, decision)])),
    members,
    lagging: [...out, ...(open ? [...silent, ...t.untouched.filter((c) => t.seen[c]?.braked === true)] : [])],
    touched: Object.keys(t.mine),
    decision,
    flipped: having(t, 'green').filter((c) => members.includes(c)),
    begun: silent.length > 0 || having(t, 'green', 'back', 'same', 'over').length > 0,
    epoch: Math.max(...entries.map(([, m]) => m.sw.epoch)),
    proof,
  };
}
