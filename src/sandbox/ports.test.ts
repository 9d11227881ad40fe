import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { localSandbox } from './adapters/local.ts';
import { killAll } from './adapters/marks.ts';
import { layout } from './plan/layout.ts';
import { sandboxContract } from './ports.contract.ts';
import { fakes } from './testing/fakes.ts';
import { MemorySandbox } from './twin.ts';

sandboxContract('twin', async () => {
  const f = fakes();
  return { sandbox: new MemorySandbox({ dir: f.spec.dir }), spec: f.spec, remove: async () => f.remove() };
});
sandboxContract('this machine, programs replaced', async () => {
  const f = fakes();
  return {
    sandbox: localSandbox({ dir: f.spec.dir, kit: f.kit }),
    spec: f.spec,
    remove: async () => {
      const { id } = layout(f.spec.dir);
      if (existsSync(id)) await killAll(readFileSync(id, 'utf8').trim(), () => 0);
      f.remove();
    },
  };
});

describe('twin', () => {
  it('answers as it is told, and not for a killed cluster', async () => {
    const f = fakes();
    const twin = new MemorySandbox({ dir: f.spec.dir });
    for await (const _ of twin.up(f.spec));
    f.remove();
    expect(await twin.visit({ host: 'x', times: 2, from: ['sao'] })).toMatchObject([
      { cluster: 'sao' },
      { status: 200 },
    ]);
    await twin.chaos({ do: 'begin', kind: 'kill', where: 'cluster:sao' });
    expect((await twin.visit({ host: 'x' })).map((v) => v.status)).toEqual([0, 200]);
    twin.answer((from) => ({ status: 503, cluster: `not ${from}` }));
    expect((await twin.visit({ host: 'x', from: ['mtl'] }))[0]).toMatchObject({ status: 503, cluster: 'not mtl' });
  });
});
