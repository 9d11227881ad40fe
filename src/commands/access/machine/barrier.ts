import type { Barrier, Person, Target, Verdict } from '../model.ts';
import { sayReach, touches } from './reach.ts';

export const isUp = (b: Barrier, now: number): boolean => b.until === null || now < b.until;

const say = (b: Barrier): string =>
  `${b.kind} ${b.id} of ${sayReach(b)} by ${b.by}: ${b.because}${b.until === null ? '' : `, until ${new Date(b.until).toISOString()}`}`;

/** Does a freeze or a lock stop what goes forward? A lock does not stop its owner. */
export function passes(barriers: readonly Barrier[], t: Target, p: Person | undefined, now: number): Verdict {
  const stops = barriers.filter((b) => isUp(b, now) && touches(b, t) && !(b.kind === 'lock' && b.by === p?.name));
  const [first] = stops;
  if (first === undefined) return { ok: true, why: 'no freeze and no lock' };
  return {
    ok: false,
    code: first.kind === 'freeze' ? 'TW6205' : 'TW6202',
    why: stops.map(say).join('; '),
    wouldPass: [
      `tw ${first.kind === 'freeze' ? 'unfreeze' : 'unlock'} ${first.id}`,
      'pause, abort, rollback and drain pass at once',
    ],
  };
}
