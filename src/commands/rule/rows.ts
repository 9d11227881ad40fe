import { type Row, type Tone, text, untrusted } from '../../kernel/index.ts';
import { sayReach } from '../access/machine/reach.ts';
import type { Barrier } from '../access/model.ts';

/** One line; every cell may carry words of a person. */
export function line(key: string, tone: Tone, label: string, cells: Readonly<Record<string, string>> = {}): Row {
  const shown = Object.entries(cells).filter(([, v]) => v !== '');
  return {
    key,
    tone,
    label: [text(label)],
    cells: Object.fromEntries(shown.map(([k, v]) => [k, [untrusted(v)]])),
    kids: [],
  };
}

export const barrierRow = (b: Barrier): Row =>
  line(b.id, b.kind === 'freeze' ? 'bad' : 'warn', `${b.kind} ${b.id}`, {
    of: sayReach(b),
    by: b.by,
    until: b.until === null ? 'lifted' : new Date(b.until).toISOString(),
    because: b.because,
  });
