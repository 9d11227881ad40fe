import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryMachines } from '../machines.ts';
import { createEngine, type Engine } from './adapters/engine.ts';
import { openWorld } from './adapters/store.ts';
import type { Input, Who } from './model.ts';

const KIB = 1024;
const setting = { seed: 7, cloudTime: 60_000, regions: { 'sa-east-1': 1 } };
const who: Who = {
  provider: 'aws',
  cloud: 'aws',
  caller: 'test',
  by: 'terraform',
  account: '111122223333',
  region: 'sa-east-1',
  tenant: '',
  principal: '',
  tags: {},
  preventGroupDelete: false,
};
let made = 0;
const role = (): Input => ({
  kind: 'create',
  who,
  type: 'aws_iam_role',
  planned: { id: { $unknown: true }, arn: { $unknown: true }, name: `r${made++}` },
});

const sh = (line: string): void => void execFileSync('sh', ['-c', line]);

function fill(dir: string): void {
  for (let size = 256 * KIB, n = 0; size >= KIB; ) {
    try {
      writeFileSync(join(dir, `ballast-${n++}`), Buffer.alloc(size));
    } catch {
      size /= 2;
    }
  }
}

function untilRefused(engine: Engine): ReturnType<Engine['submit']> {
  let last = engine.submit(role());
  for (let n = 0; n < 200 && last.error === undefined; n++) last = engine.submit(role());
  return last;
}

// A small disk of its own, which only root can mount.
describe.runIf(process.getuid?.() === 0)('a full disk', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'tw-full-'));
    sh(`mount -t tmpfs -o size=512k tmpfs ${dir}`);
  });
  afterEach(() => {
    sh(`umount -l ${dir}`);
    rmSync(dir, { recursive: true });
  });

  it('refuses what cannot be written, keeps nothing of it, and goes on when there is room again', async () => {
    const file = join(dir, 'world.db');
    const store = openWorld(file);
    const engine = createEngine({ store, machines: memoryMachines(), setting });
    const first = engine.submit(role());
    expect(first.error).toBeUndefined();
    await engine.settled(first.op ?? '');
    fill(dir);
    const before = engine.world();
    // What room the log still has is used up first.
    const refused = untilRefused(engine);
    expect(refused.error).toMatchObject({ status: 503, code: 'TW9042' });
    expect(refused.error?.message).toMatch(new RegExp(`^the disk of the sandbox is full: ${file}, \\d+ bytes free$`));
    const kept = engine.world().resources.size;
    expect(kept).toBeGreaterThanOrEqual(before.resources.size);
    expect(engine.submit(role()).error?.code).toBe('TW9042');
    expect(engine.world().resources.size).toBe(kept);
    sh(`rm ${dir}/ballast-*`);
    const again = engine.submit(role());
    expect(again.error).toBeUndefined();
    await engine.settled(again.op ?? '');
    expect(engine.world().ops.get(again.op ?? '')?.phase).toBe('done');
    await engine.close();
    store.close();
    const read = openWorld(file);
    expect(read.load(setting).resources.size).toBe(engine.world().resources.size);
    read.close();
  });
});
