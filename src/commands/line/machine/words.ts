import { type Code, clean } from '../../../kernel/index.ts';

/** Why a line is no command: the code, and where in the line. */
export interface LineFault {
  code: Code;
  value: string;
  why: readonly string[];
  fix: readonly { say: string; command?: string }[];
}

/** Bytes of one command. */
const MOST = 512;

export interface Words {
  words: readonly { text: string; at: number }[];
  /** Free text after the word "because". */
  because: string | undefined;
  /** First line, as it is read. */
  line: string;
}

const caret = (line: string, at: number): readonly string[] => [clean(line), `${' '.repeat(at)}^`];

/** Clients turn dashes and quotes into typographic ones; that is all that is turned back. */
const straight = (line: string): string =>
  line
    .replace(/(^|\s)[\u2013\u2014](?=[a-z])/g, '$1--')
    .replace(/[\u201c\u201d]/g, '"')
    .replace(/[\u2018\u2019]/g, "'");

function foreign(line: string): LineFault | undefined {
  const at = line.search(/[^\x20-\x7e]/);
  if (at < 0) return undefined;
  const name = `U+${(line.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  return {
    code: 'TW6020',
    value: name,
    why: [`character ${at + 1} is ${name}: names are plain letters, digits, dots and dashes`, ...caret(line, at)],
    fix: [{ say: 'Type it again by hand; free text goes after the word "because".' }],
  };
}

const unquoted = (t: string): string => /^(["'])(.*)\1$/.exec(t)?.[2] ?? t;

/** The first line as words. Free text is the only place for other letters, and is cleaned of controls. */
export function wordsOf(raw: string): Words | LineFault {
  const first = straight(raw.trim().split(/\r?\n/, 1)[0] ?? '').trim();
  if (new TextEncoder().encode(first).length > MOST)
    return {
      code: 'TW6020',
      value: `${first.length} characters`,
      why: [`a command has at most ${MOST} bytes`],
      fix: [],
    };
  const [, head = first, tail] = /^(.*?)(?:^|\s)because\s+(.+)$/.exec(first) ?? [];
  const bad = foreign(head);
  if (bad !== undefined) return bad;
  const words = [...head.matchAll(/\S+/g)].map((m) => ({ text: m[0], at: m.index }));
  const because = tail === undefined ? undefined : unquoted(clean(tail).trim());
  return { words, because, line: head };
}

export const pointed = (line: string, at: number): readonly string[] => caret(line, at);
