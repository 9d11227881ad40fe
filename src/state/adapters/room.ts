// What a Redis refuses writes for: memory at its limit, a disk that takes nothing more.
import { statfs } from 'node:fs/promises';
import { type Clock, within } from '../../kernel/index.ts';
import type { Shortage } from '../model.ts';
import { field } from './info.ts';

/** How full the volume of the data is, bytes. */
export type DiskUse = () => Promise<{ used: number; limit: number }>;
/** A volume that hangs must not keep an agent from its work. */
const DISK_MS = 300;

/** How full the volume with that folder is for whoever is not root. */
export async function diskUse(folder: string): Promise<{ used: number; limit: number }> {
  const { bsize, blocks, bavail } = await statfs(folder);
  return { used: (blocks - bavail) * bsize, limit: blocks * bsize };
}

/** What INFO says of it: sections memory and persistence. */
export function shortIn(info: string): { short?: readonly Shortage[] } {
  const limit = Number(field(info, 'maxmemory'));
  const used = Number(field(info, 'used_memory')) - Number(field(info, 'mem_not_counted_for_evict'));
  const failed = ['rdb_last_bgsave_status', 'aof_last_write_status'].some((name) => field(info, name) === 'err');
  const short: Shortage[] = [
    ...(limit > 0 && used > limit ? [{ of: 'memory' as const, used, limit }] : []),
    ...(failed ? [{ of: 'disk' as const }] : []),
  ];
  return short.length === 0 ? {} : { short };
}

/** The same with the figures of the volume, which Redis does not know. */
export async function measured<T extends { short?: readonly Shortage[] }>(
  look: T,
  x: { clock: Clock; disk: DiskUse | undefined },
): Promise<T> {
  const { short } = look;
  if (x.disk === undefined || short?.some((s) => s.of === 'disk') !== true) return look;
  const figures = await within(x.clock, DISK_MS, x.disk(), () => undefined).catch(() => undefined);
  return { ...look, short: short.map((s) => (s.of === 'disk' ? { ...s, ...figures } : s)) };
}

const LIMITS = ['maxmemory', 'stop-writes-on-bgsave-error'] as const;
const NONE: Readonly<Record<(typeof LIMITS)[number], string>> = { maxmemory: '0', 'stop-writes-on-bgsave-error': 'no' };

/**
 * `line` between two others that take the limits away and set them again. What the product itself writes into a Redis
 * that is full must not be refused: a copy with all data would never become home. The three go out as one piece.
 */
export async function unlimited(
  ask: (line: string[]) => Promise<unknown>,
  line: string[],
): Promise<readonly [string[], string[], string[]]> {
  const found = await Promise.all(LIMITS.map((name) => ask(['CONFIG', 'GET', name])));
  const were = LIMITS.flatMap((name, i) => [name, String((found[i] as readonly { toString(): string }[])[1])]);
  return [['CONFIG', 'SET', ...LIMITS.flatMap((name) => [name, NONE[name]])], line, ['CONFIG', 'SET', ...were]];
}
