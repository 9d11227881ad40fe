import type { Barrier } from './access/model.ts';
import type { Context } from './context.ts';
import type { TrafficMap } from './ports.ts';
import { releasedApp } from './release/gather.ts';
import { barriersNow } from './rule/barriers.ts';
import { lineNow, type Waiter } from './rule/queue.ts';

/** Numbers of a fleet that no verb shows as they are. */
export interface Measured {
  /** Where each group of users goes, per host, and what the nameservers counted; empty without traffic. */
  traffic: readonly Pick<TrafficMap, 'app' | 'cells' | 'answers'>[];
  /** Where the last release of each app stands, by the register. */
  releases: readonly { app: string; decision: string; step: string }[];
  line: readonly Waiter[];
  /** Locks and freezes that stand. */
  barriers: readonly Barrier[];
}

async function releasesNow(c: Context): Promise<Measured['releases']> {
  const { apps } = await c.config();
  const records = apps
    .filter((a) => a.release !== undefined)
    .map(async ({ name }) => (await (await releasedApp(c, name)).register.read()).record);
  const found = await Promise.all(records);
  return found.flatMap((r) => (r === undefined ? [] : [{ app: r.app, decision: r.decision, step: r.step }]));
}

async function trafficNow(c: Context): Promise<Measured['traffic']> {
  const { dns } = await c.config();
  if (dns === undefined) return [];
  const maps = await (await c.engine()).traffic.map();
  return maps.map(({ app, cells, answers }) => ({ app, cells, answers }));
}

const orNothing = <T>(part: Promise<readonly T[]>): Promise<readonly T[]> => part.catch(() => []);

/** A part that cannot be asked now has nothing in it. Never throws. */
export async function measuredNow(c: Context): Promise<Measured> {
  const [traffic, releases, line, barriers] = await Promise.all([
    orNothing(trafficNow(c)),
    orNothing(releasesNow(c)),
    orNothing(lineNow(c)),
    orNothing(barriersNow(c)),
  ]);
  return { traffic, releases, line, barriers };
}
