import { type Lease, type Store, toJson } from '../kernel/index.ts';
import { FREEZE } from './machine/keys.ts';

/** Nobody moves home or copies on purpose. */
export interface Freeze {
  owner: string;
  /** Unix milliseconds; null: until its owner ends it, or has been gone for `ttlMs`. */
  until: number | null;
}

/**
 * Freezes the state of one app, beginning with what is asked for next; undefined: another one stands. It ends with the
 * lease that comes back. A failover, and a home that is stopped in order, are never kept back.
 */
export async function freeze(
  store: Store,
  prefix: string,
  x: { owner: string; until?: number; ttlMs: number },
): Promise<Lease | undefined> {
  const key = prefix + FREEZE;
  const lease = await store.lease(x.ttlMs);
  const value = toJson({ owner: x.owner, until: x.until ?? null } satisfies Freeze);
  const t = await store
    .txn({ if: [{ key, revision: 0 }], put: [{ key, value, lease: lease.id }] })
    .catch(() => undefined);
  if (t?.is === 'ok') return lease;
  await lease.close();
  return undefined;
}

/** What stands now, by a linearizable read. */
export async function frozen(store: Store, prefix: string, now: number): Promise<Freeze | undefined> {
  const { entries } = await store.range(prefix + FREEZE);
  const held = entries.find((e) => e.key === prefix + FREEZE)?.value as Freeze | undefined;
  return held !== undefined && held.until !== null && held.until <= now ? undefined : held;
}

export const freezeSay = ({ owner, until }: Freeze): string =>
  `${owner} keeps home and copies where they are ${until === null ? 'until it is over' : `until ${new Date(until).toISOString()}`}`;
