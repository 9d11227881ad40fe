import { styleText } from 'node:util';
import Table from 'cli-table3';
import { stringify } from 'yaml';
import type { Document, Outcome } from '../commands/index.ts';
import { clean, duration, type Problem, type Row, type Span, type Tone, type View } from '../kernel/index.ts';
import type { OutputFormat } from './program.ts';

export interface Style {
  colour: boolean;
  ascii: boolean;
}

const SYMBOL: Record<Tone, [fancy: string, ascii: string]> = {
  ok: ['✓', '+'],
  bad: ['✗', 'x'],
  busy: ['●', '*'],
  wait: ['○', '.'],
  warn: ['!', '!'],
  off: ['–', '-'],
  unknown: ['?', '?'],
};
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
  return paint(style, COLOUR[tone], SYMBOL[tone][style.ascii ? 1 : 0]);
}

/** Spans as one clean line: whatever a span carries, it cannot break out of its line. */
export function plain(spans: readonly Span[]): string {
  return spans.map((s) => (s.t === 'time' ? duration(s.ms) : clean(s.s))).join('');
}

/** Rows as an aligned table, kids indented below their parent. Cells are the union of all columns, in order of appearance. */
export function tableLines(view: View, style: Style): string[] {
  if (view.rows.length === 0) return [];
  const columns = [...new Set(flatten(view.rows).flatMap((r) => Object.keys(r.row.cells)))];
  const table = new Table({
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    ...(columns.length === 0 ? {} : { head: ['', ...columns.map((c) => paint(style, 'dim', c))] }),
  });
  for (const { row, depth } of flatten(view.rows)) {
    table.push([
      `${'  '.repeat(depth)}${mark(style, row.tone)} ${plain(row.label)}`,
      ...columns.map((c) => plain(row.cells[c] ?? [])),
      ...(columns.length === 0 ? [] : []),
    ]);
    if (row.why && row.why.length > 0)
      table.push([
        { content: `${'  '.repeat(depth + 1)}${paint(style, 'dim', plain(row.why))}`, colSpan: columns.length + 1 },
      ]);
  }
  return table
    .toString()
    .split('\n')
    .map((l) => l.trimEnd());
}

function flatten(rows: readonly Row[], depth = 0): { row: Row; depth: number }[] {
  return rows.flatMap((row) => [{ row, depth }, ...flatten(row.kids, depth + 1)]);
}

/** A problem for people: code, value, where, innermost cause, fix. */
export function problemLines(p: Problem, style: Style): string[] {
  const value = p.value === undefined ? '' : ` ${paint(style, 'bold', clean(p.value))}`;
  const where = p.where.map((w) =>
    [
      w.cluster && `cluster ${w.cluster}`,
      w.resource,
      w.file && `${w.file}${w.line === undefined ? '' : `:${w.line}`}`,
      w.path,
    ]
      .filter(Boolean)
      .map((s) => clean(String(s)))
      .join(' '),
  );
  return [
    `${paint(style, 'red', p.code)} ${p.title}${value}`,
    ...where.filter((w) => w !== '').map((w) => `  where: ${w}`),
    ...p.why.map((w) => `  why:   ${clean(w)}`),
    ...p.fix.map(
      (f) => `  fix:   ${clean(f.say)}${f.command === undefined ? '' : ` ${paint(style, 'cyan', clean(f.command))}`}`,
    ),
  ];
}

/** What goes to stdout for a result, one text. */
export function renderResult(
  document: Document,
  outcome: Outcome | undefined,
  format: OutputFormat,
  style: Style,
): string {
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`;
  if (format === 'yaml') return stringify(document);
  return outcome === undefined
    ? ''
    : tableLines(outcome.view, style)
        .map((l) => `${l}\n`)
        .join('');
}
