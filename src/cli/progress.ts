import { stripVTControlCharacters } from 'node:util';
import { duration, type Row, type View } from '../kernel/index.ts';
import { mark, paint, plain } from './render.ts';
import type { Style } from './terminal.ts';
import { cut, widthOf } from './width.ts';

/** Where progress is shown; stderr, so that stdout stays data. */
export interface Screen {
  isTTY: boolean;
  columns: number;
  rows: number;
  write(text: string): void;
}

function cells(row: Row, style: Style): string {
  return Object.values(row.cells)
    .map((c) => plain(c, style))
    .filter((s) => s !== '')
    .join(style.ascii ? ' | ' : ' · ');
}

/** One row as one line: mark, label, cells, elapsed, reason. Pure. */
function rowLine(row: Row, at: number, style: Style): string {
  const rest = cells(row, style);
  const elapsed =
    row.since === undefined || row.tone !== 'busy' ? '' : ` ${paint(style, 'dim', duration(at - row.since))}`;
  const why = row.why === undefined || row.why.length === 0 ? '' : ` ${paint(style, 'dim', plain(row.why, style))}`;
  return `${mark(style, row.tone)} ${plain(row.label, style)}${rest === '' ? '' : `  ${rest}`}${elapsed}${why}`;
}

/** The tree of a view within `rows` lines; failures never collapse, finished rows do first. Pure. */
export function frame(view: View, size: { columns: number; rows: number }, style: Style): string[] {
  const all: { line: string; tone: Row['tone'] }[] = [];
  const walk = (rows: readonly Row[], depth: number): void => {
    for (const row of rows) {
      all.push({ line: `${'  '.repeat(depth)}${rowLine(row, view.at, style)}`, tone: row.tone });
      walk(row.kids, depth + 1);
    }
  };
  walk(view.rows, 0);
  const keep = size.rows - 1;
  const drop = all.length - keep;
  const hidden =
    drop <= 0
      ? new Set()
      : new Set([...all.keys()].filter((i) => ['ok', 'off', 'wait'].includes(all[i]?.tone ?? '')).slice(0, drop + 1));
  const lines = all.filter((_, i) => !hidden.has(i)).map((l) => fit(l.line, size.columns, style));
  return hidden.size === 0 ? lines : [`${style.ascii ? '...' : '…'} ${hidden.size} more`, ...lines];
}

const fit = (line: string, columns: number, style: Style): string =>
  widthOf(line) <= columns ? line : cut(stripVTControlCharacters(line), columns, style);

const LETTERS = { ascii: false };

/** What makes a row worth a new line: its tone, its phase, a note, and the reason when it is a bad one. */
function news(row: Row): string {
  const phase = ['phase', 'step', 'state', 'changes', 'id', 'note']
    .map((c) => plain(row.cells[c] ?? [], LETTERS))
    .join(' ');
  return `${row.tone} ${phase} ${row.tone === 'busy' ? '' : plain(row.why ?? [], LETTERS)}`;
}

/** New lines to append when the screen is no terminal: one per change of tone or phase. Pure. */
export function appendLines(
  before: ReadonlyMap<string, string>,
  view: View,
  style: Style,
): { lines: string[]; seen: Map<string, string> } {
  const seen = new Map(before);
  const lines: string[] = [];
  const walk = (rows: readonly Row[], path: string): void => {
    for (const row of rows) {
      const key = `${path}/${row.key}`;
      const now = news(row);
      // What only waits is worth no line, unless something is said of it.
      const silent = row.tone === 'wait' && (row.cells['note'] ?? []).length === 0;
      if (seen.get(key) !== now && !silent)
        lines.push(`${path === '' ? '' : `${path.slice(1)}: `}${rowLine(row, view.at, style)}`);
      seen.set(key, now);
      walk(row.kids, `${path}/${plain(row.label, style)}`);
    }
  };
  walk(view.rows, '');
  return { lines, seen };
}

export interface Painter {
  show(view: View): void;
  /** The rows shown last are those of `view`. */
  shows(view: View): boolean;
  /** Leaves the last frame standing. */
  end(): void;
}

const FRAME_MS = 100;

/** Paints views: a live tree on a terminal, append-only lines elsewhere with a beat each 15 s. */
export function painter(screen: Screen, style: Style, now: () => number): Painter {
  return screen.isTTY ? treePainter(screen, style, now) : linePainter(screen, style, now);
}

function treePainter(screen: Screen, style: Style, now: () => number): Painter {
  let painted = 0;
  let last: View | undefined;
  const draw = (): void => {
    if (last === undefined) return;
    const lines = frame({ ...last, at: now() }, screen, style);
    const up = painted === 0 ? '' : `\u001b[${painted}A`;
    screen.write(`\u001b[?2026h${up}${lines.map((l) => `\u001b[2K${l}\n`).join('')}\u001b[J\u001b[?2026l`);
    painted = lines.length;
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  return {
    show: (view) => {
      last = view;
    },
    shows: (view) => last !== undefined && view.rows === last.rows,
    end: () => {
      clearInterval(timer);
      draw();
    },
  };
}

const BEAT_MS = 15_000;

function linePainter(screen: Screen, style: Style, now: () => number): Painter {
  let seen = new Map<string, string>();
  let last: View | undefined;
  let spoke = now();
  const timer = setInterval(() => {
    const busy = last?.rows.filter((r) => r.tone === 'busy') ?? [];
    if (busy.length === 0 || now() - spoke < BEAT_MS) return;
    spoke = now();
    screen.write(`${style.ascii ? '...' : '…'} still busy: ${busy.map((r) => rowLine(r, now(), style)).join('; ')}\n`);
  }, 1000);
  timer.unref();
  return {
    show: (view) => {
      const step = appendLines(seen, view, style);
      seen = step.seen;
      last = view;
      if (step.lines.length === 0) return;
      spoke = now();
      screen.write(step.lines.map((l) => `${l}\n`).join(''));
    },
    shows: (view) => last !== undefined && view.rows === last.rows,
    end: () => clearInterval(timer),
  };
}
