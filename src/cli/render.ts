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

export interface Style {
  colour: boolean;
  ascii: boolean;
}

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
export function plain(spans: readonly Span[]): string {
  return spans.map((s) => (s.t === 'time' ? duration(s.ms) : clean(s.s))).join('');
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

/** Rows as an aligned table, kids indented below their parent, reasons on a line of their own. Columns: the union of all cells. */
export function tableLines(view: View, style: Style): string[] {
  const all = flatten(view.rows);
  if (all.length === 0) return [];
  const columns = [...new Set(all.flatMap((r) => Object.keys(r.row.cells)))];
  const table = new Table({
    chars: { ...NO_BORDERS, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  const titled = columns.some((c) => c !== '');
  if (titled) table.push(['', ...columns.map((c) => paint(style, 'dim', c))]);
  const labelled = all.map(({ row, depth }) => ({
    row,
    depth,
    label: `${'  '.repeat(depth)}${mark(style, row.tone)} ${plain(row.label)}`,
    cells: columns.map((c) => plain(row.cells[c] ?? [])),
  }));
  // A line without cells may be as long as it likes: it must not push the columns of the others away.
  const aligned = labelled.filter((l) => l.cells.some((c) => c !== ''));
  for (const { label, cells } of aligned) table.push([label, ...cells]);
  const lines = table
    .toString()
    .split('\n')
    .map((l) => l.trimEnd());
  const head = titled ? lines.splice(0, 1) : [];
  const lineOf = new Map(aligned.map((l, i) => [l, lines[i] ?? '']));
  return [...head, ...labelled.flatMap((l) => [lineOf.get(l) ?? l.label, ...whyLine(l.row, l.depth, style)])];
}

function whyLine(row: Row, depth: number, style: Style): string[] {
  if (row.why === undefined || row.why.length === 0) return [];
  return [`${'  '.repeat(depth + 1)}${paint(style, 'dim', plain(row.why))}`];
}

function flatten(rows: readonly Row[], depth = 0): { row: Row; depth: number }[] {
  return rows.flatMap((row) => [{ row, depth }, ...flatten(row.kids, depth + 1)]);
}

/** Shown of a long line, around the place that is meant. */
const LINE = 100;

/** The line and a mark below what is meant. */
function markLines({ source, column = 1, width = 1 }: Where, style: Style): string[] {
  if (source === undefined) return [];
  const from = Math.max(0, Math.min(column - 1 - LINE / 2, source.length - LINE));
  const before = clean(source.slice(from, column - 1));
  const rest = clean(source.slice(column - 1, from + LINE));
  const marks = '^'.repeat(Math.max(1, Math.min(width, rest.length)));
  return [`    ${before}${rest}`.trimEnd(), `    ${' '.repeat(before.length)}${paint(style, 'red', marks)}`];
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
    `${paint(style, 'red', p.code)} ${p.title}${value}`,
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
