import type { Ballot } from './model.ts';
import type { Heard } from './view.ts';

/** Longest time that an open ballot excuses anything, and how long one that was decided does. Milliseconds. */
const OPEN_MS = 30_000;
const AFTER_MS = 5000;

/** The newest ballot that anybody spoke of, and since when it is seen as it is; milliseconds. */
export interface Stir {
  n: Ballot;
  open: boolean;
  since: number;
}

/** What becomes of it with what the agents say now. An agent that lags behind says nothing new; neither does a first look at a home that is there. */
export function stirred(was: Stir | undefined, heard: readonly Heard[], now: number): Stir | undefined {
  const reports = heard.flatMap((h) => ('report' in h ? [h.report] : []));
  const epoch = Math.max(0, ...reports.map((r) => r.epoch?.epoch ?? 0));
  const n = Math.max(epoch, ...reports.map((r) => r.ballot?.n ?? 0));
  const open = n > epoch;
  if (n === 0) return was;
  if (was === undefined) return { n, open, since: open ? now : Number.NEGATIVE_INFINITY };
  const isNews = n > was.n || (n === was.n && was.open && !open);
  return isNews ? { n, open, since: now } : was;
}

/** Home changes, or has changed a moment ago. A ballot that nobody decides is no excuse for ever. */
export const isStirred = (s: Stir | undefined, now: number): boolean =>
  s !== undefined && now - s.since < (s.open ? OPEN_MS : AFTER_MS);
