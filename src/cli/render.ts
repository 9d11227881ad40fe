import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { Document, Outcome } from '../commands/index.ts';
import {
  clean,
  duration,
  type Problem,
  type Row,
  SIGN,
  type Span,
  type Tone,
  type View,
  type Where,
} from '../kernel/index.ts';
import type { OutputFormat } from './program.ts';
import { type Style, toAscii } from './terminal.ts';
import { widthOf, wrap } from './width.ts';

const ASCII: Record<Tone, string> = { ok: '+', bad: 'x', busy: '*', wait: '.', warn: '!', off: '-', unknown: '?' };
const COLOUR: Record<Tone, 'green' | 'red' | 'cyan' | 'gray' | 'yellow'> = {
  ok: 'green',
  bad: 'red',
  busy: 'cyan',
  wait: 'gray',
  warn: 'yellow',
  off: 'gray',
  unknown: 'yellow',
};

export function paint(style: Style, format: Parameters<typeof styleText>[0], text: string): string {
  return style.colour ? styleText(format, text, { validateStream: false }) : text;
}

export function mark(style: Style, tone: Tone): string {
  return paint(style, COLOUR[tone], (style.ascii ? ASCII : SIGN)[tone]);
}

/** Spans as one clean line: whatever a span carries, it cannot break out of its line. */
export function plain(spans: readonly Span[], { ascii }: Pick<Style, 'ascii'>): string {
  const line = spans.map((s) => (s.t === 'time' ? duration(s.ms) : clean(s.s))).join('');
  return ascii ? toAscii(line) : line;
}

const NO_BORDERS = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((k) => [k, '']),
);

/**
 * Rows as an aligned table, kids indented below their parent, reasons on a line of their own. Columns: the union of all
 * cells. `width`: of the widest line that has some.
 */
