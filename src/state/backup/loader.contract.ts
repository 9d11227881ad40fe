import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Loaded } from './model.ts';
import { type Loader, SnapshotError } from './ports.ts';

/** A loader, and a file that it should load. */
export interface LoaderRig {
  loader: Loader;
  file: Buffer;
  holds: Loaded;
  close(): Promise<void>;
}
async function* in_(file: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < file.length; at += 1000) yield file.subarray(at, at + 1000);
}

/** What every loader does. */
export function loaderContract(name: string, open: () => Promise<LoaderRig>): void {
  describe(`loader: ${name}`, () => {
    let rig: LoaderRig;
    beforeAll(async () => {
      rig = await open();
    }, 30_000);
    afterAll(async () => await rig.close());

    it('says what is in it', async () => {
      expect(await rig.loader.load(in_(rig.file), rig.file.length)).toEqual(rig.holds);
    });
    it('refuses a truncated file', async () => {
      const cut = rig.file.subarray(0, rig.file.length - 20);
      const end = rig.loader.load(in_(cut), cut.length);
      await expect(end).rejects.toBeInstanceOf(SnapshotError);
      await expect(end).rejects.toMatchObject({ step: 'load' });
    });
    it('refuses a changed byte', async () => {
      const bent = Buffer.from(rig.file);
      const at = rig.file.length - 3;
      bent[at] = (bent[at] ?? 0) ^ 0x40;
      await expect(rig.loader.load(in_(bent), bent.length)).rejects.toMatchObject({ step: 'load' });
    });
    it('works again afterwards', async () => {
      expect(await rig.loader.load(in_(rig.file), rig.file.length)).toEqual(rig.holds);
    });
  });
}
