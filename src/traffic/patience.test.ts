import { expect, it } from 'vitest';
import { createPatience } from './patience.ts';

const never = (): Promise<string> => new Promise(() => undefined);
const after = (ms: number): (() => Promise<string>) => {
  return () => new Promise((r) => setTimeout(() => r(`after ${ms}`), ms));
};
const said = (results: readonly PromiseSettledResult<string>[]): string[] =>
  results.map((r) => (r.status === 'fulfilled' ? r.value : String((r.reason as Error).message).replace(/[\d.]+/, 'n')));
const LONG = 60_000;

it('waits for everyone who answers, and for the slow a while after half have answered', async () => {
  const p = createPatience({ limitMs: LONG, graceMs: 200 });
  const asks = [after(0), after(1), after(60), never].map((run, i) => ({ who: `${i}`, run }));
  expect(said(await p.all(asks))).toEqual(['after 0', 'after 1', 'after 60', 'no answer within n s']);
});

it('waits only a moment for one that was silent before, until it answers again, however late', async () => {
  const p = createPatience({ limitMs: LONG, graceMs: 100, knownMs: 1 });
  let wake: ((said: string) => void) | undefined;
  const sleeper = (): Promise<string> => new Promise((r) => (wake = r));
  const round = (run: () => Promise<string>): Promise<PromiseSettledResult<string>[]> =>
    p.all([
      { who: 'a', run: after(0) },
      { who: 'b', run },
    ]);
  await round(sleeper);
  // Known to be silent: the wait is over before this answer comes.
  expect(said(await round(after(60)))[1]).toBe('no answer within n s');
  wake?.('here');
  await new Promise((r) => setTimeout(r, 100));
  expect(said(await round(after(60)))[1]).toBe('after 60');
});

it('does not give up before half have answered: refusals are no answers', async () => {
  const p = createPatience({ limitMs: LONG, graceMs: 1, knownMs: 1 });
  const refused = (): Promise<string> => Promise.reject(new Error('refused'));
  const asks = [refused, refused, after(80)].map((run, i) => ({ who: `${i}`, run }));
  expect(said(await p.all(asks))).toEqual(['refused', 'refused', 'after 80']);
});

it('ends at the limit when nobody answers', async () => {
  const p = createPatience({ limitMs: 20 });
  expect(said(await p.all([{ who: 'a', run: never }]))).toEqual(['no answer within n s']);
  expect(await p.all([])).toEqual([]);
});
