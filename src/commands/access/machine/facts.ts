import { digest } from '../../../kernel/index.ts';

/** What a decision rests on and would do, as named values; nothing that moves by itself, such as a count of pods. */
export type Facts = Readonly<Record<string, string>>;

/** `w-` and twelve hex digits: the same facts, the same id, on any machine. */
export const factsId = (f: Facts): string => `w-${digest({ ...f }).slice('sha256:'.length, 'sha256:'.length + 12)}`;

/** Named values at most in one answer; the rest is counted. */
const SAID = 8;

/** What is not as it was, one line each: `home of shop: mtl → syd`. */
export function movedFacts(was: Facts, now: Facts): string[] {
  const moved = [...new Set([...Object.keys(was), ...Object.keys(now)])].filter((n) => was[n] !== now[n]);
  // The id of a plan says nothing beside what it is the id of.
  const names = moved.length > 1 ? moved.filter((n) => n !== 'plan') : moved;
  const lines = names.toSorted().map((n) => `${n}: ${was[n] ?? 'nothing'} → ${now[n] ?? 'nothing'}`);
  return lines.length <= SAID ? lines : [...lines.slice(0, SAID), `and ${lines.length - SAID} more`];
}
