import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fault } from '../kernel/index.ts';

const NAMES = ['tradewind.config.ts', 'tradewind.config.js', 'tradewind.yaml', 'tradewind.yml', 'tradewind.json'];

/** The config file at or above `from`. Throws TW1001. A file of its own: finding loads no schema. */
export function findConfig(from: string): string {
  for (let dir = resolve(from); ; dir = dirname(dir)) {
    for (const name of NAMES) if (existsSync(join(dir, name))) return join(dir, name);
    if (dirname(dir) === dir) break;
  }
  throw fault('TW1001', {
    value: from,
    why: [`looked for ${NAMES.join(', ')} here and in the folders above`],
    fix: [
      { say: 'Name it:', command: 'tw --config path/to/tradewind.config.ts …' },
      { say: 'Or make one:', command: 'tw init' },
    ],
  });
}
