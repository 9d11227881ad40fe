import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Vault } from './ports.ts';

async function* bytes(...parts: string[]): AsyncIterable<Uint8Array> {
  for (const p of parts) yield Buffer.from(p);
}
async function textOf(vault: Vault, name: string): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of vault.get(name)) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

/** What every vault does. */
export function vaultContract(name: string, open: () => Promise<{ vault: Vault; close(): Promise<void> }>): void {
  describe(`vault: ${name}`, () => {
    let it_: { vault: Vault; close(): Promise<void> };
    beforeAll(async () => {
      it_ = await open();
    });
    afterAll(async () => await it_.close());

    it('gives back what it was given, also what is large', async () => {
      const { vault } = it_;
      const large = 'x'.repeat(6 << 20);
      await vault.put('f/a/one.rdb', bytes('ab', large, 'cd'));
      expect(await textOf(vault, 'f/a/one.rdb')).toBe(`ab${large}cd`);
    });
    it('gives back nothing as nothing', async () => {
      await it_.vault.put('f/a/empty', bytes());
      expect(await textOf(it_.vault, 'f/a/empty')).toBe('');
    });
    it('replaces, lists by prefix in order, removes', async () => {
      const { vault } = it_;
      await vault.put('f/b/2.json', bytes('two'));
      await vault.put('f/b/1.json', bytes('one'));
      await vault.put('f/bb/3.json', bytes('other'));
      await vault.put('f/b/1.json', bytes('new'));
      expect(await vault.list('f/b/')).toEqual(['f/b/1.json', 'f/b/2.json']);
      expect(await textOf(vault, 'f/b/1.json')).toBe('new');
      await vault.remove('f/b/1.json');
      await vault.remove('f/b/1.json');
      expect(await vault.list('f/b/')).toEqual(['f/b/2.json']);
      expect(await vault.list('nobody/')).toEqual([]);
    });
    it('says when there is none', async () => {
      await expect(textOf(it_.vault, 'f/none')).rejects.toThrow(/no file|no such|not exist/i);
    });
    it('keeps the old one when a new one breaks off', async () => {
      const { vault } = it_;
      await vault.put('f/c/x', bytes('old'));
      async function* broken(): AsyncIterable<Uint8Array> {
        yield Buffer.from('ne');
        throw new Error('the copy went away');
      }
      await expect(vault.put('f/c/x', broken())).rejects.toThrow('went away');
      await expect(vault.put('f/c/y', broken())).rejects.toThrow('went away');
      expect(await textOf(vault, 'f/c/x')).toBe('old');
      expect(await vault.list('f/c/')).toEqual(['f/c/x']);
    });
  });
}
