import type { Button, CardView } from '../model.ts';
import { codeBlock, codeSpan } from './markdown.ts';

/** Rows, notes and lines to type that a comment has room for: all of them together stay below 65,536 characters. */
const ROWS = 30;
const NOTES = 8;
const LINES = 5;
/** A longer line would be cut, and a command that was cut is another command. */
const LONGEST_LINE = 512;

/** First line of the comment of a card, hidden from readers: by it the comment is found again. */
export const cardMarker = (card: string): string => `<!-- tradewind card ${card.replace(/[^\w-]/g, '')} -->`;

function toType(buttons: readonly Button[], slash: string): string[] {
  const typed = buttons.filter((b) => b.line.length <= LONGEST_LINE).slice(0, LINES);
  if (typed.length === 0) return [];
  const each = typed.map((b) => `${codeSpan(b.label)}\n${codeBlock([`${slash} ${b.line}`])}`);
  return ['To go on, write one of these lines as a new comment.', ...each];
}

/** A card as Markdown. Everything from outside stands in code, where GitHub makes nothing live. */
export function githubBody(v: CardView, slash: string): string {
  const rows = v.rows.slice(0, ROWS).map((r) => `${r.mark} ${r.label}${r.cells === '' ? '' : `  ${r.cells}`}`);
  const more = v.more + Math.max(0, v.rows.length - ROWS);
  const table = [...rows, ...(more === 0 ? [] : [`… ${more} more`])];
  const notes = v.notes.slice(0, NOTES).map(codeSpan);
  return [
    [v.mark, `${slash} ${v.line}`, v.by, v.state].map(codeSpan).join(' '),
    ...(table.length === 0 ? [] : [codeBlock(table)]),
    notes
      .filter((n) => n !== '')
      .map((n) => `- ${n}`)
      .join('\n'),
    ...toType(v.buttons, slash),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** A card as one comment that is found again. */
export const githubMessage = (v: CardView, slash: string): string => `${cardMarker(v.id)}\n\n${githubBody(v, slash)}`;
