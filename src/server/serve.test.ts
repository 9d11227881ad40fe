import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
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
