import type { View } from '../kernel/index.ts';
import type { Board } from './board.ts';

/** Copies the rows of another view below one path of the board. */
export function mirror(b: Board, path: readonly string[], rows: View['rows']): void {
  for (const row of rows) {
    const cells = Object.fromEntries(
      Object.entries(row.cells).map(([k, spans]) => [
        k,
        spans.map((s) => (s.t === 'time' ? '' : s.s)).join('') || undefined,
      ]),
    );
    b.set([...path, row.key], {
      tone: row.tone,
      label: row.label.map((s) => (s.t === 'time' ? '' : s.s)).join(''),
      cells,
      why: (row.why ?? []).map((s) => (s.t === 'time' ? '' : s.s)).join(''),
    });
  }
}
