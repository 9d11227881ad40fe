import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryJournal, systemClock } from '../kernel/index.ts';
import { findTerraform, openTerraform } from './adapters/find.ts';
import { infraApply } from './apply.ts';
import { infraDestroy } from './destroy.ts';
import { infraPlan } from './plan-roots.ts';
import { labPlace, threeClouds } from './testing/lab.ts';

let dir = '';
const program = (folder: string, name: string, says: string): string => {
  mkdirSync(join(dir, folder), { recursive: true });
  const path = join(dir, folder, name);
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
  return path;
};
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-find-'));
  program('good', 'terraform', 'Terraform v1.11.4');
  program('old', 'terraform', 'Terraform v1.10.9');
  program('old', 'tofu', 'OpenTofu v1.10.2');
  program('stale', 'terraform', 'Terraform v1.5.7');
  program('odd', 'terraform', 'no version at all');
});
afterAll(() => rmSync(dir, { recursive: true }));

const find = (env: Record<string, string>, binary?: string) =>
  findTerraform(
    labPlace(dir),
    { dir, infra: { parallel: 4, ...(binary === undefined ? {} : { binary }) } },
    { HOME: dir, ...env },
  );
const path = (...folders: string[]): string =>
  folders
    .map((f) => join(dir, f))
    .concat('/bin', '/usr/bin')
    .join(':');

describe('the terraform to use', () => {
  it('is the one on PATH', async () => {
    expect(await find({ PATH: path('good') })).toEqual({
      binary: join(dir, 'good', 'terraform'),
      product: 'terraform',
      version: '1.11.4',
    });
  });
  it('is OpenTofu when terraform is too old', async () => {
    expect(await find({ PATH: path('old') })).toMatchObject({ product: 'tofu', version: '1.10.2' });
  });
  it('is what the config names, then what TW_TERRAFORM names, and nothing else', async () => {
    const good = join(dir, 'good', 'terraform');
    expect(
      await find({ PATH: path('old'), TW_TERRAFORM: join(dir, 'stale', 'terraform') }, './good/terraform'),
    ).toMatchObject({ binary: good });
    expect(await find({ PATH: path('old'), TW_TERRAFORM: good })).toMatchObject({ binary: good });
    await expect(find({ PATH: path('good') }, './absent')).rejects.toMatchObject({
      code: 'TW2001',
      problem: { value: './absent' },
    });
  });
  it.each([
    ['absent', { PATH: '/nonexistent' }, 'neither terraform nor tofu is on PATH'],
    ['too old', { PATH: '/nonexistent', TW_TERRAFORM: 'stale' }, '1.5.7 is below 1.11.0'],
    ['something else', { PATH: '/nonexistent', TW_TERRAFORM: 'odd' }, 'no version at all'],
  ])('%s: says where it looked and how to get one', async (_, env: Record<string, string>, why) => {
    const named =
      env['TW_TERRAFORM'] === undefined ? {} : { TW_TERRAFORM: join(dir, env['TW_TERRAFORM'], 'terraform') };
    const error = await find({ ...env, ...named }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'TW2001', problem: { exit: 4 } });
    const problem = (error as { problem: { why: string[]; fix: { say: string }[] } }).problem;
    expect(problem.why.join()).toContain(why);
    expect(problem.fix[0]?.say).toContain('Install terraform 1.11.0');
  });
});

describe('without terraform', () => {
  it('nothing is written, and every verb ends with TW2001', async () => {
    const config = threeClouds();
    const place = labPlace(join(dir, 'empty'));
    const journal = memoryJournal();
    const tf = await openTerraform({ config, place, journal, clock: systemClock, env: { PATH: '/nonexistent' } });
    const ctx = { config, place, tf, journal, clock: systemClock };
    await expect(infraPlan(ctx)).rejects.toMatchObject({ code: 'TW2001' });
    expect(await tf.roots.list()).toEqual([]);
    expect(journal.read()).toEqual([]);
    const plan = { roots: [], presence: {}, digest: 'd' };
    for await (const e of infraApply(plan, ctx)) expect(e).toMatchObject({ type: 'end', failures: [] });
    await tf.roots.write({ id: 'cluster:sao', cluster: 'sao', module: 'aws-eks', vars: {}, needs: [] }, config.fleet);
    for await (const e of infraDestroy(ctx)) expect(e).toMatchObject({ type: 'end', failures: [{ code: 'TW2001' }] });
  });
});
