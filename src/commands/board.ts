import { type Row, type Span, type Tone, text, untrusted, type View } from '../kernel/index.ts';
import type { Step } from './ports.ts';

/** How a step of a long verb is shown. */
export const STEP_TONE: Readonly<Record<Step['state'], Tone>> = {
  start: 'busy',
  done: 'ok',
  failed: 'bad',
  note: 'warn',
};

export interface RowPatch {
  tone?: Tone;
  label?: string;
  /** Column to text of ours; `undefined` removes the cell. */
  cells?: Readonly<Record<string, string | undefined>>;
  /** Reason, from outside: shown cleaned. */
  why?: string;
}

/** The rows a command shows while it runs: a fold of its events, painted by whoever listens. */
export interface Board {
  set(path: readonly string[], patch: RowPatch): void;
  view(): View;
}

function patched(row: Row, patch: RowPatch, now: number): Row {
  const cells: Record<string, Span[]> = { ...row.cells };
  for (const [key, value] of Object.entries(patch.cells ?? {})) {
    if (value === undefined) delete cells[key];
    else cells[key] = [untrusted(value)];
  }
  const tone = patch.tone ?? row.tone;
  const started = tone === 'busy' && row.since === undefined ? { since: now } : {};
  return {
    ...row,
    ...started,
    tone,
    cells,
    ...(patch.label === undefined ? {} : { label: [text(patch.label)] }),
    ...(patch.why === undefined ? {} : { why: patch.why === '' ? [] : [untrusted(patch.why)] }),
  };
}

function place(rows: readonly Row[], path: readonly string[], patch: RowPatch, now: number): Row[] {
  const [key = '', ...rest] = path;
  const at = rows.findIndex((r) => r.key === key);
  const row: Row = rows[at] ?? { key, tone: 'wait', label: [text(key)], cells: {}, kids: [] };
  const next = rest.length === 0 ? patched(row, patch, now) : { ...row, kids: place(row.kids, rest, patch, now) };
  return at < 0 ? [...rows, next] : rows.with(at, next);
}

/** A board that calls `show` after each change. Rows keep the order in which they were first named. */
export function board(show: (view: View) => void, now: () => number): Board {
  let rows: Row[] = [];
  return {
    set: (path, patch) => {
      rows = place(rows, path, patch, now());
      show({ at: now(), rows });
    },
    view: () => ({ at: now(), rows }),
  };
}
