import { fault, type Problem, problemOf, type Row } from '../kernel/index.ts';
import { sayBarrier } from './access/machine/barrier.ts';
import type { Barrier } from './access/model.ts';
import { openIncident } from './book/barriers.ts';
import type { Context, Io } from './context.ts';
import type { Outcome } from './model.ts';
import { line } from './rule/rows.ts';

/** Somebody acts during a freeze, and says why. */
export interface Glass {
  by: string;
  because: string;
  broken: readonly Barrier[];
}

/** The typed reason. Throws TW6002 where there is none. */
export function reasonOf(because: unknown): string {
  if (typeof because === 'string' && because.trim() !== '') return because;
  throw fault('TW6002', {
    value: '--break-glass',
    why: ['it wants a reason'],
    fix: [{ say: 'Say it:', command: '--because "…"' }],
  });
}

const rowOf = (g: Glass, incident: string): Row =>
  line('glass', 'bad', `GLASS BROKEN by ${g.by}, incident ${incident}`, {
    because: g.because,
    frozen: g.broken.map((b) => b.id).join(', '),
  });

const warning = (g: Glass, incident: string): Problem =>
  problemOf(
    fault('TW6208', {
      value: g.by,
      why: [g.because, ...g.broken.map(sayBarrier)],
      fix: [{ say: 'When it is over:', command: `tw incident end ${incident}` }],
    }),
  );

/** Opens the incident, and gives what makes every view and the answer tell of it. */
export async function loud(
  c: Context,
  io: Io,
  g: Glass,
): Promise<{ io: Io; told(o: Outcome): Outcome; incident: string }> {
  const opened = { by: g.by, because: g.because, at: c.clock.now(), endedAt: null, endedBy: null, freeze: null };
  const { id } = await openIncident(c.book(), opened);
  const row = rowOf(g, id);
  return {
    incident: id,
    io: { ...io, show: (v) => io.show({ ...v, rows: [row, ...v.rows] }) },
    told: (o) => ({
      ...o,
      view: { ...o.view, rows: [row, ...o.view.rows] },
      warnings: [...(o.warnings ?? []), warning(g, id)],
    }),
  };
}
