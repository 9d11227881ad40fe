import type { Clock } from '../clock.ts';
import type { StoreEntry, StoreView } from '../store.ts';
import { changes } from '../store-changes.ts';
import type { WatchResponse } from './etcd_pb.ts';
import { bytes, endOf, entryOf, LED } from './keys.ts';
import type { Member, Members } from './members.ts';

interface WatchInput {
  root: string;
  prefix: string;
  clock: Clock;
  members: Members;
  /** The whole view, linearizable. */
  view(): Promise<StoreView>;
  signal: AbortSignal;
}

const PAUSE_MS = 500;
const DELETE = 1;

/** One request, and then the stream stays open. */
async function* request<T>(value: T, signal: AbortSignal): AsyncGenerator<T> {
  yield value;
  await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
}

/** A copy of what lies below the prefix, kept in step with etcd over lost streams. */
class Follower {
  readonly #in: WatchInput;
  readonly #kept = new Map<string, StoreEntry>();
  readonly #listed = Promise.withResolvers<void>();
  #revision = 0;
  /** There is no whole view to go on from. */
  #blank = true;
  #wake: () => void = () => undefined;

  constructor(input: WatchInput) {
    this.#in = input;
    input.signal.addEventListener('abort', () => this.#listed.resolve(), { once: true });
  }

  async view(): Promise<StoreView> {
    await this.#listed.promise;
    const entries = [...this.#kept.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
    return { revision: this.#revision, entries };
  }

  start(wake: () => void): () => void {
    this.#wake = wake;
    void this.#run();
    return () => undefined;
  }

  async #run(): Promise<void> {
    const { signal, clock } = this.#in;
    while (!signal.aborted) {
      try {
        if (this.#blank) await this.#list();
        await this.#stream();
      } catch {
        // The next member is asked; what is wrong is told by those who read and write.
      }
      if (!signal.aborted) await clock.sleep(PAUSE_MS, signal).catch(() => undefined);
    }
  }

  async #list(): Promise<void> {
    const { revision, entries } = await this.#in.view();
    this.#kept.clear();
    for (const e of entries) this.#kept.set(e.key, e);
    this.#revision = revision;
    this.#blank = false;
    this.#listed.resolve();
    this.#wake();
  }

  async #stream(): Promise<void> {
    const [member] = this.#in.members.order();
    if (member === undefined) return;
    const end = new AbortController();
    const signal = AbortSignal.any([this.#in.signal, end.signal]);
    try {
      await this.#read(member, signal);
    } finally {
      end.abort();
      if (!this.#in.signal.aborted && !this.#blank) this.#in.members.shun(member);
    }
  }

  async #read(member: Member, signal: AbortSignal): Promise<void> {
    const from = this.#in.root + this.#in.prefix;
    const value = {
      key: bytes(from),
      rangeEnd: endOf(from),
      startRevision: BigInt(this.#revision + 1),
      progressNotify: true,
    };
    const create = { requestUnion: { case: 'createRequest' as const, value } };
    for await (const r of member.watch.watch(request(create, signal), { signal, ...LED })) {
      // What is gone from the past cannot be caught up with: list anew.
      if (r.compactRevision > 0n) this.#blank = true;
      if (r.canceled) return;
      this.#take(r);
    }
  }

  #take(r: WatchResponse): void {
    if (r.created) return;
    for (const e of r.events) {
      if (e.kv === undefined) continue;
      const entry = e.type === DELETE ? undefined : entryOf(this.#in.root, e.kv);
      if (entry === undefined) this.#kept.delete(new TextDecoder().decode(e.kv.key).slice(this.#in.root.length));
      else this.#kept.set(entry.key, entry);
    }
    this.#revision = Math.max(this.#revision, Number(r.header?.revision ?? 0));
    if (r.events.length > 0) this.#wake();
  }
}

/** Views of a prefix until `signal` fires. */
export function followed(input: WatchInput): AsyncIterable<StoreView> {
  const follower = new Follower(input);
  return changes({
    view: () => follower.view(),
    subscribe: (wake) => follower.start(wake),
    signal: input.signal,
  });
}
