import type { ClusterName } from '../../kernel/index.ts';
import type {
  AgentState,
  Ballot,
  BallotView,
  Circumstances,
  Command,
  EpochValue,
  FenceReport,
  Look,
  RunId,
  StoreView,
  ValidRun,
} from '../model.ts';
import { choose } from './choose.ts';
import { decided, judgesOf, openBallot, votersOf } from './keys.ts';
import { isSealed, positionOf } from './position.ts';
import { claimTxn, decideTxn, openTxn, opinionTxn, reportTxn, runTxn, sealTxn } from './txns.ts';

export interface Sight {
  s: AgentState;
  view: StoreView;
  look: Look | undefined;
  seen: Circumstances;
}
/** The first rule that gives a command decides. */
export type Rule = (x: Sight) => Command | undefined;

const me = (x: Sight): ClusterName => x.s.setup.me;
/** Whoever is no voter copies, fences and reports like the others, but opens and decides nothing. */
const isVoter = (x: Sight): boolean => votersOf(x.view, x.s.setup).includes(me(x));

/** Rule 3: whoever sees a ballot newer than its last fence fences, decided or not. */
const fence: Rule = ({ s, view, look, seen }) => {
  if (look === undefined || view.ballot === undefined || view.ballot.n <= s.fenced) return undefined;
  return seen.hung ? { do: 'shutdown', lose: true } : { do: 'fence', ballot: view.ballot.n };
};

/** Rule 8: before a position or an un-fencing counts on `run/<me>`, the key is this agent's own. */
function claim(x: Sight): Command | undefined {
  const { s, view } = x;
  if (s.claimed || s.stood === undefined) return undefined;
  return claimTxn(view, me(x), heir(view, me(x), s.stood));
}
/** What the key says of the process that is here now: as much as was known of it, never more. */
function heir(view: StoreView, c: ClusterName, stood: Look): ValidRun {
  const { run, marker } = stood;
  if (isSealed(view, c, stood)) return { run, epoch: marker?.epoch ?? 0 };
  const known = isWhole(view, c, run) || isHome(decided(view), c, run) || wasWhole(view, c, run);
  return known ? { run, epoch: view.epoch?.value.epoch ?? 0 } : { run: '', epoch: 0 };
}
const isHome = (v: EpochValue | undefined, c: ClusterName, run: RunId): boolean =>
  v?.primary === c && v.from.run === run;
const isWhole = (view: StoreView, c: ClusterName, run: RunId): boolean => view.runs[c]?.value.run === run;
/**
 * Its report was part of the choice: what it has is a true prefix, of the first epoch too, when nobody is caught up yet.
 * A restore chooses by no report.
 */
function wasWhole(view: StoreView, c: ClusterName, run: RunId): boolean {
  const told = view.fences[c];
  if (view.epoch?.value.restored !== undefined) return false;
  return told !== undefined && told.at !== 'none' && told.at.run === run && told.ballot === view.epoch?.value.epoch;
}

/** Rule 3: what the fence read back, once; again only when a `none` has become provable. */
const report: Rule = (x) => {
  const { s, view } = x;
  const ballot = openBallot(view);
  if (ballot === undefined || s.stood === undefined || ballot.n !== s.fenced) return undefined;
  const sealed = !s.claimed && isSealed(view, me(x), s.stood);
  const at = positionOf(view, me(x), s.stood);
  if (isTold(view.fences[me(x)], ballot.n, at !== 'none' || sealed)) return undefined;
  return (sealed ? claim(x) : undefined) ?? reportTxn(view, me(x), { ballot: ballot.n, at });
};
const isTold = (told: FenceReport | undefined, ballot: Ballot, better: boolean): boolean =>
  told?.ballot === ballot && (told.at !== 'none' || !better);

/** Rule 10: SIGTERM makes memory safe on disk, says so in the store and ends Redis. */
const leave: Rule = (x) => {
  const { s, view, look, seen } = x;
  if (s.leaving === undefined || seen.handing === true) return undefined;
  if (look === undefined || view.ballot === undefined) return { do: 'shutdown', lose: false };
  if (s.leaving === 'asked') return { do: 'save', ballot: view.ballot.n };
  const at = s.stood === undefined ? 'none' : positionOf(view, me(x), s.stood);
  if (s.leaving === 'sealed' || at === 'none' || view.epoch === undefined) return { do: 'shutdown', lose: false };
  return sealTxn(view, me(x), { run: at.run, epoch: at.epoch, seal: at });
};

const decidable = (view: StoreView): BallotView | undefined =>
  view.hold?.restore === undefined ? openBallot(view) : undefined;

const isPatient = (x: Sight, { prefer }: BallotView): boolean =>
  !x.seen.stuck && (prefer !== undefined || votersOf(x.view, x.s.setup).length === 2);

/**
 * Rules 4 and 5: who opened it decides; anybody once it does not move. Two voters and a wish wait for all reports. What
 * a restore opened is its own, while it lives.
 */
