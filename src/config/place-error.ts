import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { causes, type Where } from '../kernel/index.ts';
import { placeOf } from './place.ts';
import { brokenAt } from './place-program.ts';

/** A text that does not parse: file and line, then the line with a mark below it. */
const UNPARSED = /^((?:file:\/)?\/[^\n]+):(\d+)\n(?:[^\n]*\n)*?([ \t]*)(\^+)\n/;
/** A program that threw. */
const THREW = /^\s+at (?:.*\()?(file:\/\/[^\s)]+):(\d+):(\d+)\)?$/gm;
/** What a person wrote is no part of the product, nor of what it stands on. */
const OURS = new URL('..', import.meta.url).href;
const isTheirs = (url: string): boolean => !url.startsWith(OURS) && !url.includes('/node_modules/');

interface Seen {
  file: string;
  line: number;
  column: number;
  width: number;
}

function seenIn(stack: string): Seen | undefined {
  const [, text, line = '', indent = '', marks = ''] = UNPARSED.exec(stack) ?? [];
  if (text !== undefined) return { file: text, line: Number(line), column: indent.length + 1, width: marks.length };
  const [, from, at = '', column = ''] = [...stack.matchAll(THREW)].find((m) => isTheirs(m[1] ?? '')) ?? [];
  return from === undefined ? undefined : { file: from, line: Number(at), column: Number(column), width: 1 };
}

function whereOf({ file: name, line, column, width }: Seen): Where {
  const file = name.startsWith('file:') ? fileURLToPath(name) : name;
  const source = readFileSync(file, 'utf8');
  const above = source.split('\n').slice(0, line - 1);
  const from = above.reduce((n, l) => n + l.length + 1, 0) + column - 1;
  return { file, ...placeOf(source, { from, to: from + width }) };
}

/** Where `file`, or what it imports, is no program or threw; nothing where nobody can say. */
export function placesOf(error: unknown, file: string): Where[] {
  if (!(error instanceof Error)) return [];
  try {
    const seen = seenIn(error.stack ?? '');
    if (seen !== undefined) return [whereOf(seen)];
    const source = readFileSync(file, 'utf8');
    const from = error instanceof SyntaxError ? brokenAt(source) : undefined;
    return from === undefined ? [] : [{ file, ...placeOf(source, { from, to: from + 1 }) }];
  } catch {
    return [];
  }
}

/** What a thread tells of it. */
export const toldOf = (error: unknown, file: string): { why: string[]; where: Where[] } => ({
  why: causes(error),
  where: placesOf(error, file),
});
