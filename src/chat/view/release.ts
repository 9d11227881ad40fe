import type { Card } from '../../commands/index.ts';
import { clean, type Row } from '../../kernel/index.ts';
import type { CardRelease } from '../model.ts';

type State = CardRelease['clusters'][number]['state'];

const first = (row: Row, cell?: string): string => {
  const [span] = cell === undefined ? row.label : (row.cells[cell] ?? []);
  return span === undefined || span.t === 'time' ? '' : clean(span.s);
};

/** Words of `releaseRows` that are an end; every other word is on its way. */
const STATES: Readonly<Record<string, State>> = {
  waits: 'queued',
  serves: 'success',
  back: 'failure',
  'left out': 'failure',
};

function stateOf(row: Row, over: boolean): State {
  const state = Object.hasOwn(STATES, first(row, 'phase')) ? STATES[first(row, 'phase')] : undefined;
  if (state === 'success' || state === 'failure') return state;
  return over ? 'failure' : (state ?? 'in_progress');
}

function releaseIn(c: Card, row: Row): CardRelease | undefined {
  const [name = '', id] = first(row).split(/[ :]/);
  const [app, version] = name.split('@');
  if (app === undefined || app !== c.app || version === undefined || id !== row.key) return undefined;
  const over = c.state === 'ended' && c.problem !== undefined;
  return { id, app, version, clusters: row.kids.map((k) => ({ name: clean(k.key), state: stateOf(k, over) })) };
}

/** The release that a card is about: a row says `app@version release: …`, the rows below are its clusters. */
export function releaseOf(c: Card): CardRelease | undefined {
  for (const row of c.view?.rows ?? []) {
    const found = releaseIn(c, row);
    if (found !== undefined) return found;
  }
  return undefined;
}
