import type { Fact } from '../../kernel/index.ts';
import { type ReleaseRecord, type ReleaseView, releaseView, Standing } from '../../release/index.ts';
import type { Context } from '../context.ts';
import { placedClusters, releasedApp } from './gather.ts';

/** One released app as it stands: its last release, if it had one, and where it is placed. */
export interface StandingApp {
  app: string;
  host: string | null;
  clusters: readonly string[];
  /** Version the config names. */
  version: string;
  release: ReleaseView | null;
  /** Version of each member before its last release. */
  before: Readonly<Record<string, string>>;
}

/** When each member was switched, from the journal. Unix milliseconds. */
export function flips(facts: readonly Fact[], app: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const f of facts) {
    const d = f.data as { app?: string; do?: string; put?: string };
    // Facts of old do not name the app.
    if ((d.app ?? app) === app && f.cluster !== undefined && d.do === 'flip' && d.put === 'ok')
      found[f.cluster] ??= f.at;
  }
  return found;
}

function flippedIn(c: Context, r: ReleaseRecord): Record<string, number> {
  const mine = c.journal().read({ kind: 'release.record' });
  const first = mine.find((f) => (f.data as unknown as ReleaseRecord).release === r.release);
  return flips(
    c.journal().read({ kind: 'release.did', ...(first === undefined ? {} : { from: first.offset }) }),
    r.app,
  );
}

/** Looks at every released app again and again; what was silent before is not waited for. */
export async function releaseWatch(c: Context): Promise<() => Promise<StandingApp[]>> {
  const config = await c.config();
  const names = config.apps.filter((a) => a.release !== undefined).map((a) => a.name);
  const all = await Promise.all(names.map((name) => releasedApp(c, name)));
  const eyes = all.map((x) => ({ x, eye: new Standing(x.ports) }));
  return async () =>
    await Promise.all(
      eyes.map(async ({ x, eye }): Promise<StandingApp> => {
        const { record } = await x.register.read();
        const base = {
          app: x.app.name,
          host: x.app.traffic?.host ?? null,
          clusters: placedClusters(x),
          version: x.app.version,
        };
        if (record === undefined) return { ...base, release: null, before: {} };
        const { seen, why } = await eye.look(record);
        return {
          ...base,
          release: releaseView({ record, seen, why, flippedAt: flippedIn(c, record) }),
          before: record.blue,
        };
      }),
    );
}
