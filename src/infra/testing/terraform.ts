import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The terraform of this machine; tests that need it are skipped by name without it. */
export function terraformBinary(): string | undefined {
  const names = (process.env['PATH'] ?? '').split(delimiter).flatMap((d) => [join(d, 'terraform'), join(d, 'tofu')]);
  return [process.env['TW_TERRAFORM'] ?? '', ...names].find((p) => p !== '' && existsSync(p));
}
