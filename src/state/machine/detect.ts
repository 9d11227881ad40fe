import type { ClusterName } from '../../kernel/index.ts';
import type { Ballot, EpochValue, StoreView } from '../model.ts';
import { openBallot } from './keys.ts';

/** How often the primary is asked, in milliseconds. */
export const PING_MS = 150;
/** How often an agent says in the store that it is there. */
export const BEAT_MS = 1000;
export const STUCK_MS = 2000;
const HUNG_MS = 5000;

/** D: no answer for so long means gone. Longer than any handshake, else a slow link fails over twice (rule 11). */
export const goneAfterMs = (rttMs: number | undefined): number => Math.max(2000, 5 * (rttMs ?? 0));

/** What the agent has watched for how long; all times from one clock that never jumps, in milliseconds. */
export interface Watched {
  /** The epoch whose primary is asked. */
  epoch: Ballot;
  /** When that primary last answered, or when its epoch was first seen. */
  answered: number;
  /** The store's last change that an open ballot can move by, and when it was seen. */
  moved: { mark: string; at: number };
  /** Since when fences are not confirmed. */
  hanging?: number;
  /** When that epoch was first seen: nobody is lost sooner, so that one ballot does not follow another at once. */
  since: number;
  /** Last word of each agent in the store, and when it was seen. */
  beats: Readonly<Record<ClusterName, { revision: number; at: number }>>;
}
export const watching = (now: number): Watched => ({
  ...{ epoch: 0, answered: now, moved: { mark: '', at: now } },
  ...{ since: now, beats: {} },
});

function beatsOf(w: Watched, view: StoreView, now: number): Watched['beats'] {
  const all = Object.entries(view.beats ?? {});
  if (all.every(([c, revision]) => w.beats[c]?.revision === revision)) return w.beats;
  return Object.fromEntries(
    all.map(([c, revision]) => [c, w.beats[c]?.revision === revision ? w.beats[c] : { revision, at: now }]),
  );
}

/** `heard`: when it last answered here, whatever it is. */
interface Two {
  me: ClusterName;
  other: ClusterName;
  rttMs: number | undefined;
  heard: number | undefined;
}
/**
 * The store, which hears this agent, does not hear the other one, and neither does this agent: with two voters nobody
 * else can say so. A link that is cut between the two is no reason: both are heard.
 */
export function isLost(w: Watched, x: Two, now: number): boolean {
  const patience = goneAfterMs(x.rttMs) + BEAT_MS;
  const mine = w.beats[x.me];
  const live = mine !== undefined && now - mine.at < goneAfterMs(undefined) + BEAT_MS;
  return live && now - Math.max(w.since, w.beats[x.other]?.at ?? 0, x.heard ?? 0) > patience;
}

/** A new epoch's primary has all of D; a ballot that is opened, reported for or decided has moved. */
export function watch(w: Watched, view: StoreView, now: number): Watched {
  const epoch = view.epoch?.value.epoch ?? 0;
  const ballot = openBallot(view)?.n ?? 0;
  const reports = Object.entries(view.fences).filter(([, f]) => f.ballot === ballot);
  const mark = `${epoch} ${ballot} ${reports.map(([c, f]) => `${c}${f.at === 'none' ? '-' : '+'}`).join()}`;
  return {
    ...w,
    ...(epoch === w.epoch ? {} : { epoch, answered: now, since: now }),
    ...(mark === w.moved.mark ? {} : { moved: { mark, at: now } }),
    beats: beatsOf(w, view, now),
  };
}

export const circumstances = (
  w: Watched,
  now: number,
  rttMs: number | undefined,
): { gone: boolean; stuck: boolean; hung: boolean } => ({
  gone: w.epoch !== 0 && now - w.answered > goneAfterMs(rttMs),
  stuck: now - w.moved.at > STUCK_MS,
  hung: w.hanging !== undefined && now - w.hanging > HUNG_MS,
});

/** Whether an answer to a ping is one of this epoch's primary. */
export const isAnswer = (v: EpochValue, pong: { epoch: Ballot; role: string }): boolean =>
  pong.epoch === v.epoch && pong.role === 'primary';
