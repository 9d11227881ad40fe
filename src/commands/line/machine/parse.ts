import { nearest } from '../../../kernel/index.ts';
import { checkArg } from '../../args.ts';
import type { ArgSpec, Args, CommandSpec } from '../../model.ts';
import { type LineFault, pointed, type Words, wordsOf } from './words.ts';

/** What a line of chat means: a verb with checked arguments. */
export interface Draft {
  verb: string;
  args: Args;
  /** The line in the grammar, where an alias was typed. */
  expanded?: string;
}

export interface Grammar {
  table: readonly CommandSpec[];
  fleet: string;
}

export const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** Free verbs ask for no right; of them only these do nothing to anybody. */
const FREE = new Set(['explain', 'link']);
/** Endless data, or a secret in a room. */
const NOT_HERE = new Set(['logs', 'audit export', 'token create', 'token list', 'token revoke']);

/** Verbs that a chat can carry. */
export const chatVerbs = (table: readonly CommandSpec[]): CommandSpec[] =>
  table.filter(
    (c) => c.only !== 'terminal' && c.hidden !== true && !NOT_HERE.has(c.verb) && (c.free !== true || FREE.has(c.verb)),
  );

export const isFault = (x: object): x is LineFault => 'code' in x;

interface Rest {
  raw: Record<string, unknown>;
  free: { text: string; at: number }[];
}

/** The verb that was probably meant, and the whole line with it, ready to send. */
function meant(w: Words, verbs: readonly string[]): { verb: string; line: string } | undefined {
  const [first, second, third] = w.words;
  const both = second === undefined ? undefined : nearest(`${first?.text} ${second.text}`, verbs);
  const verb = both ?? nearest(first?.text ?? '', verbs);
  if (verb === undefined) return undefined;
  const rest = both === undefined ? second : third;
  const after = rest === undefined ? '' : ` ${w.line.slice(rest.at).trim()}`;
  return { verb, line: `${verb}${after}${w.because === undefined ? '' : ` because ${w.because}`}` };
}

function unknownVerb(w: Words, g: Grammar): LineFault {
  const words = w.words.slice(0, 2).map((x) => x.text);
  const typed = words.join(' ');
  const here = g.table.find((c) => c.verb === typed || c.verb === words[0]);
  if (here !== undefined)
    return {
      code: 'TW6102',
      value: here.verb,
      why: ['it needs the files or the screen of one machine, or is no business of a room'],
      fix: [{ say: 'In a terminal:', command: `tw ${here.verb} --help` }],
    };
  const verbs = chatVerbs(g.table).map((c) => c.verb);
  const near = meant(w, verbs);
  return {
    code: 'TW6001',
    value: typed,
    why: [
      ...pointed(w.line, w.words[0]?.at ?? 0),
      near === undefined ? `verbs: ${verbs.join(', ')}` : `the nearest one is "${near.verb}"`,
    ],
    fix: near === undefined ? [] : [{ say: 'Did you mean', command: near.line }],
  };
}

function verbOf(w: Words, g: Grammar): { spec: CommandSpec; used: number } | undefined {
  const verbs = chatVerbs(g.table);
  const word = (n: number): string =>
    w.words
      .slice(0, n)
      .map((x) => x.text)
      .join(' ');
  for (const used of [2, 1]) {
    const spec = verbs.find((c) => c.verb === word(used) && c.verb.split(' ').length === used);
    if (spec !== undefined && w.words.length >= used) return { spec, used };
  }
  return undefined;
}

const wrong = (w: Words, at: number, value: string, why: string): LineFault => ({
  code: 'TW6002',
  value,
  why: [why, ...pointed(w.line, at)],
  fix: [],
});

type Raw = Record<string, unknown>;

function noFlag(w: Words, x: { at: number; name: string; spec: CommandSpec }): LineFault {
  const names = x.spec.args.filter((a) => a.position === undefined).map((a) => kebab(a.name));
  const near = nearest(x.name, names);
  return wrong(
    w,
    x.at,
    `--${x.name}`,
    near === undefined ? `"${x.spec.verb}" has no such flag` : `did you mean "--${near}"?`,
  );
}

const added = (raw: Raw, arg: ArgSpec, given: string): unknown =>
  arg.type.is === 'list' ? [...((raw[arg.name] as string[] | undefined) ?? []), ...given.split(',')] : given;

const wantsValue = (w: Words, at: number, arg: ArgSpec): LineFault =>
  wrong(w, at, `--${kebab(arg.name)}`, `a value is expected: ${arg.help}`);

interface Flag {
  at: number;
  name: string;
  /** After the `=`. */
  inline: string | undefined;
  /** The word after it. */
  next: string | undefined;
}

