import type { Context } from './context.ts';

/** Takes the snapshots that are due; a line for each. `tried`: kept between calls. Loads its code when it is called. */
export async function scheduledBackups(c: Context, tried: Map<string, number>, signal: AbortSignal): Promise<string[]> {
  return await (await import('./state-schedule.ts')).dueBackups(c, tried, signal);
}

/** Changes of home that are not in the journal yet; a line for each. `told`: kept between calls. */
export async function changesOfHome(c: Context, told: Map<string, number>): Promise<string[]> {
  return await (await import('./state-changes.ts')).newChanges(c, told);
}
