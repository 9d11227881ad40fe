import { describe, expect, it } from 'vitest';
import { handOver, isLastHome } from './hand-over.ts';
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

  it('is refused where nobody else could be home', async () => {
    const { e } = engine();
    const last = (cluster: string, ...leaving: string[]) =>
      isLastHome(e, { cluster, leaving: [cluster, ...leaving] }, {});
    expect(await last('sao')).toBe(false);
    expect(await last('sao', 'mtl', 'syd')).toBe(true);
    expect(await last('mtl')).toBe(false);
    expect(await last('mtl', 'sao')).toBe(true);
    expect(await last('syd')).toBe(false);
  });
});
