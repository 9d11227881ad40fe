import type { ClusterName } from '../../kernel/index.ts';
import type { BallotView, EpochValue, Lacking, Position, Setup, StoreView } from '../model.ts';
import { carried, openBallot, votersOf } from './keys.ts';
import { compare } from './position.ts';

interface Report {
  cluster: ClusterName;
  at: Position;
}
/** What comes of an open ballot: a new epoch, or whose data is missing. `whole`: everybody reported. */
export type Choice =
  | { is: 'epoch'; value: EpochValue; whole: boolean }
  | { is: 'wait'; missing: readonly ClusterName[] };

const better = (ballot: BallotView, a: Report, b: Report): number =>
  compare(b.at, a.at) ||
  Number(b.cluster === ballot.prefer) - Number(a.cluster === ballot.prefer) ||
  (a.cluster < b.cluster ? -1 : 1);

/**
 * Rule 4: |copies| - w members of the last epoch's copies must have reported valid positions for this ballot; an
 * acknowledged write lies on 1 + w of them, so one of the reporters has it. The greatest position wins. Without an
 * epoch yet, every voter must be empty (rule 9).
 */
export function choose(view: StoreView, ballot: BallotView, setup: Setup): Choice {
  const base = view.epoch?.value;
  const voters = votersOf(view, setup);
  const { copies = voters, w = 0 } = base ?? {};
  const reports = reportsOf(view, ballot, voters);
  const missing = copies.filter((c) => !reports.some((r) => r.cluster === c));
  const best = reports.toSorted((a, b) => better(ballot, a, b))[0];
  const few = missing.length > w;
  if (best === undefined || (few && !isRestorer(base, best))) return { is: 'wait', missing };
  const whole = isWhole(view, ballot, voters);
  const same = { ...epochOf(ballot, best, reports, voters), ...carried(base) };
  if (few) return { is: 'epoch', value: { ...same, ...restoredAs(base) }, whole };
  return { is: 'epoch', value: changeOf(view, { ballot, best, whole }) ?? same, whole };
}

/** For people: whose proof the open ballot waits for; undefined = there is none, or it is somebody's to decide. */
export function lacking(view: StoreView, setup: Setup): Lacking | undefined {
  const ballot = openBallot(view);
  if (ballot === undefined || view.hold?.restore !== undefined) return undefined;
  const choice = choose(view, ballot, setup);
  if (choice.is !== 'wait') return undefined;
  const reports = reportsOf(view, ballot, votersOf(view, setup)).toSorted((a, b) => better(ballot, a, b));
  const enough = choice.missing.length - (view.epoch?.value.w ?? 0);
  return { clusters: choice.missing, enough, ...(reports[0] === undefined ? {} : { best: reports[0].cluster }) };
}

/** Everybody has fenced for the ballot: the voters, and whoever shall be one. */
const isWhole = (view: StoreView, ballot: BallotView, voters: readonly ClusterName[]): boolean =>
  [...voters, ...(ballot.voters ?? [])].every((c) => view.fences[c]?.ballot === ballot.n);

const reportsOf = (view: StoreView, ballot: BallotView, of: readonly ClusterName[]): Report[] =>
  of.flatMap((cluster) => {
    const { ballot: n = 0, at = 'none' } = view.fences[cluster] ?? {};
    return n === ballot.n && at !== 'none' ? [{ cluster, at }] : [];
  });

/**
 * The new set that the ballot wishes for, if each of its members has reported the greatest position: then any of them has
 * everything that was ever acknowledged. The others are fenced too, and un-fence only in an epoch that leaves them out.
 */
function changeOf(view: StoreView, x: { ballot: BallotView; best: Report; whole: boolean }): EpochValue | undefined {
  const { ballot, best } = x;
  const { voters = [] } = ballot;
  if (!x.whole || voters.length < 2 || new Set(voters).size < voters.length) return undefined;
  const level = reportsOf(view, ballot, voters).filter((r) => compare(r.at, best.at) === 0);
  const first = level.toSorted((a, b) => better(ballot, a, b))[0];
  if (first === undefined || level.length < voters.length) return undefined;
  const w = Math.floor(voters.length / 2);
  return { epoch: ballot.n, primary: first.cluster, from: first.at, copies: voters, voters, w };
}

/** Others still prove nothing in an epoch that home went on to alone. */
const restoredAs = (base: EpochValue | undefined): Pick<EpochValue, 'restored'> =>
  base?.restored === undefined ? {} : { restored: base.restored };

/**
 * After a restore nobody but home can prove anything until it was copied. Everything that was acknowledged since is on
 * the process that loaded the snapshot, because writes are made there: it may go on alone.
 */
const isRestorer = (base: EpochValue | undefined, best: Report): boolean =>
  base?.restored !== undefined && best.cluster === base.primary && best.at.run === base.from.run;

/** Rule 7: of two voters only equal logs count as copies; of three and more all do, because a choice needs a majority. */
function epochOf(
  ballot: BallotView,
  best: Report,
  reports: readonly Report[],
  voters: readonly ClusterName[],
): EpochValue {
  const equal = reports.filter((r) => compare(r.at, best.at) === 0).map((r) => r.cluster);
  const two = voters.length === 2;
  return {
    epoch: ballot.n,
    primary: best.cluster,
    from: best.at,
    copies: two ? equal : voters,
    w: two ? equal.length - 1 : Math.floor(voters.length / 2),
  };
}
