import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { contextOf } from './context.ts';

it('a context that was closed opens nothing for a verb that is still at work', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tw-context-'));
  const config = join(dir, 'tw.yaml');
  const context = contextOf({ verb: 'status', args: {}, config });
  await context.close();
  await expect(context.engine()).rejects.toMatchObject({ problem: { code: 'TW8028', value: 'tw status' } });
  rmSync(dir, { recursive: true, force: true });
});
