// Takes a real Redis its room, and gives it back.
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisProcess, untilTrue } from './redis-process.ts';

/** Bytes of the small disk of a test. */
export const DISK = 1 << 20;
/** Asks as `tw-agent`, whose connections a fence ends. */
export type Say = (...args: (string | number)[]) => Promise<string>;
type Undo = () => Promise<void>;

export async function fillMemory(say: Say): Promise<Undo> {
  await say('CONFIG', 'SET', 'maxmemory', 1);
  return async () => void (await say('CONFIG', 'SET', 'maxmemory', 0));
}

/** Not one byte more goes on the disk of that process. */
export async function fillDisk(process: RedisProcess): Promise<Undo> {
  const ballast = join(process.inside, 'ballast');
  const file = await open(ballast, 'w');
  await file.write(Buffer.alloc(2 * DISK)).catch(() => undefined);
  await file.close();
  return async () => await rm(ballast);
}

/** The same, and Redis has found out by a snapshot that failed. */
export async function failSave(process: RedisProcess, say: Say): Promise<Undo> {
  const saved = async (status: string): Promise<void> => {
    await say('BGSAVE');
    const over = new RegExp(`rdb_bgsave_in_progress:0[^]*rdb_last_bgsave_status:${status}`);
    await untilTrue(`saved: ${status}`, async () => over.test(await say('INFO', 'persistence')));
  };
  const undo = await fillDisk(process);
  await saved('err');
  return async () => {
    await undo();
    await saved('ok');
  };
}
