import { describe, expect, it } from 'vitest';
import type { SwitchState } from '../model.ts';
import { type Mark, type Recovered, recover } from './recover.ts';

/** Everything a switch may show of r5, which moves v1 to v2. */
const SHOWS = ['silent', 'untouched', 'braked', 'vote', 'green', 'back', 'over-green', 'over-blue', 'same'] as const;
type Shows = (typeof SHOWS)[number];
const NAMES = ['mtl', 'sao', 'syd'];

const state = (over: Partial<SwitchState>): SwitchState => ({
  uid: 'u',
  fence: 7,
  epoch: 9,
  release: 'r5',
  vote: false,
  live: 'v1',
  ...over,
});
const seen = (sw: SwitchState, versions: string[], braked = false): Mark => ({ is: 'seen', sw, versions, braked });
const MARKS: Readonly<Record<Shows, (c: string) => Mark>> = {
  silent: (c) => ({ is: 'silent', why: { code: 'TW7012', say: `${c} is silent`, cluster: c } }),
  untouched: () => seen(state({ release: 'r4', epoch: 4 }), ['v1']),
  braked: () => seen(state({ release: 'r4', epoch: 4 }), ['v1'], true),
  vote: () => seen(state({ vote: true }), ['v1', 'v2']),
  green: () => seen(state({ live: 'v2' }), ['v1', 'v2']),
  back: () => seen(state({}), ['v1', 'v2']),
  'over-green': () => seen(state({ live: 'v2' }), ['v2']),
  'over-blue': () => seen(state({}), ['v1']),
  same: () => seen(state({ live: 'v2' }), ['v2', 'v2']),
};
const of = (...shows: Shows[]): Recovered =>
  recover(Object.fromEntries(shows.map((s, i) => [NAMES[i] ?? '', MARKS[s](NAMES[i] ?? '')])));

type Release = Extract<Recovered, { is: 'release' }>;
const all = SHOWS.flatMap((a) => SHOWS.flatMap((b) => SHOWS.map((c): [Shows, Shows, Shows] => [a, b, c])));

/** What must be true of every answer, whatever the three switches show. */
function laws(shows: readonly Shows[], r: Release): void {
  const at = (...wanted: Shows[]): string[] => NAMES.filter((_, i) => wanted.includes(shows[i] as Shows));
  const over = at('over-green', 'over-blue');
  expect(r.members.length).toBeGreaterThan(0);
  expect(r.members.filter((c) => r.lagging.includes(c))).toEqual([]);
  expect(r.members.filter((c) => at('silent').includes(c))).toEqual([]);
  expect(r.epoch).toBe(9);
  expect(r.green).toBe('v2');
  for (const c of r.members) expect(r.blue[c]).toMatch(/^v[12]$/);
  if (over.length > 0) expect(['done', 'rolledback']).toContain(r.decision);
  else if (at('back').length > 0) expect(r.decision).toBe('aborting');
  else expect(r.decision).toBe(at('green').length > 0 ? 'committed' : 'aborting');
  // Nothing is taken back to a version that is gone, and nothing that serves green is left behind by an abort.
  if (r.decision === 'aborting') expect(r.members).toEqual(expect.arrayContaining(at('green', 'vote', 'back')));
  if (r.decision === 'done')
    expect(r.members.filter((c) => !at('over-green', 'green', 'same').includes(c))).toEqual([]);
  if (r.decision === 'rolledback') expect(r.members.filter((c) => at('green', 'over-green').includes(c))).toEqual([]);
  if (r.decision === 'committed' || r.decision === 'aborting')
    expect(r.lagging).toEqual(expect.arrayContaining(at('silent')));
}

describe('a lost register', () => {
  it('every combination of three switches', () => {
    const counts: Record<string, number> = {};
    for (const shows of all) {
      const r = of(...shows);
      counts[r.is === 'release' ? r.decision : r.is] = (counts[r.is === 'release' ? r.decision : r.is] ?? 0) + 1;
      if (r.is === 'release') laws(shows, r);
      // Nothing to go on with: no switch names both versions of the release.
      else expect(shows.filter((s) => ['vote', 'green', 'back', 'same'].includes(s))).toEqual([]);
    }
    expect(counts).toMatchObject({ nothing: 125 });
    expect(Object.values(counts).reduce((a, b) => a + b, 0)).toBe(729);
  });

  it('any green proves the commit', () => {
    expect(of('green', 'vote', 'vote')).toMatchObject({
      decision: 'committed',
      members: NAMES,
      flipped: ['mtl'],
      blue: { mtl: 'v1', sao: 'v1', syd: 'v1' },
      proof: 'mtl serves v2',
    });
    expect(of('green', 'green', 'silent')).toMatchObject({ decision: 'committed', lagging: ['syd'] });
  });

  it('votes alone prove nothing: they are taken back, with those that had not voted yet', () => {
    expect(of('vote', 'vote', 'untouched')).toMatchObject({
      decision: 'aborting',
      members: NAMES,
      lagging: [],
      begun: false,
    });
    expect(of('vote', 'vote', 'silent')).toMatchObject({ decision: 'aborting', lagging: ['syd'], begun: true });
    expect(of('vote', 'vote', 'braked')).toMatchObject({ members: ['mtl', 'sao'], lagging: ['syd'] });
  });

  it('one that was written back proves the abort, also beside green', () => {
    expect(of('back', 'green', 'green')).toMatchObject({ decision: 'aborting', members: NAMES });
  });

  it('one that is retired proves the end, and which', () => {
    expect(of('over-green', 'green', 'green')).toMatchObject({ decision: 'done', members: NAMES, blue: { mtl: 'v1' } });
    expect(of('over-blue', 'vote', 'vote')).toMatchObject({ decision: 'rolledback', members: NAMES });
    // Given up and left out before the end.
    expect(of('over-green', 'green', 'vote')).toMatchObject({ decision: 'done', lagging: ['syd'] });
  });

  it('nothing is open where no switch knows two versions', () => {
    expect(of('untouched', 'untouched', 'silent')).toMatchObject({ is: 'nothing' });
    expect(of('over-green', 'over-green', 'over-green')).toEqual({
      is: 'nothing',
      why: 'r5 is over in every cluster that answers',
    });
    expect(recover({ mtl: seen(state({ release: '', epoch: 0 }), ['v1']) })).toEqual({
      is: 'nothing',
      why: 'no switch was ever part of a release',
    });
  });

  it('refuses where a switch was changed by hand, or shows what no release does', () => {
    const why = { code: 'TW7021', say: 'HTTPRoute shop on syd: expected …, found …', cluster: 'syd' };
    expect(recover({ mtl: MARKS.green('mtl'), syd: { is: 'edited', why } })).toEqual({ is: 'refused', why: [why] });
    const odd = seen(state({ live: 'v9' }), ['v1', 'v2']);
    expect(recover({ mtl: MARKS.vote('mtl'), syd: odd })).toMatchObject({ is: 'refused', why: [{ cluster: 'syd' }] });
  });
});
