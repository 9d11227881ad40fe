type Env = Readonly<Record<string, string | undefined>>;

/** What the screen can show. */
export interface Style {
  colour: boolean;
  ascii: boolean;
  /** Characters of a line, where somebody knows. */
  columns?: number;
}

const said = (env: Env, name: string): string | undefined => (env[name] === '' ? undefined : env[name]);

/** As POSIX has it: the first of the three that is set and not empty. Nothing said: every terminal of today can. */
export const showsUtf8 = (env: Env): boolean =>
  /utf-?8/i.test(said(env, 'LC_ALL') ?? said(env, 'LC_CTYPE') ?? said(env, 'LANG') ?? 'utf-8');

/** It cannot move the cursor, and shows codes as they are. */
export const isDumb = (env: Env): boolean => env['TERM'] === 'dumb';

/** Below this a tree would be cut so much that facts are lost. */
export const NARROW = 40;

/** Of the terminal; elsewhere of COLUMNS, where somebody set it. */
export function columnsOf(stream: { columns?: number }, env: Env): number | undefined {
  const told = stream.columns ?? Number(env['COLUMNS']);
  return Number.isInteger(told) && told > 0 ? told : undefined;
}

const NAMES: Readonly<Record<string, string>> = {
  ...{ '…': '...', '→': '->', '←': '<-', '·': '|', '–': '-', '—': '-', '×': 'x', '±': '+-', '≥': '>=', '≤': '<=' },
  ...{ '“': '"', '”': '"', '‘': "'", '’': "'", '✓': '+', '✗': 'x', '●': '*', '○': '.', '\u00a0': ' ' },
};

/** The same facts in letters that every terminal has; what has no name is shown as its number. */
export const toAscii = (text: string): string =>
  text.replace(/[^\u0000-\u007f]/gu, (c) => NAMES[c] ?? `\\u{${c.codePointAt(0)?.toString(16)}}`);

/** Two columns each; marks that stand above the letter before have none. */
const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
const widthOfOne = (c: string): number => (/\p{M}/u.test(c) ? 0 : WIDE.test(c) ? 2 : 1);

/** Columns that it takes on a terminal. */
export const widthOf = (text: string): number => Array.from(text).reduce((n, c) => n + widthOfOne(c), 0);

/** The beginning that fits, with a mark where something is left out. */
export function cut(text: string, columns: number, { ascii }: Pick<Style, 'ascii'>): string {
  if (widthOf(text) <= columns) return text;
  const mark = ascii ? '...' : '…';
  let left = columns - mark.length;
  let kept = '';
  for (const c of text) {
    left -= widthOfOne(c);
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
