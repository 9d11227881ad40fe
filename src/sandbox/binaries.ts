import { existsSync } from 'node:fs';
import { fault } from '../kernel/index.ts';

/** Programs without which no sandbox starts; written by tools/build.ts. */
export const BINARIES = ['tw-net', 'tw-sandbox', 'tw-shim', 'tw-provider'] as const;

/** Folder of the Go programs: env TW_SANDBOX_BIN, else what the build left in the product's cache. */
export function binsFolder(o: { env: Readonly<Record<string, string | undefined>>; root: string }): string {
  return o.env['TW_SANDBOX_BIN'] ?? `${o.root}/.tradewind/cache/bin`;
}

/** Throws TW9003 naming every program that is not in `bins`. */
export function checkBinaries(bins: string): void {
  const missing = BINARIES.filter((name) => !existsSync(`${bins}/${name}`));
  if (missing.length === 0) return;
  throw fault('TW9003', {
    value: missing.join(', '),
    where: [{ file: bins }],
    fix: [
      { say: 'Build them (Go 1.26 or newer).', command: 'make build' },
      { say: 'Or name the folder that holds them in TW_SANDBOX_BIN.' },
    ],
  });
}
