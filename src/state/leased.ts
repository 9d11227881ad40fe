import type { Lease, Store, Txn } from '../kernel/index.ts';
import type { StateTxn } from './model.ts';

const LEASE_MS = 30_000;

/** Transactions of one agent with the store's own keys, and the lease on which some of them hang. */
export class Leased {
  readonly #store: Store;
  readonly #prefix: string;
  #lease: Lease | undefined;

  constructor(parts: { store: Store; prefix: string }) {
    this.#store = parts.store;
    this.#prefix = parts.prefix;
  }

  /** Throws what the store says where a lease cannot be had. */
  async addressed(t: StateTxn): Promise<Txn> {
    const prefix = this.#prefix;
    const lease = t.put.some((p) => p.leased === true) ? await this.#get() : undefined;
    return {
      if: t.if.map((g) => ({ key: prefix + g.key, revision: g.revision })),
      put: t.put.map((p) => ({
        key: prefix + p.key,
        value: p.value,
        ...(p.leased === true && lease !== undefined ? { lease: lease.id } : {}),
      })),
      ...(t.remove === undefined ? {} : { remove: t.remove.map((k) => prefix + k) }),
    };
  }

  async drop(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    await lease?.close();
  }

  async #get(): Promise<Lease> {
    if (this.#lease === undefined || this.#lease.lost.aborted) this.#lease = await this.#store.lease(LEASE_MS);
    return this.#lease;
  }
}
