import type { ClusterName } from '../../kernel/index.ts';
import type { Cause, Probe, ProbeSettings, Verdict, Vote } from '../model.ts';

export const NO_VERDICT: Verdict = {
  state: 'unknown',
  unsure: false,
  lone: false,
  held: false,
  since: 0,
  cause: 'not judged yet',
  votes: { up: 0, down: 0, of: 0, need: 0 },
};

/** A vote is fresh for this many probe intervals of the receiver's monotonic clock. */
export const FRESH_INTERVALS = 3;
/** Fewer outside observers than this cannot tell a dead cluster from a cut wire. */
const FEWEST_VOTERS = 2;

export interface Ballot {
  /** The observer that judges. */
  me: ClusterName;
  target: ClusterName;
  /** All configured observers; the target's own is left out here. */
  voters: readonly ClusterName[];
  votes: readonly Vote[];
  last: Verdict;
  /** Monotonic milliseconds of the receiver. */
  now: number;
  /** Unix milliseconds, for `since`. */
  wall: number;
  intervalMs: number;
}

/** How many of the configured outside observers must agree: a majority, and two at least. */
export function needOf(outside: number): number {
  return Math.max(FEWEST_VOTERS, Math.floor(outside / 2) + 1);
}

const majorCause = (votes: readonly Vote[]): string => {
  const counts = new Map<string, number>();
  for (const v of votes) counts.set(v.cause, (counts.get(v.cause) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
};

/**
 * What an observer that hears no other one may say of a target that it does not reach: dead and cut off look
 * the same, so it is no verdict; it keeps for itself not to send users there. Ends when it reaches the target,
 * or when the target says that it serves.
 */
function isLone(b: Ballot, fresh: readonly Vote[]): boolean {
  const mine = fresh.find((v) => v.voter === b.me);
  if (b.me === b.target || mine?.state !== 'down') return false;
  const others = fresh.filter((v) => v.voter !== b.me && b.voters.includes(v.voter));
  return others.length === 0 || (b.last.lone && !others.some((v) => v.voter === b.target && v.state === 'up'));
}

/**
 * One target's health by majority of all configured outside observers. Silence is not a vote, unknown
 * is not down: without a majority the last verdict stays and is marked unsure. Where too few outside voters
 * are heard, the target's own word against itself is one more; a "held" signed by itself counts alone. A
 * single outside voter can say up.
 */
export function judge(b: Ballot): Verdict {
  const fresh = b.votes.filter((v) => b.now - v.at <= FRESH_INTERVALS * b.intervalMs);
  const outside = b.voters.filter((v) => v !== b.target);
  const heard = fresh.filter((v) => outside.includes(v.voter));
  const need = needOf(outside.length);
  const confession = heard.length < need ? fresh.filter((v) => v.voter === b.target && v.state === 'down') : [];
  const down = [...heard.filter((v) => v.state === 'down'), ...confession];
  const up = heard.filter((v) => v.state === 'up');
  const votes = { up: up.length, down: down.length, of: outside.length + confession.length, need };
  const held = fresh.some((v) => v.voter === b.target && v.held === true);
  const enough = outside.length === 0 ? need : Math.min(need, outside.length);
  const agreed = down.length >= need ? 'down' : up.length >= enough ? 'up' : undefined;
  if (agreed !== undefined) {
    const cause = agreed === 'down' ? majorCause(down) : 'ok';
    const since = agreed === b.last.state ? b.last.since : b.wall;
    return { state: agreed, unsure: false, lone: false, held, since, cause, votes };
  }
  const lone = isLone(b, fresh);
  const said = lone ? { cause: majorCause(down), since: b.last.lone ? b.last.since : b.wall } : {};
  return { ...b.last, ...said, unsure: true, lone, held, votes };
}

/** One observer's memory of one target. Times are monotonic milliseconds. */
export interface Watch {
  /** Undefined until the first probe came back. */
  state: 'up' | 'down' | undefined;
  /** Probes in a row that contradict `state`. */
  against: number;
  cause: Cause;
  detail: string;
  flips: number[];
  last?: Probe;
}

export const FIRST_WATCH: Watch = { state: undefined, against: 0, cause: 'ok', detail: '', flips: [] };

const FLAP_WINDOW_MS = 600_000;
const FLAPS = 3;
const MOST_RISE = 60;

/** Good probes wanted before a return: doubled for every three flips in ten minutes, 60 at most. */
export function riseOf(settings: ProbeSettings, flips: readonly number[], now: number): number {
  const recent = flips.filter((at) => now - at <= FLAP_WINDOW_MS).length;
  return Math.min(MOST_RISE, settings.rise * 2 ** Math.floor(recent / FLAPS));
}

/** Folds one probe into an observer's memory. The first good probe after a start counts at once. */
export function watched(w: Watch, probe: Probe, settings: ProbeSettings, now: number): Watch {
  const says = probe.ok ? 'up' : 'down';
  const seen = { cause: probe.cause, detail: probe.detail, last: probe };
  if (w.state === says) return { ...w, ...seen, against: 0 };
  if (w.state === undefined && probe.ok) return { ...w, ...seen, state: 'up', against: 0 };
  const against = w.against + 1;
  const need = says === 'down' ? settings.fall : riseOf(settings, w.flips, now);
  if (against < need) return { ...w, against, last: probe };
  const flips = w.state === undefined ? w.flips : [...w.flips.filter((at) => now - at <= FLAP_WINDOW_MS), now];
  return { ...w, ...seen, state: says, against: 0, flips };
}
