import type { ClusterName } from '../../kernel/index.ts';
import type { BallotView, EpochValue, Position, Setup, StoreView } from '../model.ts';
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
  const copies = base?.copies ?? setup.voters;
  const answered = setup.voters.filter((c) => view.fences[c]?.ballot === ballot.n);
  const reports = answered.flatMap((cluster) => {
    const at = view.fences[cluster]?.at ?? 'none';
    return at === 'none' ? [] : [{ cluster, at }];
  });
  const missing = copies.filter((c) => !reports.some((r) => r.cluster === c));
  const best = reports.toSorted((a, b) => better(ballot, a, b))[0];
  const few = missing.length > (base?.w ?? 0);
  if (best === undefined || (few && !isRestorer(base, best))) return { is: 'wait', missing };
  const whole = answered.length === setup.voters.length;
  const value = epochOf(ballot, best, reports, setup);
  return { is: 'epoch', value: few ? { ...value, ...restoredAs(base) } : value, whole };
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
function epochOf(ballot: BallotView, best: Report, reports: readonly Report[], setup: Setup): EpochValue {
  const equal = reports.filter((r) => compare(r.at, best.at) === 0).map((r) => r.cluster);
  const two = setup.voters.length === 2;
  return {
    epoch: ballot.n,
    primary: best.cluster,
    from: best.at,
    copies: two ? equal : setup.voters,
    w: two ? equal.length - 1 : Math.floor(setup.voters.length / 2),
  };
}
