import { join } from 'node:path';
import type { Witness } from '../commands/index.ts';
import { readFile, replaceFile } from '../kernel/index.ts';

/** How far this machine saw the audit go. */
export const WITNESS_FILE = 'audit.json';

/** In the project folder, beside the journal that the audit is in: an end cut off together with its head is noticed. */
export function fileWitness(stateDir: string): Witness {
  const file = join(stateDir, WITNESS_FILE);
  return {
    seen: () => {
      const text = readFile(file);
      if (text === undefined) return undefined;
      const { n, hash } = JSON.parse(text) as { n: number; hash: string };
      return { n, hash };
    },
    saw: ({ n, hash }) => {
      try {
        replaceFile(file, `${JSON.stringify({ n, hash })}\n`);
      } catch {
        // the record itself is in the book; what was seen before is still known
      }
    },
  };
}
