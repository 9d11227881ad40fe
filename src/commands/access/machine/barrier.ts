import type { Barrier, Person, Target, Verdict } from '../model.ts';
import { sayReach, touches } from './reach.ts';

export const isUp = (b: Barrier, now: number): boolean => b.until === null || now < b.until;

/** `until` for people: in the zone of the calendar, where there is one. */
export const sayUntil = (b: Barrier): string =>
  b.local ?? (b.until === null ? 'lifted' : new Date(b.until).toISOString());

export const sayBarrier = (b: Barrier): string =>
  `${b.kind} ${b.id} of ${sayReach(b)} by ${b.by}: ${b.because}${b.until === null ? '' : `, until ${sayUntil(b)}`}`;

const lifted = (b: Barrier): string[] =>
  b.local === undefined ? [`tw ${b.kind === 'freeze' ? 'unfreeze' : 'unlock'} ${b.id}`] : [];

/** Freezes and locks that stop what goes forward; a lock does not stop its owner. */
export const stopping = (
  barriers: readonly Barrier[],
  x: { target: Target; person: Person | undefined; now: number },
): Barrier[] =>
  barriers.filter((b) => isUp(b, x.now) && touches(b, x.target) && !(b.kind === 'lock' && b.by === x.person?.name));

/** What those that stop something say to whoever is stopped: a lock first, for no glass can be broken there. */
export function refusalOf(stops: readonly Barrier[]): Verdict & { ok: false } {
  const locks = stops.filter((b) => b.kind === 'lock');
  return {
    ok: false,
    code: locks.length === 0 ? 'TW6205' : 'TW6202',
    why: [...locks, ...stops.filter((b) => b.kind === 'freeze')].map(sayBarrier).join('; '),
    wouldPass: [...stops.flatMap(lifted), 'pause, abort, rollback and drain pass at once'],
  };
}
