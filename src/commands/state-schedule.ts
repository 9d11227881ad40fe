import type { AppConfig } from '../config/index.ts';
import { problemOf, toJson } from '../kernel/index.ts';
import { isDue } from '../state/index.ts';
import type { Context } from './context.ts';
import { recorded } from './state-backup.ts';

type Kept = AppConfig & { state: { mode: 'single-writer'; backup: { every: number } } };
const isKept = (a: AppConfig): a is Kept => a.state.mode === 'single-writer' && a.state.backup !== undefined;

/** What could not even begin is told once in so long. Milliseconds. */
const AGAIN_MS = 600_000;

/**
 * Snapshots that the config asks for, each when it is due, one after the other; what goes wrong is in the journal. The
 * config itself is the permission. `tried`: when an app last could not begin, kept by the caller.
 */
export async function dueBackups(c: Context, tried: Map<string, number>, signal: AbortSignal): Promise<string[]> {
  const said: string[] = [];
  // A config that cannot be read is told by whoever keeps it.
  const config = await c.config().catch(() => undefined);
  for (const app of config?.apps.filter(isKept) ?? []) {
    const now = c.clock.now();
    if (now - (tried.get(app.name) ?? -AGAIN_MS) < AGAIN_MS) continue;
    try {
      const e = await c.engine();
      const { all } = await e.state.backups(app.name);
      if (!isDue(all, app.state.backup.every, now)) continue;
      const { snapshot } = await recorded(c, { app: app.name, signal });
      said.push(
        `backup of ${app.name}: ${snapshot.id} ${snapshot.is}${snapshot.why === undefined ? '' : `: ${snapshot.why}`}`,
      );
    } catch (error) {
      tried.set(app.name, now);
      const { code, title, why } = problemOf(error);
      c.journal().append({ kind: 'state.backup-failed', data: toJson({ app: app.name, code, why: [...why] }) });
      said.push(`backup of ${app.name}: ${code} ${title}: ${why.join('; ')}`);
    }
  }
  return said;
}
