import type { Context } from './context.ts';
import type { newChanges } from './state-changes.ts';

/** Takes the snapshots that are due; a line for each. `tried`: kept between calls. Loads its code when it is called. */
export async function scheduledBackups(c: Context, tried: Map<string, number>, signal: AbortSignal): Promise<string[]> {
  return await (await import('./state-schedule.ts')).dueBackups(c, tried, signal);
}

/** Changes of home that are not in the journal yet become facts of it; a line for each. Loads its code when it is called. */
export async function changesOfHome(...x: Parameters<typeof newChanges>): Promise<string[]> {
  return (await import('./state-changes.ts')).newChanges(...x);
}
