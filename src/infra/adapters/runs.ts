import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal } from '../../kernel/index.ts';
import { openRuns } from '../machine.ts';

/** Commands whose run files are kept; their ids are ULIDs, so that names sort by time. */
export const KEEP_RUNS = 50;

/** Removes the files of all but the newest runs. A run without an end is kept: `resume` reads on from its files. */
export function pruneRuns(dir: string, journal: Journal): void {
  const names = existsSync(dir) ? readdirSync(dir).toSorted() : [];
  if (names.length <= KEEP_RUNS) return;
  const { open, intents } = openRuns(journal.read({ kind: 'infra.run' }));
  const busy = new Set([...open.map((o) => o.key), ...intents].map((key) => key.split('/')[0]));
  for (const name of names.slice(0, -KEEP_RUNS).filter((n) => !busy.has(n))) {
    try {
      rmSync(join(dir, name), { recursive: true, force: true });
    } catch {
      // It costs space and nothing else.
    }
  }
}
