import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fault } from '../kernel/index.ts';

/**
 * Makes a file for its owner alone, whole or not at all. What it is written under until then is nobody else's: two who
 * make the same file, or what a dead one left, do not mix. Throws TW6001 where a file of this name came meanwhile.
 */
export async function createWhole(path: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    await pipeline(Readable.from(chunks), createWriteStream(part, { mode: 0o600, flags: 'wx' }), { signal });
    await link(part, path);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e;
    throw fault('TW6001', { value: path, why: ['there is a file of this name'] });
  } finally {
    await rm(part, { force: true });
  }
}
