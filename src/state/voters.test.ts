import { describe, expect, it } from 'vitest';
import type { AgentReport } from './ports.ts';
import type { Facts, Heard } from './view.ts';
import { refusedChange, type VoterInput, votersAfter } from './voters.ts';

const report = (cluster: string): Heard => ({
  cluster,
  report: { cluster, applied: 4, lagMs: 0, voters: ['mtl', 'sao'], fences: {}, gone: [], rtts: {}, events: [] },
});
const facts: Facts = {
  app: 'shop',
  mode: 'single-writer',
  home: 'sao',
  copies: 2,
  epoch: 4,
  clusters: [
    { name: 'sao', role: 'home' },
    { name: 'mtl', role: 'copy' },
    { name: 'vir', role: 'gateway' },
  ],
  story: [],
};
const at: VoterInput = {
  app: 'shop',
  clusters: ['sao', 'mtl', 'syd', 'vir'],
  placed: ['sao', 'mtl', 'vir'],
  home: 'auto',
  voters: ['mtl', 'sao'],
  facts,
  heard: [report('sao'), report('mtl')],
  busy: undefined,
  begun: undefined,
};
const why = (x: Partial<VoterInput>, add: string, leave?: string): string | undefined => {
  const e = refusedChange({ ...at, ...x }, { add, ...(leave === undefined ? {} : { leave }) });
  return e === undefined ? undefined : `${e.problem.code} ${e.problem.why.join('; ')}`;
};
const three = { voters: ['mtl', 'sao', 'syd'], placed: ['sao', 'mtl', 'syd', 'vir'] };

describe('who gets a copy', () => {
  it('a third cluster, or another one in place of one that leaves', () => {
    expect(why({}, 'vir')).toBeUndefined();
    expect(why({}, 'vir', 'mtl')).toBeUndefined();
    expect(why({}, 'vir', 'sao')).toBeUndefined();
    expect(why(three, 'vir', 'syd')).toBeUndefined();
    expect(votersAfter(['mtl', 'sao'], { add: 'vir' })).toEqual(['mtl', 'sao', 'vir']);
    expect(votersAfter(['mtl', 'sao', 'vir'], { add: 'vir', leave: 'sao' })).toEqual(['mtl', 'vir']);
  });

  it.each<[string, Partial<VoterInput>, string, string?]>([
    ['the config has no cluster tok', {}, 'tok'],
    ['shop does not run in syd', {}, 'syd'],
    ['mtl has a copy already', {}, 'mtl'],
    ['there are 3 copies', three, 'vir'],
    ['vir has no copy', { placed: ['sao', 'mtl', 'vir', 'syd'] }, 'syd', 'vir'],
    ['shop does not run in mtl any more', { placed: ['sao', 'vir'] }, 'vir', 'mtl'],
    ['the config names sao as home', { home: 'sao' }, 'vir', 'sao'],
  ])('TW5151 %s', (say, x, add, leave) => {
    expect(why(x, add, leave)).toContain(`TW5151 ${say}`);
  });

  it('TW5114 without a home', () => {
    expect(why({ facts: { ...facts, home: null } }, 'vir')).toContain('TW5114');
  });

  it('TW5152 while something moves, a copy is not in step, or an agent of before runs', () => {
    expect(why({ busy: 'a failover is under way: sao is gone' }, 'vir')).toContain('TW5152 a failover');
    const [home, , more] = facts.clusters;
    const ill = { ...facts, clusters: [home, { name: 'mtl', role: 'unknown', why: 'no answer' }, more] } as Facts;
    expect(why({ facts: ill }, 'vir')).toContain('TW5152 the copy in mtl is unknown: no answer');
    const { voters: _, ...before } = (report('mtl') as { report: AgentReport }).report;
    const heard = [report('sao'), { cluster: 'mtl', report: before }];
    expect(why({ heard }, 'vir')).toContain('TW5152 the agents in mtl are of a version');
  });

  it('what was begun is finished, however it stands now', () => {
    const begun = { add: 'vir', leave: 'mtl' };
    const half = { voters: ['sao', 'vir'], placed: ['sao', 'vir'], busy: 'home moves to sao', begun };
    expect(why(half, 'vir', 'mtl')).toBeUndefined();
    expect(why(half, 'vir')).toContain('TW5151');
  });
});
