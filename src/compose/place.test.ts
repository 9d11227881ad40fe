import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stateDirOf } from './place.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-place-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('a project is found from another folder by its config', () => {
  const project = join(dir, 'project', 'examples', 'shop');
  mkdirSync(project, { recursive: true });
  mkdirSync(join(dir, 'project', '.tradewind'));
  writeFileSync(join(project, 'tradewind.config.ts'), '');
  const elsewhere = join(dir, 'elsewhere');
  mkdirSync(elsewhere);
  expect(stateDirOf(elsewhere, {}, join(project, 'tradewind.config.ts'))).toBe(join(dir, 'project', '.tradewind'));
  expect(stateDirOf(elsewhere, { TW_CONFIG: '../project/examples/shop/tradewind.config.ts' })).toBe(
    join(dir, 'project', '.tradewind'),
  );
});

it('TW_STATE_DIR wins, then the folder one stands in', () => {
  mkdirSync(join(dir, 'a', '.tradewind'), { recursive: true });
  mkdirSync(join(dir, 'a', 'b'));
  expect(stateDirOf(join(dir, 'a', 'b'), { TW_STATE_DIR: '/x' }, '/y/tradewind.config.ts')).toBe('/x');
  expect(stateDirOf(join(dir, 'a', 'b'), {}, '/y/tradewind.config.ts')).toBe(join(dir, 'a', '.tradewind'));
});

it('a config without a project makes one beside it', () => {
  expect(stateDirOf(dir, {}, '/y/tradewind.config.ts')).toBe('/y/.tradewind');
});
