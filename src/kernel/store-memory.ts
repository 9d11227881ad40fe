import { type Clock, systemClock } from './clock.ts';
import { fault } from './errors/fault.ts';
import type { Json } from './json.ts';
import { checkTxn, type Lease, type LeaseId, type Store, type StoreView, type Txn, type TxnResult } from './store.ts';
import { changes } from './store-changes.ts';

export interface StoreCall {
  do: 'get' | 'cas' | 'list' | 'range' | 'txn' | 'lease';
  /** Key, prefix, or the first key of a transaction. */
  key: string;
}
/** `lost`: the write happens, its answer does not come; `dropped`: neither; `refused`: TW1020. Reads know `refused` only. */
export type StoreFault = 'lost' | 'dropped' | 'refused';

/** What several clients of one twin share. */
export class StoreWorld {
  readonly clock: Clock;
  readonly kept = new Map<string, { value: Json; revision: number; lease: LeaseId | undefined }>();
  readonly leases = new Map<LeaseId, AbortController>();
  readonly #watchers = new Map<() => void, string>();
  #last = 0;
  #made = 0;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
  }

  get revision(): number {
    return this.#last;
  }

  view(prefix: string): StoreView {
    const entries = [...this.kept]
      .filter(([key]) => key.startsWith(prefix))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { value, revision }]) => ({ key, value: structuredClone(value), revision }));
    return { revision: this.#last, entries };
  }

  /** Writes it if its guards hold; the new revision of the store, or nothing. */
  write(t: Txn): number | undefined {
    if (t.if.some((g) => (this.kept.get(g.key)?.revision ?? 0) !== g.revision)) return undefined;
    const gone = (t.remove ?? []).filter((key) => this.kept.has(key));
    if (t.put.length + gone.length === 0) return this.#last;
    this.#last += 1;
    for (const p of t.put)
      this.kept.set(p.key, { value: structuredClone(p.value), revision: this.#last, lease: p.lease });
    for (const key of gone) this.kept.delete(key);
    const moved = [...t.put.map((p) => p.key), ...gone];
    for (const [wake, prefix] of this.#watchers) if (moved.some((key) => key.startsWith(prefix))) wake();
    return this.#last;
  }

  grant(): LeaseId {
    const id = String(++this.#made);
    this.leases.set(id, new AbortController());
    return id;
  }

  /** Ends a lease as if its time had run out. */
  expire(id: LeaseId): void {
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    this.leases.delete(id);
    this.write({ if: [], put: [], remove: [...this.kept].filter(([, k]) => k.lease === id).map(([key]) => key) });
    lease.abort();
  }

  /** `wake` hears of every change below the prefix. */
  subscribe(prefix: string, wake: () => void): () => void {
    this.#watchers.set(wake, prefix);
    return () => this.#watchers.delete(wake);
  }
}

const dead = (t: Txn, world: StoreWorld): LeaseId | undefined =>
  t.put.map((p) => p.lease).find((l) => l !== undefined && !world.leases.has(l));

/** Throws or writes as the fault and the world have it. */
function written(world: StoreWorld, t: Txn, bad: StoreFault | undefined): TxnResult {
  checkTxn(t);
  if (bad === 'dropped') return { is: 'unknown', why: 'dropped' };
  const lease = dead(t, world);
  if (lease !== undefined) throw fault('TW1020', { value: lease, why: ['the lease has ended'] });
  const revision = world.write(t);
  if (bad === 'lost') return { is: 'unknown', why: 'the answer was lost' };
  return revision === undefined ? { is: 'stale' } : { is: 'ok', revision };
}

/** Leases of one client. */
function leasesOf(world: StoreWorld): { open(ttlMs: number): Lease; drop(): void } {
  const mine = new Map<LeaseId, number>();
  return {
    open: (ttlMs) => {
      const id = world.grant();
      mine.set(id, ttlMs);
      return {
        id,
        lost: world.leases.get(id)?.signal ?? AbortSignal.abort(),
        close: async () => {
          mine.delete(id);
          world.expire(id);
        },
      };
    },
    drop: () => {
      for (const [id, ttlMs] of mine) void world.clock.sleep(ttlMs).then(() => world.expire(id));
      mine.clear();
    },
  };
}

/** One client of the twin. `faults` is asked before every call. */
export function memoryStore(
  faults: (call: StoreCall) => StoreFault | undefined = () => undefined,
  world: StoreWorld = new StoreWorld(),
): Store {
  const closed = new AbortController();
  const leases = leasesOf(world);
  const begin = (call: StoreCall): StoreFault | undefined => {
    const bad = faults(call);
    if (bad === 'refused') throw fault('TW1020', { value: call.key, why: ['the store refuses'] });
    return bad;
  };
  return {
    get: async (key) => {
      begin({ do: 'get', key });
      const at = world.kept.get(key);
      if (at === undefined) return { value: undefined, revision: 0 };
      return { value: structuredClone(at.value), revision: at.revision };
    },
    cas: async (key, revision, value) =>
      written(world, { if: [{ key, revision }], put: [{ key, value }] }, begin({ do: 'cas', key })).is,
    list: async (prefix) => {
      begin({ do: 'list', key: prefix });
      return world.view(prefix).entries.map((e) => e.key);
    },
    range: async (prefix) => {
      begin({ do: 'range', key: prefix });
      return world.view(prefix);
    },
    txn: async (t) =>
      written(world, t, begin({ do: 'txn', key: t.put[0]?.key ?? t.remove?.[0] ?? t.if[0]?.key ?? '' })),
    watch: (prefix, signal) =>
      changes({
        view: async () => world.view(prefix),
        subscribe: (wake) => world.subscribe(prefix, wake),
        signal: AbortSignal.any([signal, closed.signal]),
      }),
    lease: async (ttlMs) => {
      begin({ do: 'lease', key: '' });
      return leases.open(ttlMs);
    },
    close: async () => {
      closed.abort();
      leases.drop();
    },
  };
}
