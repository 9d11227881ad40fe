import type { Config } from '../../config/index.ts';
import { digest, fault, nearest, toJson } from '../../kernel/index.ts';
import { COMMANDS } from '../table.ts';
import type { Policy } from './model.ts';

const UNIT: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** `30s`, `10m`, `2h` as milliseconds; undefined when it is none. */
export function durationMs(text: string): number | undefined {
  const [, n, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  return n === undefined || unit === undefined ? undefined : Number(n) * (UNIT[unit] ?? 1000);
}

/** A verb that does not exist would protect nothing. Throws TW1003. */
function checkVerbs(config: Config): void {
  const verbs = COMMANDS.map((c) => c.verb);
  for (const [i, a] of config.approvals.entries()) {
    const wrong = a.verbs?.find((v) => !verbs.includes(v));
    if (wrong === undefined) continue;
    const near = nearest(wrong, verbs);
    throw fault('TW1003', {
      value: config.file,
      where: [{ file: config.file, path: `approvals.${i}.verbs` }],
      why: [`there is no verb "${wrong}"${near === undefined ? '' : `; did you mean "${near}"?`}`],
    });
  }
}

/** Who may do what, as the config says; undefined: the person at this machine may do everything. Throws TW1003. */
export function policyOf(config: Config): Policy | undefined {
  if (config.people === undefined) return undefined;
  checkVerbs(config);
  const { people, rights } = config;
  const approvals = config.approvals.map(({ ttl, ...a }) => ({ ...a, ttlMs: durationMs(ttl) ?? 0 }));
  return { people, rights, approvals, digest: digest(toJson({ people, rights, approvals })) };
}
