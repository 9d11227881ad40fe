import type { Clock, ClusterName } from '../../kernel/index.ts';
import { type Id, idAt, isAfter, type Origin, partOf, START, type Vector } from './ids.ts';
import { pageAfter } from './line.ts';
import type { ActiveRedis, Peer } from './ports.ts';
import { Sender } from './sender.ts';
import { spare, trims } from './trim.ts';

export interface SessionParts {
  me: ClusterName;
  others: readonly ClusterName[];
  origin: Origin;
  run: string;
  clock: Clock;
  redis: ActiveRedis;
  connect(to: ClusterName): Promise<Peer>;
  rtt(to: ClusterName): number | undefined;
  /** Entries that a log may have before it is cut though somebody lacks them. */
  most: number;
  /** How long entries stay that everybody has, milliseconds. */
  keepMs: number;
  note(did: string, end: string): void;
}

const GROWN_MS = 1000;
/** Entries that are read at once before it is known how large they are. */
const PAGE = 100;
const SWEEP_MS = 1000;
const TRIM_MS = 5000;
const PAUSE_MS = 100;

/** What goes on while one Redis process is open under one name: senders, expiry, short logs. */
export class Session {
  readonly #p: SessionParts;
  readonly senders: ReadonlyMap<ClusterName, Sender>;
  readonly #stop = new AbortController();
  readonly #work: Promise<unknown>;
  /** Greatest own id that a peer has, and the one that Redis was told of. */
  #confirmed: Id = START;
  #told: Id = START;
  #telling = false;

  constructor(parts: SessionParts) {
    this.#p = parts;
    this.senders = new Map(parts.others.map((to) => [to, this.#senderTo(to)]));
    const { signal } = this.#stop;
    this.#work = Promise.all([
      ...[...this.senders.values()].map((s) => s.run(signal)),
      this.#often(signal, () => this.#feeds(signal)),
      this.#often(signal, () => this.#sweeps(signal)),
      this.#often(signal, () => this.#trims(signal)),
    ]);
  }

  get origin(): Origin {
    return this.#p.origin;
  }
  get run(): string {
    return this.#p.run;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  /** Peers that can be reached and lack something that this cluster wrote, of all that is in `here`. */
  lacking(here: Vector): ClusterName[] {
    const own = Object.entries(partOf(here, this.#p.me));
    return [...this.senders].flatMap(([to, { view }]) =>
      view !== undefined && own.some(([o, id]) => isAfter(id, idAt(view.vector, o))) ? [to] : [],
    );
  }

  #senderTo(to: ClusterName): Sender {
    const { clock, connect, me, note, origin, redis, rtt } = this.#p;
    return new Sender({
      me,
      to,
      origin,
      logs: redis,
      clock,
      connect: () => connect(to),
      rtt: () => rtt(to),
      confirmed: (id) => this.#confirms(id),
      note,
    });
  }

  /** One after the other, only the newest: whoever waits for an older one is content with it. */
  #confirms(id: Id): void {
    if (isAfter(id, this.#confirmed)) this.#confirmed = id;
    if (this.#telling || !isAfter(this.#confirmed, this.#told)) return;
    this.#telling = true;
    const now = this.#confirmed;
    void this.#p.redis
      .acked(this.#p.run, now)
      .then(() => (this.#told = now))
      .catch(() => undefined)
      .then(() => {
        this.#telling = false;
        if (isAfter(this.#confirmed, now)) this.#confirms(this.#confirmed);
      });
  }

  /** A Redis that does not answer is the keeper's matter. */
  async #often(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await work().catch(() => this.#sleep(PAUSE_MS, signal));
    }
  }
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    await this.#p.clock.sleep(ms, signal).catch(() => undefined);
  }

  /** Every entry is read once, for all senders; each reads by itself only what it missed. */
  async #feeds(signal: AbortSignal): Promise<void> {
    const { origin, redis, run } = this.#p;
    let after = idAt(await redis.vector(), origin);
    let count = PAGE;
    for (const s of this.senders.values()) s.wake();
    while (!signal.aborted) {
      const grown = await redis.grown(run, { origin, after, count, ms: GROWN_MS });
      if (grown.is === 'trimmed') return;
      const last = grown.entries.at(-1);
      if (last === undefined) continue;
      for (const s of this.senders.values()) s.feed(after, grown.entries);
      after = last.id;
      count = pageAfter(grown.entries);
    }
  }

  async #sweeps(signal: AbortSignal): Promise<void> {
    await this.#sleep(await this.#p.redis.sweep(this.#p.run, SWEEP_MS), signal);
  }

  async #trims(signal: AbortSignal): Promise<void> {
    const { clock, keepMs, most, redis, run } = this.#p;
    await this.#sleep(TRIM_MS, signal);
    if (signal.aborted) return;
    const here = await redis.vector();
    const others = [...this.senders.values()].map((s) => s.known ?? {});
    for (const { origin, id } of trims({ here, others, now: clock.now(), keepMs })) await redis.trim(run, origin, id);
    for (const origin of Object.keys(here)) {
      const id = await redis.excess(origin, most);
      if (id !== undefined) await redis.trim(run, origin, spare(origin, { id, others }));
    }
  }
}
