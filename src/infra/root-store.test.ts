import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { rootStore } from './adapters/root-store.ts';
import { memoryRoots } from './adapters/root-store-twin.ts';
import { type Root, type RootId, rootName } from './model.ts';
import type { RootState } from './ports.ts';
import { rootStoreContract } from './root-store.contract.ts';
import { fakeModules, labPlace } from './testing/lab.ts';

const dirs: string[] = [];
afterAll(() => {
  for (const d of dirs) rmSync(d, { recursive: true });
});

rootStoreContract('twin', () => {
  const store = memoryRoots();
  return {
    store,
    putState: (id, s) => store.putState(id, s),
    putFile: (id, f) => store.putFile(id, f),
    changeModules: () => {
      store.changeModules('second');
      return store;
    },
  };
});

function disk() {
  const dir = mkdtempSync(join(tmpdir(), 'tw-roots-'));
  dirs.push(dir);
  const place = labPlace(dir);
  const modulesDir = fakeModules(join(dir, 'modules'));
  const open = () => rootStore({ place, modulesDir, toolchain: async () => 'terraform 1' });
  const file = (id: RootId, name: string): string => join(place.rootsDir, rootName(id), name);
  return { dir, place, modulesDir, open, file };
}
rootStoreContract('disk', () => {
  const d = disk();
  return {
    store: d.open(),
    putState: (id, s: RootState) => {
      const outputs = Object.fromEntries(Object.entries(s.outputs).map(([k, value]) => [k, { value }]));
      const managed = { mode: 'managed', instances: Array.from({ length: s.resources }, () => ({})) };
      const resources = [managed, { mode: 'data', instances: [{}] }];
      writeFileSync(
        d.file(id, 'terraform.tfstate'),
        JSON.stringify({ version: 4, lineage: s.lineage, serial: s.serial, outputs, resources }),
      );
    },
    putFile: (id, f) => writeFileSync(d.file(id, f), ''),
    changeModules: () => {
      for (const m of readdirSync(d.modulesDir)) writeFileSync(join(d.modulesDir, m, 'extra.tf'), '# second\n');
      return d.open();
    },
  };
});

describe('root folders on disk', () => {
  const sao: Root = { id: 'cluster:sao', cluster: 'sao', module: 'aws-eks', vars: { fleet: 'shop' }, needs: [] };

  it('are for their owner only and hold the module itself', async () => {
    const d = disk();
    await d.open().write(sao, 'shop');
    expect(statSync(join(d.place.rootsDir, 'cluster-sao')).mode & 0o777).toBe(0o700);
    expect(statSync(d.file('cluster:sao', 'main.tf.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(d.file('cluster:sao', 'module')).sort()).toEqual(['main.tf', 'variables.tf']);
    rmSync(join(d.modulesDir, 'aws-eks', 'main.tf'));
    writeFileSync(join(d.modulesDir, 'aws-eks', 'other.tf'), '# other\n');
    await d.open().write(sao, 'shop');
    expect(readdirSync(d.file('cluster:sao', 'module')).sort()).toEqual(['other.tf', 'variables.tf']);
  });

  it('share the provider choices of their cloud through the lock folder', async () => {
    const d = disk();
    const store = d.open();
    await store.write(sao, 'shop');
    writeFileSync(d.file('cluster:sao', '.terraform.lock.hcl'), 'provider "aws" {}\n');
    await store.markInitialised(sao);
    const zone: Root = { id: 'zone:a.example', module: 'dns-route53', vars: {}, needs: [] };
    await store.write(zone, 'shop');
    expect(readFileSync(d.file(zone.id, '.terraform.lock.hcl'), 'utf8')).toBe('provider "aws" {}\n');
  });

  it('of one cloud are told that they are initialised at the same moment', async () => {
    const d = disk();
    const store = d.open();
    const zones = Array.from(
      { length: 8 },
      (_, i): Root => ({ id: `zone:${i}.example`, module: 'dns-route53', vars: {}, needs: [] }),
    );
    for (const z of zones) {
      await store.write(z, 'shop');
      writeFileSync(d.file(z.id, '.terraform.lock.hcl'), 'provider "aws" {}\n');
    }
    await Promise.all(zones.map((z) => store.markInitialised(z)));
    expect(readdirSync(d.place.lockDir)).toEqual(['aws.lock.hcl']);
  });

  it('need init again with another terraform or another source of providers', async () => {
    const d = disk();
    await d.open().write(sao, 'shop');
    await d.open().markInitialised(sao);
    const other = rootStore({ place: d.place, modulesDir: d.modulesDir, toolchain: async () => 'terraform 2' });
    expect([await d.open().initialised(sao), await other.initialised(sao)]).toEqual([true, false]);
  });

  it('refuse a moved backend and say where a damaged state has its copy', async () => {
    const d = disk();
    await d.open().write(sao, 'shop');
    writeFileSync(
      d.file('cluster:sao', 'main.tf.json'),
      JSON.stringify({ terraform: { backend: { s3: { bucket: 'b' } } } }),
    );
    await expect(d.open().write(sao, 'shop')).rejects.toMatchObject({ code: 'TW2110' });
    mkdirSync(d.place.rootsDir, { recursive: true });
    writeFileSync(d.file('cluster:sao', 'terraform.tfstate'), '{"version":4,"res');
    await expect(d.open().state('cluster:sao')).rejects.toMatchObject({
      code: 'TW2118',
      problem: { fix: [{ say: expect.stringContaining('terraform.tfstate.backup') as string }] },
    });
  });

  it('belong to one place', async () => {
    const d = disk();
    await d.open().write(sao, 'shop');
    const real = rootStore({
      place: { ...d.place, name: 'real' },
      modulesDir: d.modulesDir,
      toolchain: async () => null,
    });
    await expect(real.write(sao, 'shop')).rejects.toMatchObject({ code: 'TW2111' });
  });
});
