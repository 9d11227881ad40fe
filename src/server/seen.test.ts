import { expect, it } from 'vitest';
import { withMemory } from './seen.ts';

const up = (name: string, nodes: number) => ({ name, reachable: true, nodes, nodesTotal: 2, version: 'v1.34.2' });
const down = (name: string) => ({ name, reachable: false, nodes: 0, nodesTotal: 0, version: null, why: 'timeout' });
const app = (...clusters: { name: string; version: string | null }[]) => [{ name: 'guestbook', clusters }];

it('a cluster that falls silent keeps what it said, with its time, until it answers again', () => {
  const first = withMemory(
    new Map(),
    {
      clusters: [up('sao', 2), up('syd', 2), down('mtl')],
      apps: app({ name: 'sao', version: 'v1' }, { name: 'syd', version: 'v1' }),
    },
    1000,
  );
  expect(first.answer.clusters[0]).not.toHaveProperty('lastSeen');
  expect(first.answer.clusters[2]).toMatchObject({ name: 'mtl', lastSeen: null, why: 'timeout' });
  const second = withMemory(
    first.known,
    { clusters: [up('sao', 1), down('syd'), down('mtl')], apps: app({ name: 'sao', version: 'v2' }) },
    4000,
  );
  expect(second.answer.clusters[1]).toMatchObject({
    reachable: false,
    nodes: 2,
    version: 'v1.34.2',
    lastSeen: 1000,
    why: 'timeout',
  });
  expect(second.answer.apps[0]?.clusters).toEqual([
    { name: 'sao', version: 'v2' },
    { name: 'syd', version: 'v1', lastSeen: 1000 },
  ]);
  const third = withMemory(second.known, { clusters: [up('syd', 2)], apps: app({ name: 'syd', version: 'v2' }) }, 7000);
  expect(third.answer.apps[0]?.clusters).toEqual([{ name: 'syd', version: 'v2' }]);
  expect(third.answer.clusters).toEqual([up('syd', 2)]);
});
