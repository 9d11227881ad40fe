import { type Row, text } from '../kernel/index.ts';
import type { StatePlan } from '../state/index.ts';

const ESTIMATED = 'round trips are estimated from the distance until they are measured';

/** One thing that users buy. */
export interface Price {
  key: 'writes' | 'survives' | 'rto' | 'refused';
  say: string;
  /** What it is said of, where that is long. */
  which?: string;
}

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

/** What the users of one app buy, in sentences: `writes`, `survives`, `rto`, `refused`. */
export function pricesOf(p: StatePlan): Price[] {
  const about = p.estimated ? 'about ' : '';
  const rpo =
    p.rpo.is === 'none'
      ? 'nothing'
      : p.rpo.is === 'all'
        ? 'everything of that cluster'
        : `writes of the last ${Math.ceil(p.rpo.ms)} ms`;
  const writes = p.writes.map((w) => `${about}${Math.round(w.ms)} ms in ${w.cluster}`).join(', ');
  return [
    { key: 'writes', say: `a write takes ${writes}` },
    { key: 'survives', say: `survives the loss of ${p.survives}; lost then: ${rpo}` },
    // Nothing that is lost with its cluster is waited for.
    ...(p.mode === 'isolated' ? [] : [{ key: 'rto' as const, say: sayWaits(p, about) }]),
    ...(p.refused.length === 0
      ? []
      : [{ key: 'refused' as const, say: 'the app may not use', which: p.refused.join('; ') }]),
  ];
}

/** The same as a row of a plan. */
export function priceRow(p: StatePlan): Row {
  return {
    key: `state ${p.app}`,
    tone: p.estimated ? 'unknown' : 'ok',
    label: [text(`state of ${p.app}: ${p.mode}`)],
    cells: { changes: [text(p.home === undefined ? '' : `home ${p.home}`)] },
    ...(p.estimated ? { why: [text(ESTIMATED)] } : {}),
    kids: pricesOf(p).map(({ key, say, which }) => ({
      ...{ key, tone: 'off' as const, label: [text(say)], cells: {}, kids: [] },
      ...(which === undefined ? {} : { why: [text(which)] }),
    })),
  };
}
