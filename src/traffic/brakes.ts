import type { ClusterName } from '../kernel/index.ts';
import { needCurrent, serversOf, type TrafficDeps } from './engine.ts';
import { healthIn, hold, lift, lookAt } from './holds.ts';
import { objections } from './machine/guard.ts';
import { worldOf } from './machine/world.ts';
import type { HealthView, Hold, Snapshot } from './model.ts';
import { createPatience } from './patience.ts';

/** A cause in words, with its code of the catalogue. */
interface Against {
  code: string;
  say: string;
  cluster?: ClusterName;
}

/** Brakes of one owner: hard holds that only it lifts. Shaped as `release` wants its port. */
export interface TrafficBrakes {
  /** Clusters that this owner has braked. Throws TW4051 when nobody can be asked. */
  now(): Promise<readonly ClusterName[]>;
  /**
   * Why a cluster may not be braked: TW4031 it is the last that serves some clients (`brake` refuses too),
   * TW4032 another cluster is held, TW4034 unknown. Empty: it may. Throws TW4051.
   */
  may(cluster: ClusterName): Promise<readonly Against[]>;
  /**
   * Takes the cluster out of the answers. `ok`: no server that could be asked answers it; `pending`: it is
   * told, and some server answers it still. Back within `budgetMs` and one last look, also when clusters are
   * silent. Goes on against TW4032. Throws TW4031, TW4034, TW4042, TW4050, TW4051.
   */
  brake(cluster: ClusterName, why: Against): Promise<'ok' | 'pending'>;
  /** Ends this owner's brakes of the cluster, nobody else's hold; none is fine. Throws TW4042, TW4050, TW4051. */
  lift(cluster: ClusterName): Promise<void>;
}

export interface BrakeOptions {
  /** The owner, the same in every process that acts for it, such as `release guestbook`. */
  by: string;
  /** Default 5000 ms. */
  budgetMs?: number;
}

const BUDGET_MS = 5000;
/** What is seen serves all questions of one round. */
const FRESH_MS = 1000;

interface Look {
  at: number;
  seen: Promise<{ snapshot: Snapshot; health: HealthView }>;
}

const isOpen = (h: Hold, now: number): boolean => h.until === undefined || h.until > now;

export function trafficBrakes(given: TrafficDeps, o: BrakeOptions): TrafficBrakes {
  const budget = o.budgetMs ?? BUDGET_MS;
  const deps = { ...given, patience: createPatience({ limitMs: budget / 2, knownMs: budget / 20 }) };
  const { clock } = deps;
  let look: Look | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const see = async (): Promise<{ snapshot: Snapshot; health: HealthView }> => {
    const { snapshot } = await needCurrent(deps);
    return { snapshot, health: healthIn(await lookAt(deps, serversOf(snapshot))) };
  };
  const seen = (): Look['seen'] => {
    const at = clock.monotonic();
    if (look === undefined || at - look.at > FRESH_MS) {
      const fresh: Look = { at, seen: see() };
      fresh.seen.catch(() => {
        if (look === fresh) look = undefined;
      });
      look = fresh;
    }
    return look.seen;
  };
  /** One change after the other: each is guarded against what the one before left. */
  const change = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work).finally(() => {
      look = undefined;
    });
    last = done.catch(() => undefined);
    return done;
  };
  const own = (s: Snapshot, cluster?: ClusterName): Hold[] =>
    s.holds.filter(
      (h) => h.kind === 'brake' && h.by === o.by && isOpen(h, clock.now()) && (cluster ?? h.cluster) === h.cluster,
    );

  return {
    now: async () => [...new Set(own((await seen()).snapshot).map((h) => h.cluster))],
    may: async (cluster) => {
      const { snapshot, health } = await seen();
      if (own(snapshot, cluster).length > 0) return [];
      if (!snapshot.sites.some((s) => s.cluster === cluster))
        return [{ code: 'TW4034', say: `${cluster} is not in the traffic snapshot`, cluster }];
      const now = clock.now();
      const wish: Hold = { id: '', kind: 'brake', cluster, by: o.by, why: '', since: now };
      const world = worldOf(snapshot, { health, names: {}, load: {}, now });
      return objections(world, wish).map(({ code, why }) => ({ code, say: why, cluster }));
    },
    brake: (cluster, why) =>
      change(async () => {
        const request = { kind: 'brake' as const, cluster, by: o.by, why: `${why.code} ${why.say}` };
        const receipt = await hold({ ...request, force: true, waitMs: budget }, deps);
        return receipt.done ? 'ok' : 'pending';
      }),
    lift: (cluster) =>
      change(async () => {
        for (const { id } of own((await needCurrent(deps)).snapshot, cluster))
          await lift({ hold: id, by: o.by, waitMs: 0 }, deps);
      }),
  };
}
