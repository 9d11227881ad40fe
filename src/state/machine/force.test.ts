import { describe, expect, it } from 'vitest';
import type { Look, StoreView } from '../model.ts';
import { forced } from './force.ts';

const look: Look = {
  run: 'r1',
  role: 'fenced',
  link: false,
  offset: 40,
  marker: { epoch: 5, w: 1 },
  loading: false,
  syncing: false,
  replicas: 0,
  virgin: false,
};
const value = { epoch: 5, primary: 'ca', from: { epoch: 0, offset: 0, run: 'r' }, copies: ['au', 'ca', 'sa'], w: 1 };
const view: StoreView = {
  revision: 20,
  fresh: true,
  epoch: { value, revision: 6 },
  ballot: { n: 9, by: 'sa', why: 'ca is gone for au, sa' },
  fences: { sa: { ballot: 9, at: 'none' } },
  opinions: {},
  runs: { au: { value: { run: 'a', epoch: 5 }, revision: 4 } },
};
const setup = { voters: ['au', 'ca', 'sa'] };

describe('promote --accept-loss', () => {
  it('decides the ballot that waits, for the process that is fenced in it, under both guards', () => {
    const f = forced(view, setup, { to: 'sa', look });
    expect(f).toMatchObject({
      is: 'epoch',
      value: { epoch: 9, primary: 'sa', from: { epoch: 5, offset: 40, run: 'r1' }, w: 1 },
      txn: {
        if: [
          { key: 'ballot', revision: 9 },
          { key: 'epoch', revision: 6 },
        ],
      },
      behind: ['au: was in step in epoch 5', 'ca: nothing provable', 'sa: nothing provable'],
    });
  });

  it.each([
    [{ ...view, ballot: { n: 5, by: 'ca', why: '' } }, look, /ca is home/],
    [{ ...view, fences: {} }, look, /not fenced for ballot 9/],
    [view, { ...look, role: 'primary' as const }, /not fenced/],
    [view, { ...look, loading: true }, /loads its data/],
  ])('refuses where a home is there, or the process is not what was fenced', (v, l, why) => {
    expect(forced(v, setup, { to: 'sa', look: l })).toMatchObject({
      is: 'refused',
      why: expect.stringMatching(why) as string,
    });
  });
});
