import { expect, it } from 'vitest';
import type { ReleaseRecord } from '../../release/index.ts';
import { stillState } from './still.ts';

const record = (decision: string, step = 'flip') => ({ app: 'book', release: 'r1', decision, step }) as ReleaseRecord;

function rig(fails = false) {
  const did: string[] = [];
  const freeze = async (x: { app: string; owner: string }) => {
    if (fails) throw new Error('no majority');
    did.push(`${x.app} ${x.owner}`);
    const { signal } = new AbortController();
    return { id: '1', lost: signal, close: async () => void did.push('thawed') } as never;
  };
  return { did, still: stillState({ freeze }) };
}

it('home and copies stay where they are from the first switch to the last, and only then', async () => {
  const { did, still } = rig();
  still.see(record('preparing'));
  expect(did).toEqual([]);
  for (const r of [record('committed'), record('committed', 'soak'), record('aborting')]) still.see(r);
  expect(did).toEqual(['book release r1']);
  still.see(record('committed', 'keep'));
  await still.end();
  expect(did).toEqual(['book release r1', 'thawed']);
  await still.end();
  expect(did).toHaveLength(2);
});

it('a store that cannot be asked stops no release', async () => {
  const { did, still } = rig(true);
  still.see(record('committed'));
  await still.end();
  expect(did).toEqual([]);
});
