import { expect, it } from 'vitest';
import type { Card } from '../../commands/index.ts';
import { fault, problemOf } from '../../kernel/index.ts';
import { cardView } from './card.ts';

const waits = (then: string, more: Partial<Parameters<typeof fault>[1]> = {}): Card => ({
  ...{ id: 'c1', door: 'lab', room: 'ops', line: 'release shop@v2', by: 'lab:ana', behind: 0, at: 0 },
  state: 'ended',
  verb: 'release',
  app: 'shop',
  problem: problemOf(
    fault('TW6110', {
      value: 'a-3f09c2d81b7e',
      fix: [
        { say: 'Somebody else looks and says yes:', command: 'tw approve a-3f09c2d81b7e' },
        { say: 'Then do exactly this plan:', command: then },
      ],
      ...more,
    }),
  ),
});
const buttons = (c: Card): string[] => cardView(c, 1).buttons.map((b) => `${b.label}: ${b.line}`);

it('a card that waits for votes offers them, and to do exactly what was voted on', () => {
  const votes = ['Approve: approve a-3f09c2d81b7e', 'Deny: deny a-3f09c2d81b7e because "denied by button"'];
  const line = 'release shop@v2 --hold=commit --plan r-0123456789ab';
  expect(buttons(waits(`tw ${line}`))).toEqual([...votes, `Do it: ${line}`]);
  // Where several fleets hear what is typed, each line says which is meant.
  expect(buttons({ ...waits(`tw ${line}`), fleet: 'shop' })).toEqual([
    'Approve: approve a-3f09c2d81b7e in shop',
    'Deny: deny a-3f09c2d81b7e in shop because "denied by button"',
    `Do it: ${line} in shop`,
  ]);
  // Where no plan says what would be done, the line is typed again by whoever means it.
  expect(buttons(waits('tw promote shop'))).toEqual(votes);
  expect(buttons(waits('tw release shop@v2 --plan x', { value: 'no approval' }))).toEqual([]);
});
