import type { Clock } from '../clock.ts';
import type { Lease } from '../store.ts';
import { LED } from './keys.ts';
import type { Member, Members } from './members.ts';

interface LeaseInput {
  ttlMs: number;
  clock: Clock;
  members: Members;
  /** The store's end: nothing is kept alive any more. */
  closed: AbortSignal;
}

/** Tells `lost` before anybody else may believe so. */
const MARGIN = 0.1;

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/** Seconds that etcd gives the lease from now on; 0 = it has ended. */
async function keepAlive(m: Member, id: bigint, o: { timeoutMs: number }): Promise<number> {
  for await (const r of m.lease.leaseKeepAlive(once({ ID: id }), { ...o, ...LED })) return Number(r.TTL);
  throw new Error('no answer');
}

class EtcdLease implements Lease {
  readonly id: string;
  readonly #id: bigint;
  readonly #in: LeaseInput;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** Monotonic ms: counted from when the last acknowledged message was sent. */
  #until: number;
  #busy = false;

  constructor(input: LeaseInput, granted: { id: bigint; ttlMs: number; sent: number }) {
    this.#in = input;
    this.#id = granted.id;
    this.id = String(granted.id);
    this.#until = granted.sent + granted.ttlMs * (1 - MARGIN);
    // Four looks per time to live: three chances, and the end is noticed soon.
    this.#timer = setInterval(() => void this.#beat(), granted.ttlMs / 4).unref();
    input.closed.addEventListener('abort', () => clearInterval(this.#timer), { once: true });
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const { members } = this.#in;
    const revoked = members.ask('lease', (m, o) => m.lease.leaseRevoke({ ID: this.#id }, { ...o, ...LED }));
    await revoked.catch(() => undefined);
  }

  async #beat(): Promise<void> {
    const { clock, members } = this.#in;
    if (clock.monotonic() >= this.#until) return this.#lose();
    if (this.#busy) return;
    this.#busy = true;
    const sent = clock.monotonic();
    try {
      const seconds = await members.ask('lease', (m, o) => keepAlive(m, this.#id, o));
      if (seconds === 0) this.#lose();
      else this.#until = sent + seconds * 1000 * (1 - MARGIN);
    } catch {
      // told when its time is over
    } finally {
      this.#busy = false;
    }
  }

  #lose(): void {
    clearInterval(this.#timer);
    this.#lost.abort();
  }
}

/** Grants a lease and keeps it alive. Throws TW1020. */
export async function openLease(input: LeaseInput): Promise<Lease> {
  let sent = 0;
  const ttl = BigInt(Math.ceil(input.ttlMs / 1000));
  const granted = await input.members.ask('lease', (m, o) => {
    sent = input.clock.monotonic();
    return m.lease.leaseGrant({ TTL: ttl }, { ...o, ...LED });
  });
  return new EtcdLease(input, { id: granted.ID, ttlMs: Number(granted.TTL) * 1000, sent });
}
