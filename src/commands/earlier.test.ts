import { expect, it } from 'vitest';
import { type Journal, manualClock, memoryJournal, toJson } from '../kernel/index.ts';
import { earlierRuns } from './earlier.ts';
import type { Engine } from './ports.ts';

const engine = (journal: Journal): Engine =>
  ({ infra: { journal, tf: { runs: { alive: () => true } } } }) as unknown as Engine;

function begun(verb: string, begins = true): Journal {
  const journal = memoryJournal(manualClock(0));
  const key = `r1/cluster-eu/${verb}-0`;
  journal.append({ kind: 'infra.run', data: { state: 'intent', key } });
  const ref = { run: 'r1', root: 'cluster:eu', verb, host: 'h', pid: 1, pidStarted: '1', eventsFile: 'f' };
  if (begins) journal.append({ kind: 'infra.run', data: toJson({ state: 'started', key, ref }) });
  return journal;
}

it.each(['init', 'plan', 'verify'])('whoever runs terraform %s is not warned of', (verb) => {
  expect(earlierRuns(engine(begun(verb)))).toEqual([]);
  expect(earlierRuns(engine(begun(verb, false)))).toEqual([]);
});

it.each(['apply', 'destroy'])('terraform %s without an end is', (verb) => {
  expect(earlierRuns(engine(begun(verb)))).toMatchObject([{ code: 'TW2116', where: [{ cluster: 'eu' }] }]);
  expect(earlierRuns(engine(begun(verb, false)))).toMatchObject([
    { code: 'TW2116', why: [expect.stringContaining('begun, and nothing more is known')] },
  ]);
});
