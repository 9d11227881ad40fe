import { type Row, text } from '../kernel/index.ts';
import type { StatePlan } from '../state/index.ts';

const secondsOf = (ms: number | undefined): string =>
  ms === undefined ? 'never by itself' : `${(ms / 1000).toFixed(1)} s`;

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
      line(
        'rto',
        `writes wait ${p.rto
          .filter((r) => r.ms !== 0)
          .map((r) => `${about}${secondsOf(r.ms)} when ${r.lost} is lost`)
          .join(', ')}`,
      ),
      ...(p.refused.length === 0 ? [] : [line('refused', `refused: ${p.refused.join('; ')}`)]),
    ],
  };
}
