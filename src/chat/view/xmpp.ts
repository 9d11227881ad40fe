import { clean } from '../../kernel/index.ts';
import type { Button, CardView } from '../model.ts';

/** Between a character that begins something and what it would begin: no letter, no space, not seen. */
const JOINER = '\u2060';
/** Not seen, or with no place in XML 1.0, where one of them ends the connection. */
const UNSEEN = /\p{Default_Ignorable_Code_Point}|[\ufff9-\uffff]/gu;
/** What opens a span of XEP-0393, or a name. */
const OPENS = /[*_~`@]/g;
/** What stands before the colon of `http:`, `xmpp:`, `mailto:` and whatever else a client takes for an address. */
const SCHEME = /[a-z][a-z0-9+.-]*(?=:(?:\S|$))/gi;
/** `:name:` is a picture to some. */
const PICTURE = /:(?=[a-z_][a-z0-9_+-]*(?::|$))/gi;
/** What stands before the dot of a host name, in all its forms. */
const DOT = /(?:www(?=[.\u3002\uff0e\uff61])|[\p{L}\p{N}-](?=[.\u3002\uff0e\uff61][\p{L}-]{2}))/giu;
/** Quotes and `/me` are read at the beginning of a line. */
const LINE = /^(?=\s*[>/])/;

const LONGEST = 340;
const HEAD = 700;

/** Words from outside: no styling, no link, no name that rings, no control character; they read as they were. */
export function inert(text: string, most = LONGEST): string {
  return clean(text)
    .slice(0, most)
    .toWellFormed()
    .replace(UNSEEN, '')
    .replace(/\t/g, ' ')
    .replace(OPENS, `${JOINER}$&`)
    .replace(PICTURE, `$&${JOINER}`)
    .replace(SCHEME, `$&${JOINER}`)
    .replace(DOT, `$&${JOINER}`)
    .replace(LINE, JOINER);
}

/** Letters that look like others are named: an account with one of them is another account. */
const account = (text: string): string =>
  inert(
    clean(text)
      .replace(/^xmpp:/, '')
      .replace(/[^\x20-\x7e]/gu, (c) => `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`),
  );

/** Nothing in it is read as anything but itself, so it can be copied as it stands. */
const EXACT = /^(?!.*\.[a-z]{2})[a-z0-9 "'=,.@#-]{1,300}$/;

/** A line to type: as it is where nothing else could be read in it. */
const exact = (line: string): string => `!tw ${EXACT.test(line) ? line : inert(line)}`;

const toType = (b: Button): string => `${inert(b.label, 75)}: ${exact(b.line)}`;

/** A note that ends with a command for a terminal ends with the same for this room. */
function note(text: string): string {
  const [, before = '', line] = /^(.*? )?tw ([^:]*)$/s.exec(text) ?? [];
  return line === undefined || !EXACT.test(line) ? inert(text) : `${inert(before)}${exact(line)}`;
}

/** A card as plain text: the lines to type stand below it, ready to be copied. `before` is a line of our own. */
export function xmppText(v: CardView, before?: string): string {
  const rows = v.rows.map((r) => {
    const [label, cells] = [inert(r.label), inert(r.cells)];
    return `${r.mark} ${label}${cells === '' ? '' : `  ${cells}`}`;
  });
  const notes = v.notes.map(note);
  // A line that a note tells already is not told twice.
  const buttons = v.buttons.filter((b) => !notes.some((n) => n.endsWith(exact(b.line))));
  return [
    ...(before === undefined ? [] : [before]),
    `${v.mark} ${inert(v.line)} (${account(v.by)}): ${inert(v.state, HEAD)}`,
    ...rows,
    ...(v.more === 0 ? [] : [`… ${v.more} more`]),
    ...notes,
    ...buttons.map(toType),
  ].join('\n');
}

/** What stands where a card was that goes on below. */
export const movedText = (v: CardView): string => `${v.mark} ${inert(v.line)}: goes on below ↓`;

/** The command of a message: its first line after `!tw`, copied or typed; undefined = a person talks to persons. */
export function typedInXmpp(body: string): string | undefined {
  const found = /^!tw(?:[ \t]+([^\r\n]*))?(?:[\r\n]|$)/.exec(body);
  return found === null ? undefined : (found[1] ?? '').replaceAll(JOINER, '').trim();
}
