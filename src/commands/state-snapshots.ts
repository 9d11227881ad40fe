import type { AppConfig } from '../config/index.ts';
import { duration, type Row, untrusted } from '../kernel/index.ts';
import { lastVerified, type SnapshotManifest } from '../state/index.ts';
import type { Context } from './context.ts';
import type { StateDoor, StateFacts } from './ports.ts';

interface LastSnapshot {
  app: string;
  last?: { id: string; at: number };
  row: Row;
}

/** How often the config wants one, milliseconds. */
function wished(apps: readonly AppConfig[], name: string): number | undefined {
  const state = apps.find((a) => a.name === name)?.state;
  return state !== undefined && 'backup' in state ? state.backup?.every : undefined;
}

function rowOf(app: string, x: { last: SnapshotManifest | undefined; late: boolean; why?: string; now: number }): Row {
  const { last } = x;
  const say = last === undefined ? 'no verified snapshot' : `last verified snapshot ${duration(x.now - last.at)} old`;
  const why = x.why ?? last?.id;
  return {
    key: `snapshot ${app}`,
    tone: last === undefined || x.late ? 'warn' : 'ok',
    label: [untrusted(`${app}: ${say}`)],
    cells: {},
    ...(why === undefined ? {} : { why: [untrusted(why)] }),
    kids: [],
  };
}

/** The last snapshot that counts, of apps that are to have some or have one. */
export async function snapshotsOf(door: StateDoor, c: Context, facts: readonly StateFacts[]): Promise<LastSnapshot[]> {
  const { apps } = await c.config();
  const now = c.clock.now();
  const one = async ({ app }: StateFacts): Promise<LastSnapshot[]> => {
    const every = wished(apps, app);
    const found = await door.backups(app).catch((e: unknown) => ({ all: [], why: String(e) }));
    const last = lastVerified(found.all);
    if (last === undefined && every === undefined) return [];
    const late = every !== undefined && last !== undefined && now - last.at > 2 * every;
    const row = rowOf(app, { last, late, now, ...('why' in found ? { why: found.why } : {}) });
    return [{ app, ...(last === undefined ? {} : { last: { id: last.id, at: last.at } }), row }];
  };
  return (await Promise.all(facts.map(one))).flat();
}