function alignedLines(view: View, style: Style): { lines: string[]; width: number } {
  const all = flatten(view.rows);
  if (all.length === 0) return { lines: [], width: 0 };
  const columns = [...new Set(all.flatMap((r) => Object.keys(r.row.cells)))];
  const table = new Table({
    chars: { ...NO_BORDERS, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  const titled = columns.some((c) => c !== '');
  if (titled) table.push(['', ...columns.map((c) => paint(style, 'dim', clean(c)))]);
  const labelled = all.map(({ row, depth }) => ({
    row,
    depth,
    label: `${'  '.repeat(depth)}${mark(style, row.tone)} ${plain(row.label, style)}`,
    cells: columns.map((c) => plain(row.cells[c] ?? [], style)),
  }));
  // A line without cells may be as long as it likes: it must not push the columns of the others away.
  const aligned = labelled.filter((l) => l.cells.some((c) => c !== ''));
  for (const { label, cells } of aligned) table.push([label, ...cells]);
  const lines = table
    .toString()
    .split('\n')
    .map((l) => l.trimEnd());
  const width = Math.max(...lines.map((l) => widthOf(l)));
  const head = titled ? lines.splice(0, 1) : [];
  const lineOf = new Map(aligned.map((l, i) => [l, lines[i] ?? '']));
  const shown = labelled.flatMap((l) => [lineOf.get(l) ?? l.label, ...whyLine(l.row, l.depth, style)]);
  return { lines: [...head, ...shown], width };
}

/** The same facts below each other, for a screen that the table is wider than. */
function narrowLines(view: View, style: Style, columns: number): string[] {
  return flatten(view.rows).flatMap(({ row, depth }) => {
    const room = ' '.repeat(Math.min(depth, 4));
    const facts = Object.entries(row.cells)
      .map(([name, spans]) => [clean(name), plain(spans, style)] as const)
      .filter(([, is]) => is !== '')
      .map(([name, is]) => (name === '' ? is : `${name}: ${is}`));
    const why = row.why === undefined || row.why.length === 0 ? [] : [plain(row.why, style)];
    const [first = '', ...more] = wrap(plain(row.label, style), columns - room.length - 2);
    return [
      `${room}${mark(style, row.tone)} ${first}`,
      ...[...more, ...[...facts, ...why].flatMap((f) => wrap(f, columns - room.length - 2))].map(
        (l) => `${room}  ${l}`,
      ),
    ];
  });
}

/** A table; where the screen is too narrow for it, a list. */
export function tableLines(view: View, style: Style): string[] {
  const { lines, width } = alignedLines(view, style);
  const { columns } = style;
  return columns === undefined || width <= columns ? lines : narrowLines(view, style, columns);
}

function whyLine(row: Row, depth: number, style: Style): string[] {
  if (row.why === undefined || row.why.length === 0) return [];
  return [`${'  '.repeat(depth + 1)}${paint(style, 'dim', plain(row.why, style))}`];
}

function flatten(rows: readonly Row[], depth = 0): { row: Row; depth: number }[] {
  return rows.flatMap((row) => [{ row, depth }, ...flatten(row.kids, depth + 1)]);
}

/** Shown of a long line, around the place that is meant. */
const LINE = 100;

/** The line and a mark below what is meant. */
function markLines({ source, column = 1, width = 1 }: Where, style: Style): string[] {
  if (source === undefined) return [];
  const room = Math.min(LINE, Math.max(10, (style.columns ?? LINE) - 4));
  const from = Math.max(0, Math.min(column - 1 - Math.floor(room / 2), source.length - room));
  const show = (text: string): string => (style.ascii ? toAscii(clean(text)) : clean(text));
  const before = show(source.slice(from, column - 1));
  const rest = show(source.slice(column - 1, from + room));
  const meant = show(source.slice(column - 1, Math.min(column - 1 + width, from + room)));
  const marks = '^'.repeat(Math.max(1, widthOf(meant)));
  return [`    ${before}${rest}`.trimEnd(), `    ${' '.repeat(widthOf(before))}${paint(style, 'red', marks)}`];
}

const placeText = ({ file, line, column }: Where): string | undefined =>
  file && [file, line, line === undefined ? undefined : column].filter((x) => x !== undefined).join(':');

function whereLines(w: Where, why: string | undefined, style: Style): string[] {
  const parts = [w.cluster && `cluster ${w.cluster}`, w.resource, placeText(w), why === undefined ? w.path : undefined];
  const text = parts
    .filter((x) => x !== undefined && x !== '')
    .map((x) => clean(String(x)))
    .join(' ');
  const say = why === undefined ? text : `${text} ${clean(why)}`;
  return text === '' ? [] : [`  where: ${say}`, ...markLines(w, style)];
}

/** A problem for people: code, value, where, innermost cause, fix. */
export function problemLines(p: Problem, style: Style): string[] {
  const value = p.value === undefined ? '' : ` ${paint(style, 'bold', clean(p.value))}`;
  // Of a text: each fault beside its place.
  const paired = p.where.length > 1 && p.where.length === p.why.length && p.where.some((w) => w.source !== undefined);
  const told = p.where.flatMap((w, i) => whereLines(w, paired ? p.why[i] : undefined, style));
  return [
    `${paint(style, 'red', clean(p.code))} ${clean(p.title)}${value}`,
    ...told,
    ...(paired ? [] : p.why.map((w) => `  why:   ${clean(w)}`)),
    ...p.fix.map(
      (f) => `  fix:   ${clean(f.say)}${f.command === undefined ? '' : ` ${paint(style, 'cyan', clean(f.command))}`}`,
    ),
  ];
}

/** What goes to stdout for a result, one text. */
export async function renderResult(
  document: Document,
  outcome: Outcome | undefined,
  format: OutputFormat,
  style: Style,
): Promise<string> {
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`;
  if (format === 'yaml') return (await import('yaml')).stringify(document);
  return outcome === undefined
    ? ''
    : tableLines(outcome.view, style)
        .map((l) => `${l}\n`)
        .join('');
}
