import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { rigIn } from './fixtures.ts';
import { serve } from './serve.ts';

it('told to stop while it starts: it ends', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tw-serve-'));
  const rig = rigIn(dir);
  const said: string[] = [];
  const o = { ready: (url: string) => void said.push(url), signal: AbortSignal.abort() };
  await serve(rig.parts.deps, { port: 0, host: '127.0.0.1' }, o);
  expect(said).toHaveLength(1);
  rig.stop.abort();
  rmSync(dir, { recursive: true, force: true });
});

it('a failover that nobody watches is a fact of the journal, told once', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tw-serve-'));
  const rig = rigIn(dir);
  const last = { epoch: 9, from: 'ca', to: 'sa', why: 'ca is gone', by: 'sa', planned: false, at: 1000, tookMs: 3900 };
  const f = { app: 'book', mode: 'single-writer', home: 'sa', copies: 2, epoch: 9, clusters: [], story: [], last };
  Object.assign(rig.twin.config, { apps: [{ name: 'book', state: { mode: 'single-writer' } }] });
  Object.assign(rig.twin.engine, {
    outputs: async () => ({}),
    config: rig.twin.config,
    state: { shared: true, look: async () => [f], backups: async () => ({ all: [] }) },
  });
  const stop = new AbortController();
  const served = serve(rig.parts.deps, { port: 0, host: '127.0.0.1' }, { ready: () => undefined, signal: stop.signal });
  const changes = () => rig.journal.read({ kind: 'state.failover' }).map((x) => [x.cluster, x.data]);
  await vi.waitFor(() => expect(changes()).toEqual([['sa', { app: 'book', ...last }]]), 10_000);
  stop.abort();
  await served;
  rig.stop.abort();
  rmSync(dir, { recursive: true, force: true });
});
