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
