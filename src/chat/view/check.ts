import type { Card } from '../../commands/index.ts';
import { EXIT } from '../../kernel/index.ts';
import type { CardCheck, CardRelease } from '../model.ts';

/** Verbs that move a release. */
const MOVES: readonly (string | undefined)[] = ['release', 'promote', 'rollback', 'abort'];
/** Its process was taken over: whoever goes on tells the end. */
const TAKEN_OVER = 'TW7041';
const ASKS: readonly string[] = ['TW6110', 'TW6115'];

type Stand = Pick<CardCheck, 'state' | 'say'>;

function endOf(c: Card, clusters: CardRelease['clusters']): Stand | undefined {
  const { problem, exit = problem?.exit } = c;
  if (problem?.code === TAKEN_OVER) return undefined;
  if (problem === undefined) {
    const isLive = clusters.some((k) => k.state === 'success');
    return isLive ? { state: 'success', say: 'is live' } : { state: 'neutral', say: 'was taken back by a person' };
  }
  if (exit === EXIT.rolledBack) return { state: 'failure', say: `was taken back: ${problem.code} ${problem.title}` };
  if (exit === EXIT.partial) return { state: 'action_required', say: 'waits for somebody who goes on with it' };
  return { state: 'failure', say: `failed: ${problem.code} ${problem.title}` };
}

/** What waits for votes has no release yet: it is known by the approval it asks for. */
function askedFor(c: Card): CardCheck | undefined {
  const { problem } = c;
  if (problem?.value === undefined || !ASKS.includes(problem.code)) return undefined;
  const then = problem.fix.at(-1)?.command ?? '';
  const { app, version } = /^tw release (?<app>[\w.-]+)@(?<version>[\w.-]+) --plan /.exec(then)?.groups ?? {};
  if (app === undefined || version === undefined) return undefined;
  return { of: problem.value, app, version, state: 'action_required', say: 'waits for votes' };
}

/** The check of a commit that a card is about; undefined: none, or it is for another card to say. */
export function checkOf(c: Card, release: CardRelease | undefined): CardCheck | undefined {
  if (!MOVES.includes(c.verb)) return undefined;
  if (release === undefined) return askedFor(c);
  const { id, app, version, clusters } = release;
  const stand: Stand | undefined =
    c.state === 'ended' ? endOf(c, clusters) : { state: 'in_progress', say: 'is on its way' };
  return stand === undefined ? undefined : { of: id, app, version, ...stand };
}
