import { expect, it } from 'vitest';
import type { AuditRecord } from '../model.ts';
import { usualMs, waitMs } from './usual.ts';

let n = 0;
const run = (verb: string, ms: number, exit = 0): AuditRecord[] => {
  const command = `k${++n}`;
  const of = (what: string, at: number, data: object) => ({ n, at, what, command, data }) as unknown as AuditRecord;
  return [of('started', n * 1000, { verb, args: {} }), of('ended', n * 1000 + ms, { verb, exit })];
};

it('a verb takes what its last good runs took; one that was never seen is not guessed', () => {
  const seen = [
    ...run('up', 900_000),
    ...[10, 30, 20, 30, 10, 30, 30, 20, 30].flatMap((ms) => run('up', ms)),
    ...run('up', 1, 5),
  ];
  expect([usualMs(seen, 'up'), usualMs(seen, 'down')]).toEqual([30, undefined]);
  const runs = { verb: 'up', state: 'runs', since: 100 } as const;
  expect(waitMs(seen, [runs, { ...runs, state: 'waits' }], 110)).toBe(20 + 30);
  expect(waitMs(seen, [runs], 999)).toBe(0);
  expect(waitMs(seen, [runs, { ...runs, verb: 'down' }], 110)).toBeUndefined();
});