const decide: Rule = (x) => {
  const { s, view, seen } = x;
  const ballot = decidable(view);
  if (ballot === undefined || s.fenced !== ballot.n || !isVoter(x)) return undefined;
  if (ballot.by !== me(x) && !seen.stuck) return undefined;
  const choice = choose(view, ballot, s.setup);
  if (choice.is === 'wait' || (isPatient(x, ballot) && !choice.whole)) return undefined;
  return decideTxn(view, choice.value);
};

/** Exactly the process that was chosen, and nothing happened to it since but its own promotion. */
const isChosen = (v: EpochValue, look: Look): boolean =>
  look.run === v.from.run && (look.offset === v.from.offset || look.marker?.epoch === v.epoch);

/** Rule 5: the fence for this very ballot, then promote or follow; a home without the chosen process asks anew. */
const apply: Rule = (x) => {
  const { s, view } = x;
  const v = decided(view);
  if (v === undefined || s.fenced !== v.epoch || s.applied === v.epoch || s.stood === undefined) return undefined;
  if (v.primary === me(x) && !isChosen(v, s.stood))
    return openTxn(view, me(x), { why: `the Redis of ${me(x)} is not the one that was chosen` });
  const claimed = claim(x);
  if (claimed !== undefined) return claimed;
  const { run } = s.stood;
  if (v.primary === me(x)) return { do: 'promote', v, run };
  // Rule 9: WAIT counts whoever follows home itself.
  const followers = votersOf(view, s.setup).filter((c) => c !== v.primary && c !== me(x));
  return {
    do: 'follow',
    v,
    run,
    ...(isVoter(x) ? { from: [v.primary], counts: true } : { from: followers, counts: false }),
  };
};

/** The position counts again once the data reaches what the primary had after the link was up. */
const catchUp: Rule = (x) => {
  const { s, view, look } = x;
  const v = decided(view);
  if (v === undefined || look === undefined || s.applied !== v.epoch || v.primary === me(x)) return undefined;
  if (isWhole(view, me(x), look.run) || !isLinked(look, v.epoch)) return undefined;
  if (s.need === undefined) return { do: 'measure', primary: v.primary, epoch: v.epoch };
  return look.offset < s.need ? undefined : runTxn(view, me(x), { run: look.run, epoch: v.epoch });
};
const isLinked = (look: Look, epoch: Ballot): boolean =>
  look.role === 'replica' && look.link && !look.loading && !look.syncing && look.marker?.epoch === epoch;

/** Rule 1: only a change is written. */
const opine: Rule = (x) => {
  const v = decided(x.view);
  if (v === undefined) return undefined;
  const said = x.view.opinions[me(x)];
  const saysGone = said?.gone === true && said.epoch === v.epoch;
  return saysGone === x.seen.gone ? undefined : opinionTxn(me(x), { epoch: v.epoch, gone: x.seen.gone });
};

/** Rule 2: a majority of the judges misses the primary, or there never was one. */
const open: Rule = (x) => {
  // A cluster whose Redis is gone cannot fence, so it could not decide what it opens.
  if (x.look === undefined || !isVoter(x)) return undefined;
  const { s, view, seen } = x;
  if (view.ballot === undefined) {
    const first = s.setup.home ?? s.setup.voters[0];
    if (first !== me(x) && !seen.stuck) return undefined;
    return openTxn(view, me(x), { why: 'the first epoch', prefer: s.setup.home });
  }
  const v = decided(view);
  if (v === undefined) return undefined;
  const judges = judgesOf(view, s.setup);
  const gone = missed(view, v, judges);
  if (gone.length * 2 > judges.length)
    return openTxn(view, me(x), { why: `${v.primary} is gone for ${gone.join(', ')}` });
  return isAlone(x, v) ? openTxn(view, me(x), { why: `${seen.lost} is gone, here and for the store` }) : undefined;
};

/** Rule 7: of two voters the one that is left goes on alone, as home or as the next home. */
function isAlone({ seen, ...x }: Sight, v: EpochValue): boolean {
  if (seen.lost === undefined) return false;
  return v.primary === seen.lost ? seen.gone : v.primary === x.s.setup.me && v.copies.includes(seen.lost);
}

/** Rule 6: home gives itself up once the target has everything; what follows is the same ballot as ever. */
const handOver: Rule = (x) => {
  const { s, view, seen } = x;
  const v = decided(view);
  if (seen.level === undefined || v?.primary !== me(x) || s.applied !== v.epoch) return undefined;
  const { level: prefer, voters } = seen;
  if (voters === undefined) return openTxn(view, me(x), { why: `a planned move to ${prefer}`, prefer });
  return openTxn(view, me(x), { why: `copies in ${voters.join(', ')}`, prefer, voters });
};

/** Judges that miss the primary of this epoch. */
const missed = (view: StoreView, v: EpochValue, judges: readonly ClusterName[]): ClusterName[] =>
  judges.filter((c) => view.opinions[c]?.gone === true && view.opinions[c]?.epoch === v.epoch);

/** Opinions come before an attempt to follow: one that fails again and again must not keep them back. */
export const RULES: readonly Rule[] = [fence, report, leave, decide, opine, open, handOver, apply, catchUp];

export const isNews = (s: AgentState, ballot: Ballot): boolean => ballot >= Math.max(s.least ?? 0, s.fenced);
