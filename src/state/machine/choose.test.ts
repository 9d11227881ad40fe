import { describe, expect, it } from 'vitest';
import type { BallotView, FenceReport, StoreView } from '../model.ts';
import { choose, lacking } from './choose.ts';

const at = (offset: number, run = 'r'): FenceReport => ({ ballot: 9, at: { epoch: 5, offset, run } });
const value = { epoch: 5, primary: 'ca', from: { epoch: 0, offset: 0, run: 'r' }, copies: ['ca', 'sa'], w: 1 };
const view = (fences: StoreView['fences'], more: object = {}): StoreView => ({
  revision: 20,
  fresh: true,
  epoch: { value: { ...value, ...more }, revision: 6 },
  fences,
  opinions: {},
  runs: {},
});
const setup = { me: 'ca', voters: ['ca', 'sa'], judges: ['ca', 'sa'] };
const wish = (...voters: string[]): BallotView => ({ n: 9, by: 'ca', why: '', prefer: 'ca', voters });
const plain: BallotView = { n: 9, by: 'ca', why: '', prefer: 'ca' };

describe('a ballot that wishes for other voters', () => {
  it('gets them when all of both sets have fenced and all of the new one have everything', () => {
    const all = view({ ca: at(7, 'c'), sa: at(7, 's'), au: at(7, 'a') });
    const from = { epoch: 5, offset: 7, run: 'c' };
    expect(choose(all, wish('au', 'ca', 'sa'), setup)).toMatchObject({
      whole: true,
      value: { epoch: 9, primary: 'ca', from, copies: ['au', 'ca', 'sa'], voters: ['au', 'ca', 'sa'], w: 1 },
    });
    expect(choose(all, wish('au', 'ca'), setup)).toMatchObject({ value: { copies: ['au', 'ca'], w: 1 } });
    // Home leaves: somebody of the new set goes on.
    expect(choose(all, wish('au', 'sa'), setup)).toMatchObject({ value: { primary: 'au', from: { run: 'a' } } });
  });

  it.each<[string, StoreView['fences']]>([
    ['a newcomer lacks the last entry', { ca: at(7), sa: at(7), au: at(6) }],
    ['a newcomer proves nothing', { ca: at(7), sa: at(7), au: { ballot: 9, at: 'none' } }],
    ['a newcomer has not fenced', { ca: at(7), sa: at(7), au: { ballot: 8, at: at(7).at } }],
    ['the one who leaves has not fenced', { ca: at(7), au: at(7) }],
    ['the one who leaves has more', { ca: at(7), sa: at(8), au: at(7) }],
    [
      'a newcomer has another epoch',
      { ca: at(7), sa: at(7), au: { ballot: 9, at: { epoch: 4, offset: 7, run: 'r' } } },
    ],
  ])('gets the old ones: %s', (_, fences) => {
    const got = choose(view(fences), wish('au', 'ca'), setup);
    expect(got).toMatchObject({ is: 'epoch' });
    expect('value' in got && got.value.voters).toBeUndefined();
    expect('value' in got && got.value.copies).not.toContain('au');
  });

  it('gets nobody where the old set could not decide', () => {
    const none: FenceReport = { ballot: 9, at: 'none' };
    const fences = { ca: none, sa: none, au: at(7) };
    expect(choose(view(fences), wish('au', 'ca'), setup)).toEqual({ is: 'wait', missing: ['ca', 'sa'] });
  });

  it('the last epoch says who counts, not what the agents were told', () => {
    const after = view({ ca: at(7), sa: at(9), au: at(7) }, { copies: ['au', 'ca'], voters: ['au', 'ca'] });
    expect(choose(after, plain, setup)).toMatchObject({
      value: { primary: 'ca', copies: ['au', 'ca'], voters: ['au', 'ca'], w: 1 },
    });
    expect(choose({ ...after, fences: { sa: at(9) } }, plain, setup)).toEqual({ is: 'wait', missing: ['au', 'ca'] });
  });
});

describe('what an open ballot lacks, for people', () => {
  const three = { me: 'ca', voters: ['au', 'ca', 'sa'], judges: ['au', 'ca', 'sa'] };
  const of = (fences: StoreView['fences'], more: Partial<StoreView> = {}): StoreView => ({
    ...view(fences, { copies: three.voters }),
    ballot: plain,
    ...more,
  });
  const none: FenceReport = { ballot: 9, at: 'none' };

  it('is whose proof is missing, how many are enough, and who has most', () => {
    expect(lacking(of({ ca: at(7), sa: none }), three)).toEqual({ clusters: ['au', 'sa'], enough: 1, best: 'ca' });
    expect(lacking(of({ ca: none, sa: { ballot: 8, at: at(7).at } }), three)).toEqual({
      clusters: ['au', 'ca', 'sa'],
      enough: 2,
    });
    const both = { ...value, copies: ['ca', 'sa'], w: 0 };
    const two = { ...of({ ca: at(7) }), epoch: { value: both, revision: 6 } };
    expect(lacking(two, { ...three, voters: ['ca', 'sa'] })).toEqual({ clusters: ['sa'], enough: 1, best: 'ca' });
  });

  it('is nothing where somebody can be chosen, none is open, or a restore decides', () => {
    expect(lacking(of({ ca: at(7), sa: at(6) }), three)).toBeUndefined();
    expect(lacking(of({}, { ballot: { ...plain, n: 5 } }), three)).toBeUndefined();
    expect(lacking(of({}, { hold: { by: 'a person', to: 'ca', restore: 'b' } }), three)).toBeUndefined();
  });
});
