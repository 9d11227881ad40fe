import { isFault } from './parse.ts';
import { type LineFault, pointed, wordsOf } from './words.ts';

/** The fleet of this desk, and those that hear the same lines. */
export interface Here {
  fleet: string;
  beside: readonly string[];
}

/** The line with `in <fleet>`, in front of its reason. */
export function inFleet(line: string, fleet: string): string {
  const [, head = line, because = ''] = /^(.*?)(\sbecause\s.*)$/.exec(line) ?? [];
  return `${head} in ${fleet}${because}`;
}

/** The fleets that a line names after `in`. */
const named = (words: readonly { text: string }[]): string[] =>
  words.flatMap((w, i) => (w.text === 'in' ? [words[i + 1]?.text ?? ''] : []));

/** It is for another fleet that hears it, and answers it. */
export function isElsewhere(line: string, { fleet, beside }: Here): boolean {
  const w = wordsOf(line);
  if (isFault(w)) return false;
  const fleets = named(w.words);
  return !fleets.includes(fleet) && fleets.some((f) => beside.includes(f));
}

/** Where several fleets hear a line, none takes one that does not say which is meant. */
export function unsaid(line: string, { fleet, beside }: Here): LineFault | undefined {
  const w = wordsOf(line);
  if (beside.length === 0 || isFault(w) || named(w.words).length > 0) return undefined;
  const all = [fleet, ...beside].toSorted();
  const typed = w.because === undefined ? w.line : `${w.line} because "${w.because}"`;
  return {
    code: 'TW6002',
    value: 'in',
    why: [
      `several fleets listen here: ${all.join(', ')}; none of them did anything`,
      ...pointed(w.line, w.line.length),
    ],
    fix: all.map((f) => ({ say: `If ${f} is meant:`, command: inFleet(typed, f) })),
  };
}

/** The line without `in <fleet>`, for phrases, which know no such words. */
export const withoutFleet = (line: string, fleet: string): string => {
  const words = line.trim().split(/\s+/);
  const at = words.findIndex((w, i) => w === 'in' && words[i + 1] === fleet);
  return at < 0 ? line : words.toSpliced(at, 2).join(' ');
};
