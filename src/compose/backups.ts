import type { Context, Invocation } from '../commands/index.ts';
import { scheduledBackups } from '../commands/index.ts';
import type { Clock } from '../kernel/index.ts';

interface BackupsWiring {
  clock: Clock;
  /** A context of its own each time, with the config as it is then. */
  engine: (call: Invocation) => Context;
  log(line: string): void;
}

const LOOK_MS = 60_000;

async function look(w: BackupsWiring, tried: Map<string, number>, signal: AbortSignal): Promise<string[]> {
  const c = w.engine({ verb: 'state backup', args: {} });
  try {
    return await scheduledBackups(c, tried, signal);
  } catch (e) {
    return [`backups: ${e instanceof Error ? e.message : String(e)}`];
  } finally {
    await c.close().catch(() => undefined);
  }
}

/** Snapshots that the config asks for, while the server runs. */
export async function keepBackups(w: BackupsWiring, signal: AbortSignal): Promise<void> {
  const tried = new Map<string, number>();
  while (!signal.aborted) {
    for (const line of await look(w, tried, signal)) w.log(line);
    await w.clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}
