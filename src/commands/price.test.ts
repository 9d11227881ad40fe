import { describe, expect, it } from 'vitest';
import type { StatePlan } from '../state/index.ts';
import { priceRow } from './price.ts';

const plan: StatePlan = {
  app: 'g',
  mode: 'single-writer',
  home: 'ca',
  voters: ['au', 'ca', 'sa'],
  writes: [{ cluster: 'ca', ms: 123.4 }],
  rto: [
    { lost: 'ca', ms: 4700 },
    { lost: 'sa', ms: 0 },
  ],
  holdMs: 10_500,
  rpo: { is: 'none' },
  survives: 'any one of 3',
  estimated: false,
  refused: [],
  faults: [],
};
const lines = (p: StatePlan): string[] =>
  priceRow(p).kids.map((k) => k.label.map((l) => ('s' in l ? l.s : '')).join(''));
const waits = (p: StatePlan): string | undefined => lines(p).find((l) => l.startsWith('writes'));

describe('the price of a state', () => {
  it('says how long writes wait, and for which cluster', () => {
    expect(waits(plan)).toBe('writes wait 4.7 s when ca is lost; refused after 10.5 s');
    expect(waits({ ...plan, estimated: true })).toBe('writes wait about 4.7 s when ca is lost; refused after 10.5 s');
    expect(waits({ ...plan, rto: [{ lost: 'ca', ms: undefined }] })).toBe(
      'writes wait until a person acts when ca is lost; refused after 10.5 s',
    );
  });

  it('says so where they never wait', () => {
    expect(waits({ ...plan, mode: 'active-active', rto: [{ lost: 'ca', ms: 0 }] })).toBe(
      'writes never wait for another cluster; refused after 10.5 s',
    );
    expect(waits({ ...plan, mode: 'isolated', rto: [{ lost: 'ca', ms: undefined }] })).toBeUndefined();
  });
});
