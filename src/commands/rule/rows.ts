import { duration, type Row, type Tone, text, untrusted } from '../../kernel/index.ts';
import { sayUntil } from '../access/machine/barrier.ts';
import type { Facts } from '../access/machine/facts.ts';
import { sayReach } from '../access/machine/reach.ts';
import type { Barrier } from '../access/model.ts';
import type { Place } from '../book/line.ts';

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

/** Rows at most; the rest is counted. */
const SHOWN = 20;

/** What a verb would do, for who must agree to it. */
export function factRows(facts: Facts): Row[] {
  const all = Object.entries(facts).map(([name, is]) => line(name, 'wait', name, { would: is }));
  if (all.length <= SHOWN) return all;
  return [...all.slice(0, SHOWN), line('more', 'wait', `and ${all.length - SHOWN} more`)];
}

export const barrierRow = (b: Barrier): Row =>
  line(b.id, b.kind === 'freeze' ? 'bad' : 'warn', `${b.kind} ${b.id}`, {
    of: sayReach(b),
    by: b.by,
    until: sayUntil(b),
    because: b.because,
  });

/** One place in the line, and for whom it waits. */
export const placeRow = (p: Place, before: readonly string[], now: number, wait = ''): Row =>
  line(p.id, p.state === 'runs' ? 'busy' : 'wait', `${p.id} tw ${p.what} ${p.state}`, {
    for: duration(now - p.since),
    by: p.by,
    door: p.door,
    on: p.clusters.join(', '),
    behind: before.join(', '),
    wait,
  });
