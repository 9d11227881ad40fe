import { type Row, text } from '../kernel/index.ts';
import type { StatePlan } from '../state/index.ts';

const secondsOf = (ms: number | undefined): string =>
  ms === undefined ? 'until a person acts' : `${(ms / 1000).toFixed(1)} s`;

/** How long writes wait for a home, by the cluster that is lost, and what becomes of one that waited in vain. */
function sayWaits(p: StatePlan, about: string): string {
  const waits = p.rto
    .filter((r) => r.ms !== 0)
    .map((r) => `${r.ms === undefined ? '' : about}${secondsOf(r.ms)} when ${r.lost} is lost`);
  const say = waits.length === 0 ? 'writes never wait for another cluster' : `writes wait ${waits.join(', ')}`;
  return `${say}; refused after ${secondsOf(p.holdMs)}`;
}

/** What the users of one app buy, before anything is applied. */
export function priceRow(p: StatePlan): Row {
  const about = p.estimated ? 'about ' : '';
  const line = (key: string, say: string): Row => ({ key, tone: 'off', label: [text(say)], cells: {}, kids: [] });
  const rpo =
    p.rpo.is === 'none'
      ? 'nothing'
      : p.rpo.is === 'all'
        ? 'everything of that cluster'
        : `writes of the last ${Math.ceil(p.rpo.ms)} ms`;
  return {
    key: `state ${p.app}`,
    tone: p.estimated ? 'unknown' : 'ok',
    label: [text(`state of ${p.app}: ${p.mode}`)],
    cells: { changes: [text(p.home === undefined ? '' : `home ${p.home}`)] },
    ...(p.estimated ? { why: [text('round trips are estimated from the distance until they are measured')] } : {}),
    kids: [
      line(
        'writes',
        `a write takes ${p.writes.map((w) => `${about}${Math.round(w.ms)} ms in ${w.cluster}`).join(', ')}`,
      ),
      line('survives', `survives the loss of ${p.survives}; lost then: ${rpo}`),
      // Nothing that is lost with its cluster is waited for.
      ...(p.mode === 'isolated' ? [] : [line('rto', sayWaits(p, about))]),
      ...(p.refused.length === 0 ? [] : [{ ...line('refused', 'refused'), why: [text(p.refused.join('; '))] }]),
    ],
  };
}
