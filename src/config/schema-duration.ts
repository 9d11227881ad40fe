import { z } from 'zod';

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** `10s`, `1.5m` … as milliseconds. */
export const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, 'a duration such as 30s, 5m, 1h')
  .transform((t) => {
    const [, n = '0', , unit = 's'] = /^(\d+(\.\d+)?)(ms|s|m|h)$/.exec(t) ?? [];
    return Math.round(Number(n) * (MS[unit] ?? 1000));
  });
