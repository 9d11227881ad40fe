import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Kept } from './brain.ts';

const NOTHING: Kept = { health: {}, boot: 0 };

/** What the last run of this process kept; anything unreadable is nothing. */
export async function loadKept(file: string | undefined): Promise<Kept> {
  if (file === undefined) return NOTHING;
  try {
    const kept = JSON.parse(await readFile(file, 'utf8')) as Partial<Kept>;
    return {
      ...(kept.signed === undefined ? {} : { signed: kept.signed }),
      health: kept.health ?? {},
      boot: Number.isFinite(kept.boot) ? Number(kept.boot) : 0,
    };
  } catch {
    return NOTHING;
  }
}

/** Durable before it counts: written beside, synced, renamed. */
async function saveKept(file: string, kept: Kept): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(kept));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

export interface Keeper {
  keep(): void;
  /** Resolves when everything kept so far is on disk. */
  flush(): Promise<void>;
}

/** Saves one after the other, beside the serving: a slow disk delays no answer. Only the newest is written. */
export function createKeeper(file: string | undefined, read: () => Kept, failed: (error: unknown) => void): Keeper {
  let running: Promise<void> | undefined;
  let wanted = false;
  const pump = async (path: string): Promise<void> => {
    while (wanted) {
      wanted = false;
      await saveKept(path, read()).catch(failed);
    }
    running = undefined;
  };
  return {
    keep: () => {
      wanted = true;
      if (file !== undefined) running ??= pump(file);
    },
    flush: async () => running,
  };
}
