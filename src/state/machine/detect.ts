import type { Ballot, EpochValue, StoreView } from '../model.ts';
import { openBallot } from './keys.ts';

/** How often the primary is asked, in milliseconds. */
export const PING_MS = 150;
const STUCK_MS = 2000;
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
}
export const watching = (now: number): Watched => ({ epoch: 0, answered: now, moved: { mark: '', at: now } });

/** A new epoch's primary has all of D; a ballot that is opened, reported for or decided has moved. */
export function watch(w: Watched, view: StoreView, now: number): Watched {
  const epoch = view.epoch?.value.epoch ?? 0;
  const ballot = openBallot(view)?.n ?? 0;
  const reports = Object.entries(view.fences).filter(([, f]) => f.ballot === ballot);
  const mark = `${epoch} ${ballot} ${reports.map(([c, f]) => `${c}${f.at === 'none' ? '-' : '+'}`).join()}`;
  return {
    ...w,
    ...(epoch === w.epoch ? {} : { epoch, answered: now }),
    ...(mark === w.moved.mark ? {} : { moved: { mark, at: now } }),
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
