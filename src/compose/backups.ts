import type { Context, Invocation } from '../commands/index.ts';
import { changesOfHome, scheduledBackups } from '../commands/index.ts';
import type { Clock } from '../kernel/index.ts';

interface BackupsWiring {
  clock: Clock;
  /** A context of its own each time, with the config as it is then. */
  engine: (call: Invocation) => Context;
  log(line: string): void;
}

const LOOK_MS = 60_000;
/** A change of home takes seconds, and the agents remember it for long. */
const CHANGES_MS = 10_000;

async function look(w: BackupsWiring, verb: string, work: (c: Context) => Promise<string[]>): Promise<string[]> {
  const c = w.engine({ verb, args: {} });
  try {
    return await work(c);
  } catch (e) {
    return [`${verb}: ${e instanceof Error ? e.message : String(e)}`];
  } finally {
    await c.close().catch(() => undefined);
  }
}

/** Snapshots that the config asks for, while the server runs. */
export async function keepBackups(w: BackupsWiring, signal: AbortSignal): Promise<void> {
  const tried = new Map<string, number>();
  while (!signal.aborted) {
    for (const line of await look(w, 'state backup', (c) => scheduledBackups(c, tried, signal))) w.log(line);
    await w.clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}

/** Failovers and moves that the agents tell of become facts of the journal, while the server runs. */
export async function keepChanges(w: BackupsWiring, signal: AbortSignal): Promise<void> {
  const told = new Map<string, number>();
  let last = '';
  while (!signal.aborted) {
    const lines = await look(w, 'state status', (c) => changesOfHome(c, told));
    // What is in the way is said once.
    if (lines.join() !== last) for (const line of lines) w.log(line);
    last = lines.join();
    await w.clock.sleep(CHANGES_MS, signal).catch(() => undefined);
  }
}
