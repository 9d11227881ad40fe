import { type Fact, type Journal, type Row, text, toJson, untrusted } from '../kernel/index.ts';
import type { HomeChange } from '../state/index.ts';
import type { StateFacts } from './ports.ts';

/** What the journal holds of a change of home. */
export interface ChangeFact extends HomeChange {
  app: string;
}
export const isChange = (f: Fact): boolean => f.kind === 'state.failover' || f.kind === 'state.moved';

/** Who was home, who is, why and how long it took, in one row. */
export function changeRow(x: HomeChange): Row {
  const took = x.tookMs === null ? '' : `${(x.tookMs / 1000).toFixed(1)} s`;
  return {
    key: `epoch ${x.epoch}`,
    tone: x.planned ? 'ok' : 'warn',
    label: [text(`${x.planned ? 'move' : 'failover'}: home ${x.from ?? 'unknown'} → ${x.to}`)],
    cells: {
      epoch: [text(String(x.epoch))],
      took: [text(took)],
      started: [text(x.at === null ? '' : new Date(x.at).toISOString())],
    },
    why: [untrusted(x.why)],
    kids: [],
  };
}

/** Home is where it was, as somebody wished: a change of the copies, for instance. */
const isNothing = (x: HomeChange): boolean => x.from === null || (x.planned && x.from === x.to);

const lastTold = (journal: Pick<Journal, 'read'>, app: string): number =>
  Math.max(
    0,
    ...journal
      .read()
      .filter(isChange)
      .map((f) => f.data as unknown as ChangeFact)
      .filter((x) => x.app === app)
      .map((x) => x.epoch),
  );

/**
 * Changes of home that the journal does not hold yet become facts of it; a line for each. `told`: the newest epoch of each
 * app, kept by the caller.
 */
export function newChanges(
  journal: Pick<Journal, 'read' | 'append'>,
  facts: readonly Pick<StateFacts, 'app' | 'last'>[],
  told: Map<string, number>,
): string[] {
  return facts.flatMap(({ app, last }) => {
    const known = told.get(app) ?? lastTold(journal, app);
    if (last === undefined || last.epoch <= known) return [];
    told.set(app, last.epoch);
    if (isNothing(last)) return [];
    const data = toJson({ app, ...last });
    journal.append({ kind: last.planned ? 'state.moved' : 'state.failover', cluster: last.to, data });
    const took = last.tookMs === null ? '' : `, ${(last.tookMs / 1000).toFixed(1)} s`;
    return [
      `${app}: ${last.planned ? 'move' : 'failover'} ${last.from} → ${last.to}, epoch ${last.epoch}${took}: ${last.why}`,
    ];
  });
}
