import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Clock } from '../clock.ts';
import type { StoreEntry, StoreView } from '../store.ts';
import { changes } from '../store-changes.ts';
import type { WatchRequestSchema, WatchResponse } from './etcd_pb.ts';
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

/** A stream that says nothing for so long after a question is dead: a lost cloud closes no connection. */
const SILENT_MS = 2500;
const ASK_MS = 1000;
/** How long a stream to a member that is not the nearest is kept before the nearest is tried again. */
const AWAY_MS = 15_000;
/** Id in the answers to questions that are about no watch. */
const NO_WATCH = -1n;

type Ask = MessageInitShape<typeof WatchRequestSchema>;

/** What to watch, then a question every second, answered at once by a living member. */
async function* requests(create: Ask, clock: Clock, signal: AbortSignal): AsyncGenerator<Ask> {
  yield create;
  while (!signal.aborted) {
    await clock.sleep(ASK_MS, signal).catch(() => undefined);
    if (!signal.aborted) yield { requestUnion: { case: 'progressRequest', value: {} } };
  }
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
    const { members, clock, signal: whole } = this.#in;
    const [member] = members.order();
    if (member === undefined) return;
    const end = new AbortController();
    const signal = AbortSignal.any([whole, end.signal]);
    const away = member !== members.all[0];
    // On its way back to the nearest the stream ends without a fault of the member it was at.
    let left = false;
    const leave = (): void => {
      left = true;
      end.abort();
    };
    if (away) void clock.sleep(AWAY_MS, signal).then(leave, () => undefined);
    try {
      left = (await this.#read(member, { signal, silent: () => end.abort() })) === 'no leader';
    } finally {
      end.abort();
      if (!whole.aborted && !this.#blank && !left) members.shun(member);
    }
  }

  async #read(member: Member, x: { signal: AbortSignal; silent(): void }): Promise<'ended' | 'no leader'> {
    const { root, prefix, clock } = this.#in;
    const from = root + prefix;
    const value = {
      key: bytes(from),
      rangeEnd: endOf(from),
      startRevision: BigInt(this.#revision + 1),
      progressNotify: true,
    };
    const { signal } = x;
    let heard = clock.monotonic();
    const guard = async (): Promise<void> => {
      while (!signal.aborted) {
        await clock.sleep(ASK_MS, signal).catch(() => undefined);
        if (clock.monotonic() - heard > SILENT_MS) x.silent();
      }
    };
    void guard();
    const create = { requestUnion: { case: 'createRequest' as const, value } };
    for await (const r of member.watch.watch(requests(create, clock, signal), { signal, ...LED })) {
      heard = clock.monotonic();
      // What is gone from the past cannot be caught up with: list anew.
      if (r.compactRevision > 0n) this.#blank = true;
      if (r.canceled) return /no leader/.test(r.cancelReason) ? 'no leader' : 'ended';
      if (r.watchId !== NO_WATCH) this.#take(r);
    }
    return 'ended';
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
