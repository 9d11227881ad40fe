import widthOf from 'string-width';
import type { Style } from './terminal.ts';

/** Columns that a text takes on a terminal; colours take none. */
export { widthOf };

/** The beginning that fits, with a mark where something is left out. */
export function cut(text: string, columns: number, { ascii }: Pick<Style, 'ascii'>): string {
  if (widthOf(text) <= columns) return text;
  const mark = ascii ? '...' : '…';
  let left = columns - mark.length;
  let kept = '';
  for (const c of text) {
    left -= widthOf(c);
    if (left < 0) break;
    kept += c;
  }
  return `${kept}${mark}`.slice(0, Math.max(0, columns));
}

/** Broken between words; a word that is longer stays whole, so that it can be copied. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((w) => w !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
