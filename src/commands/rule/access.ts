import type { Config } from '../../config/index.ts';
import { sayUntil } from '../access/machine/barrier.ts';
import { sayReach } from '../access/machine/reach.ts';
import { whoMay } from '../access/machine/rights.ts';
import type { Barrier, Incident, Policy, Reach, Right } from '../access/model.ts';
import { policyOf } from '../access/policy.ts';
import { targetOfPlace } from '../access/target.ts';
import { barriers, incidents, ofCalendar } from '../book/barriers.ts';
import type { Context } from '../context.ts';
import { selectClusters } from '../select.ts';
import { type ShownToken, tokensNow } from '../tokens.ts';
import { everybody, type Known } from './who.ts';

/** A freeze or a lock that stands, in words. */
export interface StandingBarrier extends Barrier {
  reach: string;
  ends: string;
  /** It comes from the calendar of the config: nobody lifts it. */
  calendar: boolean;
  /** Who passes it with `--break-glass`; null: whoever is at this machine. Nobody breaks a lock. */
  breakers: readonly string[] | null;
}
/** A freeze of the config, whether it holds now or not. */
interface CalendarFreeze {
  name: string;
  because: string;
  reach: string;
  says: string;
  holds: boolean;
}
export interface AccessNow {
  /** null: the config names nobody, so whoever is at this machine may do everything. */
  people: readonly Known[] | null;
  tokens: readonly ShownToken[];
  barriers: readonly StandingBarrier[];
  calendar: readonly CalendarFreeze[];
  incidents: readonly Incident[];
}

/** Who has a right on everything that a barrier covers. */
function holders(config: Config, policy: Policy, right: Right, reach: Reach): string[] {
  const clusters = selectClusters(config, reach.clusters ?? []).map((k) => k.name);
  const each = (reach.apps ?? [null]).map((app) => whoMay(policy, right, targetOfPlace({ app, clusters }, config)));
  return (each[0] ?? []).filter((name) => each.every((names) => names.includes(name)));
}

const sayTimes = (f: Config['freezes'][number]): string =>
  [
    ...(f.days === undefined ? [] : [f.days.join(', ')]),
    `${f.from} to ${f.to}, ${f.zone}`,
    ...(f.except.length === 0 ? [] : [`not ${f.except.join(', ')}`]),
  ].join(' ');

/** Persons, tokens, freezes, locks and incidents as they are now. Throws TW1001–TW1003, TW1020, TW8015. */
export async function accessNow(c: Context): Promise<AccessNow> {
  const config = await c.config();
  const policy = policyOf(config);
  const [now, book] = [c.clock.now(), c.book()];
  const [raised, planned, all] = await Promise.all([
    barriers(book, now),
    ofCalendar(config.freezes, now),
    incidents(book),
  ]);
  const standing = (b: Barrier): StandingBarrier => ({
    ...b,
    reach: sayReach(b),
    ends: sayUntil(b),
    calendar: b.local !== undefined,
    breakers: b.kind === 'lock' ? [] : policy === undefined ? null : holders(config, policy, 'break-glass', b),
  });
  return {
    people: policy === undefined ? null : await everybody(c, policy),
    tokens: tokensNow(c),
    barriers: [...raised, ...planned].map(standing),
    calendar: config.freezes.map((f) => ({
      name: f.name,
      because: f.because,
      reach: sayReach(f),
      says: sayTimes(f),
      holds: planned.some((b) => b.id === f.name),
    })),
    incidents: all.filter((i) => i.endedAt === null),
  };
}