function flagAt(w: Words, i: number): Flag {
  const { text, at } = w.words[i] ?? { text: '', at: 0 };
  const [name = '', ...more] = text.slice(2).split('=');
  return { at, name, inline: more.length === 0 ? undefined : more.join('='), next: w.words[i + 1]?.text };
}

/** `--name`, `--name=value`, `--name value`; how many words it took. */
function option(w: Words, i: number, spec: CommandSpec, raw: Raw): number | LineFault {
  const { at, name, inline, next } = flagAt(w, i);
  const arg = spec.args.find((a) => a.position === undefined && kebab(a.name) === name);
  if (arg === undefined) return noFlag(w, { at, name, spec });
  if (arg.type.is === 'flag') {
    raw[arg.name] = true;
    return inline === undefined ? 1 : wrong(w, at, `--${name}`, 'it takes no value');
  }
  const given = inline ?? next;
  if (given === undefined || given === '') return wantsValue(w, at, arg);
  raw[arg.name] = added(raw, arg, given);
  return inline === undefined ? 2 : 1;
}

/** `in <fleet>` and `on <clusters>`; undefined: an ordinary word. */
function place(
  w: Words,
  i: number,
  x: { spec: CommandSpec; g: Grammar; raw: Record<string, unknown> },
): number | LineFault | undefined {
  const { text, at } = w.words[i] ?? { text: '', at: 0 };
  if (text !== 'in' && text !== 'on') return undefined;
  const value = w.words[i + 1]?.text;
  if (value === undefined) return wrong(w, at, text, `"${text}" wants a name after it`);
  if (text === 'in') return value === x.g.fleet ? 2 : wrong(w, at, value, `here is the fleet "${x.g.fleet}"`);
  const arg = x.spec.args.find((a) => a.name === 'on');
  if (arg === undefined) return wrong(w, at, 'on', `"${x.spec.verb}" takes no clusters`);
  x.raw['on'] = value === 'all' ? [] : value.split(',');
  return 2;
}

function rest(w: Words, used: number, spec: CommandSpec, g: Grammar): Rest | LineFault {
  const raw: Record<string, unknown> = {};
  const free: Rest['free'] = [];
  for (let i = used; i < w.words.length; ) {
    const word = w.words[i] ?? { text: '', at: 0 };
    const took = word.text.startsWith('--') ? option(w, i, spec, raw) : place(w, i, { spec, g, raw });
    if (typeof took === 'object') return took;
    if (took === undefined) free.push(word);
    i += took ?? 1;
  }
  return { raw, free };
}

function positions(w: Words, r: Rest, spec: CommandSpec): LineFault | undefined {
  const places = spec.args.filter((a) => a.position === 'one' || a.position === 'optional');
  const extra = r.free[places.length];
  if (extra !== undefined) return wrong(w, extra.at, extra.text, `"${spec.verb}" wants nothing here`);
  for (const [i, arg] of places.entries()) {
    const word = r.free[i];
    if (word !== undefined) r.raw[arg.name] = word.text.replace(/^#/, '');
  }
  return undefined;
}

const shown = (a: ArgSpec): string => (a.position === undefined ? `--${kebab(a.name)}` : `<${a.name}>`);

function checked(w: Words, spec: CommandSpec, raw: Readonly<Record<string, unknown>>): { args: Args } | LineFault {
  const args: Record<string, unknown> = {};
  for (const arg of spec.args) {
    const c = checkArg(arg.type, raw[arg.name]);
    if ('wrong' in c)
      return {
        code: 'TW6002',
        value: shown(arg),
        why: [raw[arg.name] === undefined ? `${shown(arg)} is missing: ${arg.help}` : c.wrong, w.line],
        fix: spec.examples.map((e) => ({ say: 'For example:', command: e.replace(/^tw /, '') })),
      };
    args[arg.name] = c.value;
  }
  return { args };
}

/** One line of chat → one command, or why it is none. The first line counts; nothing is guessed. */
export function parseLine(line: string, g: Grammar): Draft | LineFault {
  const w = wordsOf(line);
  if (isFault(w)) return w;
  const found = verbOf(w, g);
  if (found === undefined) return unknownVerb(w, g);
  const { spec, used } = found;
  const r = rest(w, used, spec, g);
  if (isFault(r)) return r;
  const bad = positions(w, r, spec);
  if (bad !== undefined) return bad;
  if (w.because !== undefined) {
    if (!spec.args.some((a) => a.name === 'because'))
      return wrong(w, w.line.length, 'because', `"${spec.verb}" keeps no reason`);
    r.raw['because'] = w.because;
  }
  const done = checked(w, spec, r.raw);
  return isFault(done) ? done : { verb: spec.verb, args: done.args };
}
