import { beforeEach, describe, expect, it } from 'vitest';
import type { Root, RootId } from './model.ts';
import type { RootState, RootStore } from './ports.ts';

export interface RootStoreUnderTest {
  store: RootStore;
  putState(id: RootId, state: RootState): void;
  putFile(id: RootId, file: string): void;
  /** Every module gets another text; a store opened afterwards sees it. */
  changeModules(): RootStore;
}

export function rootStoreContract(name: string, open: () => RootStoreUnderTest): void {
  describe(`RootStore: ${name}`, () => {
    let t: RootStoreUnderTest;
    beforeEach(() => {
      t = open();
    });
    const sao: Root = {
      id: 'cluster:sao',
      cluster: 'sao',
      module: 'aws-eks',
      vars: { fleet: 'shop', zones: ['a', 'b'], n: 1, none: null },
      needs: [],
    };
    const zone: Root = { id: 'zone:shop.example', module: 'dns-route53', vars: { domain: '${x}' }, needs: [] };

    it('gives back what was written, the last of it', async () => {
      expect(await t.store.load('cluster:sao', 'shop')).toBeUndefined();
      await t.store.write(sao, 'shop');
      await t.store.write({ ...sao, vars: { ...sao.vars, n: 2 } }, 'shop');
      expect(await t.store.load('cluster:sao', 'shop')).toEqual({ ...sao, vars: { ...sao.vars, n: 2 } });
      await t.store.write(zone, 'shop');
      expect(await t.store.load(zone.id, 'shop')).toEqual(zone);
      expect(await t.store.list()).toEqual(['cluster:sao', 'zone:shop.example']);
    });

    it('belongs to one fleet', async () => {
      await t.store.write(sao, 'shop');
      await expect(t.store.write(sao, 'other')).rejects.toMatchObject({ code: 'TW2111' });
      await expect(t.store.load('cluster:sao', 'other')).rejects.toMatchObject({ code: 'TW2111' });
    });

    it('knows when init is needed', async () => {
      await t.store.write(sao, 'shop');
      expect(await t.store.initialised(sao)).toBe(false);
      await t.store.markInitialised(sao);
      expect(await t.store.initialised(sao)).toBe(true);
      await t.store.unlock(sao);
      expect(await t.store.initialised(sao)).toBe(false);
      await t.store.markInitialised(sao);
      const before = await t.store.moduleDigest(sao);
      const later = t.changeModules();
      expect(await later.moduleDigest(sao)).not.toBe(before);
      expect(await later.initialised(sao)).toBe(false);
    });

    it('reads states, and removes no root that still holds something', async () => {
      await t.store.write(sao, 'shop');
      expect(await t.store.state('cluster:sao')).toBeUndefined();
      const state = { lineage: 'l', serial: 3, resources: 2, outputs: { cluster: { name: 'x' } } };
      t.putState('cluster:sao', state);
      expect(await t.store.state('cluster:sao')).toEqual(state);
      await expect(t.store.remove('cluster:sao')).rejects.toMatchObject({ code: 'TW2301' });
      t.putState('cluster:sao', { ...state, resources: 0, outputs: {} });
      await t.store.remove('cluster:sao');
      expect(await t.store.list()).toEqual([]);
      await t.store.remove('cluster:sao');
    });

    it('keeps notes and forgets files', async () => {
      await t.store.write(sao, 'shop');
      expect(await t.store.noted('cluster:sao', 'plan.json')).toBeUndefined();
      await t.store.note('cluster:sao', 'plan.json', { digest: 'd' });
      expect(await t.store.noted('cluster:sao', 'plan.json')).toEqual({ digest: 'd' });
      t.putFile('cluster:sao', 'plan.tfplan');
      expect(await t.store.exists('cluster:sao', 'plan.tfplan')).toBe(true);
      await t.store.protect('cluster:sao', 'plan.tfplan');
      await t.store.drop('cluster:sao', 'plan.tfplan');
      await t.store.drop('cluster:sao', 'plan.tfplan');
      expect(await t.store.exists('cluster:sao', 'plan.tfplan')).toBe(false);
    });
  });
}
