import type { Context } from './context.ts';

/** Takes the snapshots that are due; a line for each. `tried`: kept between calls. Loads its code when it is called. */
export async function scheduledBackups(c: Context, tried: Map<string, number>, signal: AbortSignal): Promise<string[]> {
  return await (await import('./state-schedule.ts')).dueBackups(c, tried, signal);
}
