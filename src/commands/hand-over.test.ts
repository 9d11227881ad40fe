import { describe, expect, it } from 'vitest';
import { handOver, neededHere } from './hand-over.ts';
import type { Engine, StateCluster, StateFacts } from './ports.ts';

const facts = (app: string, home: string, roles: Record<string, StateCluster['role']>): StateFacts => ({
  app,
  mode: 'single-writer',
  home,
  copies: 3,
  epoch: 4,
  clusters: Object.entries(roles).map(([name, role], i) => ({ name, role, lagMs: 100 - i })),
  story: [],
});
const shop = facts('shop', 'sao', { sao: 'home', mtl: 'copy', syd: 'copy' });
const desk = facts('desk', 'mtl', { mtl: 'home', sao: 'copy', syd: 'catching up' });

function engine(fails: readonly string[] = []): { e: Engine; moves: string[] } {
  const moves: string[] = [];
  const state = {
    shared: true,
    look: async () => [shop, desk],
    move: async (x: { app: string; to: string }) => {
      moves.push(`${x.app} ${x.to}`);
      if (fails.includes(x.to)) throw new Error('too far behind');
      return { from: 'sao', ms: 1 };
    },
  };
  return { e: { state } as unknown as Engine, moves };
}
const { signal } = new AbortController();

describe('a cluster that goes', () => {
  it('gives its homes away before, to the copy that is least behind', async () => {
    const { e, moves } = engine();
    await handOver(e, { cluster: 'sao', leaving: ['sao'], signal }, {});
    expect(moves).toEqual(['shop syd']);
  });

  it('tries the next copy, and goes on where none takes it', async () => {
    const { e, moves } = engine(['syd', 'mtl']);
    await handOver(e, { cluster: 'sao', leaving: ['sao'], signal }, {});
    expect(moves).toEqual(['shop syd', 'shop mtl']);
  });

  const needed = async (all: readonly StateFacts[], cluster: string, ...leaving: string[]) => {
    const config = { clusters: ['sao', 'mtl', 'syd', 'vir'].map((name) => ({ name })) };
    const e = { config, state: { shared: true, look: async () => all } } as unknown as Engine;
    return await neededHere(e, { cluster, leaving: [cluster, ...leaving], skipDrain: false }, {});
  };

  it('TW5150: is refused where too few copies in step would be left, with the line to type', async () => {
    expect(await needed([shop], 'sao')).toBeUndefined();
    expect(await needed([shop], 'syd')).toBeUndefined();
    // Two at once, or one while another is not in step.
    expect(await needed([shop], 'sao', 'mtl')).toMatchObject({
      code: 'TW5150',
      value: 'sao',
      why: ['shop: 2 of its 3 copies are needed, in step and in clusters that stay: syd'],
    });
    const no = await needed([shop, desk], 'mtl');
    expect(no?.why).toEqual(['desk: 2 of its 3 copies are needed, in step and in clusters that stay: sao']);
    expect(no?.fix[0]?.command).toBe('tw state add-voter vir --instead-of mtl --app desk');
    expect(await needed([desk], 'syd')).toBeUndefined();
    expect(await needed([desk], 'vir')).toBeUndefined();
    const two = facts('two', 'sao', { sao: 'home', mtl: 'copy', vir: 'gateway' });
    expect((await needed([two], 'mtl'))?.fix[0]?.command).toBe('tw state add-voter syd --instead-of mtl --app two');
  });

  it('one that is gone already may be taken away, unless the others wait for what it has', async () => {
    const lost = facts('shop', 'sao', { sao: 'home', mtl: 'copy', syd: 'unknown' });
    expect(await needed([lost], 'syd')).toBeUndefined();
    const { home: _, ...rest } = facts('shop', '', { sao: 'fenced', mtl: 'unknown', syd: 'unknown' });
    const no = await needed([{ ...rest, home: null }], 'syd');
    expect([no?.code, no?.fix.at(-1)?.command]).toEqual(['TW5150', 'tw down --on syd --skip-drain']);
    // A failover that goes on by itself has all it needs.
    const moving = facts('shop', '', { sao: 'fenced', mtl: 'fenced', syd: 'unknown' });
    const ballot = { n: 5, by: 'sao', why: 'syd is gone' };
    expect(await needed([{ ...moving, home: null, ballot }], 'syd')).toBeUndefined();
    const waits = { clusters: ['syd'], enough: 1 };
    expect((await needed([{ ...moving, home: null, ballot: { ...ballot, waits } }], 'syd'))?.code).toBe('TW5150');
    // There was no home yet: nothing is kept for anybody.
    expect(await needed([{ ...rest, home: null, epoch: null }], 'syd')).toBeUndefined();
  });

  it('where all clusters write, the last one with the data stays', async () => {
    const active = {
      ...facts('all', '', { sao: 'open', mtl: 'open', syd: 'closed' }),
      mode: 'active-active',
      home: null,
    };
    expect(await needed([active], 'sao')).toBeUndefined();
    const no = await needed([active], 'sao', 'mtl');
    expect(no?.why).toEqual(['all: 1 of its 3 copies are needed, in step and in clusters that stay: none']);
    expect(no?.fix.map((f) => f.command).join()).not.toContain('add-voter');
  });
});
