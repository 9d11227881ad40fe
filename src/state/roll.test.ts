import { describe, expect, it } from 'vitest';
import { type Rolled, type RollPorts, roll } from './roll.ts';

/** Three clusters; `ca` is home until its pod is renewed. */
function world(over: Partial<RollPorts> = {}) {
  const old = new Set(['au', 'ca', 'sa']);
  let home = 'ca';
  const renewed: string[] = [];
  const ports: RollPorts = {
    outdated: async () => [...old],
    renew: async (c) => {
      renewed.push(c);
      old.delete(c);
      if (c === home) home = 'sa';
    },
    whole: async () => home,
    ...over,
  };
  return { ports, renewed };
}
const all = async (ports: RollPorts): Promise<Rolled[]> => {
  const out: Rolled[] = [];
  for await (const r of roll(ports)) out.push(r);
  return out;
};

describe('settings of the copies change', () => {
  it('one copy after the other, home last', async () => {
    const { ports, renewed } = world();
    await all(ports);
    expect(renewed).toEqual(['au', 'sa', 'ca']);
  });

  it('nothing is touched where all is new', async () => {
    const { ports, renewed } = world({ outdated: async () => [] });
    expect(await all(ports)).toEqual([]);
    expect(renewed).toEqual([]);
  });

  it('stops at once when a copy does not come back: no second one goes away', async () => {
    let asked = 0;
    const { ports, renewed } = world({ whole: async () => (asked++ === 0 ? 'ca' : undefined) });
    const told = await all(ports);
    expect(renewed).toEqual(['au']);
    expect(told.at(-1)).toMatchObject({ is: 'held', why: expect.stringContaining('ca, sa') as string });
  });
});
