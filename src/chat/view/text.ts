import type { CardView } from '../model.ts';

/** The card as plain lines, for platforms and screens without buttons: the lines to type stand below. */
export function cardText(v: CardView): string {
  const rows = v.rows.map((r) => `${r.mark} ${r.label}${r.cells === '' ? '' : `  ${r.cells}`}`);
  return [
    `${v.mark} ${v.line} (${v.by}): ${v.state}`,
    ...rows,
    ...(v.more === 0 ? [] : [`… ${v.more} more`]),
    ...v.notes,
    ...v.buttons.map((b) => `${b.label}: ${b.line}`),
  ].join('\n');
}
