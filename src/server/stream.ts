import type { Context as Http } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { fault } from '../kernel/index.ts';
import type { Hub } from './hub.ts';
import { TOPICS, type Topic, type TopicView } from './model.ts';

/** Silence is broken so often. Milliseconds. */
export const BEAT_MS = 15_000;
/** A reader that takes nothing for so long is let go; it comes back by itself. */
const BLOCKED_MS = 30_000;
const MOST_STREAMS = 200;
const MOST_FACTS = 500;

/** Topics of a query; `facts` is the journal itself. Throws TW8026. */
function wantedTopics(query: readonly string[]): { topics: Topic[]; facts: boolean } {
  const names = query.flatMap((q) => q.split(',')).filter((t) => t !== '');
  const unknown = names.find((n) => n !== 'facts' && !TOPICS.includes(n as Topic));
  if (unknown !== undefined)
    throw fault('TW8026', { value: unknown, why: [`topics are ${[...TOPICS, 'facts'].join(', ')}`] });
  return { topics: TOPICS.filter((t) => names.includes(t)), facts: names.includes('facts') };
}

/** Wakes the one who waits for it; a ring while nobody waits is kept. */
export class Bell {
  #wake: () => void = () => undefined;
  #woken = false;

  wake(): void {
    this.#woken = true;
    this.#wake();
  }
  /** Resolves when it rings, or after `ms`; false: it did not ring. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#woken)
      await new Promise<void>((done) => {
        const timer = setTimeout(done, ms);
        this.#wake = () => {
          clearTimeout(timer);
          done();
        };
      });
    const woken = this.#woken;
    this.#woken = false;
    this.#wake = () => undefined;
    return woken;
  }
}

/** One reader: a slot per topic where the newest view wins, and a place in the journal. Nothing queues up for it. */
class Reader extends Bell {
  readonly #slots = new Map<Topic, TopicView>();

  put(v: TopicView): void {
    const old = this.#slots.get(v.topic);
    // A view that only moves the age must not push out data that was not sent yet.
    const whole = v.data === undefined && v.problem === undefined && old?.data !== undefined ? { ...old, at: v.at } : v;
    this.#slots.set(v.topic, whole);
    this.wake();
  }
  take(): TopicView[] {
    const all = [...this.#slots.values()];
    this.#slots.clear();
    return all;
  }
}

/** Writes, but does not wait for a reader that takes nothing. */
export async function send(stream: SSEStreamingApi, event: string, data: unknown, id?: number): Promise<void> {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const written = stream.writeSSE({ event, data: text, ...(id === undefined ? {} : { id: String(id) }) });
  let timer: NodeJS.Timeout | undefined;
  const blocked = new Promise<'blocked'>((done) => {
    timer = setTimeout(() => done('blocked'), BLOCKED_MS);
  });
  const end = await Promise.race([written, blocked]);
  clearTimeout(timer);
  if (end === 'blocked') stream.abort();
}

/** Every stream that is open; all end when the server stops. */
export class Streams {
  readonly #hub: Hub;
  readonly #stop: AbortSignal;
  #open = 0;
  constructor(hub: Hub, stop: AbortSignal) {
    this.#hub = hub;
    this.#stop = stop;
  }
  get open(): number {
    return this.#open;
  }

  /** An event stream that `serve` fills until it returns. Throws TW8027. */
  pour(c: Http, serve: (stream: SSEStreamingApi) => Promise<void>): Response {
    if (this.#open >= MOST_STREAMS) throw fault('TW8027', { value: String(this.#open) });
    c.header('cache-control', 'no-cache, no-transform');
    c.header('x-accel-buffering', 'no');
    return streamSSE(c, async (stream) => {
      this.#open += 1;
      try {
        await serve(stream);
      } finally {
        this.#open -= 1;
      }
    });
  }

  /** Throws TW8026, TW8027. */
  answer(c: Http): Response {
    const wanted = wantedTopics(c.req.queries('topic') ?? []);
    const last = Number(c.req.header('last-event-id') ?? c.req.query('from') ?? Number.NaN);
    const from = Number.isSafeInteger(last) ? last + 1 : this.#hub.offset + 1;
    return this.pour(c, (stream) => this.#serve(stream, { ...wanted, from }));
  }

  async #serve(stream: SSEStreamingApi, w: { topics: Topic[]; facts: boolean; from: number }): Promise<void> {
    const reader = new Reader();
    const offs = w.topics.map((t) => this.#hub.watch(t, (v) => reader.put(v)));
    if (w.facts) offs.push(this.#hub.onFacts(() => reader.wake()));
    const stop = (): void => reader.wake();
    this.#stop.addEventListener('abort', stop);
    stream.onAbort(stop);
    let from = w.from;
    try {
      await stream.write('retry: 1500\n\n');
      while (!stream.aborted && !this.#stop.aborted) {
        if (w.facts) from = await this.#facts(stream, from);
        for (const v of reader.take()) await send(stream, 'view', v, w.facts ? undefined : v.offset);
        if (!(await reader.wait(BEAT_MS))) await stream.write(': beat\n\n');
      }
      if (this.#stop.aborted) await send(stream, 'note', { note: 'shutdown' });
    } finally {
      this.#stop.removeEventListener('abort', stop);
      for (const off of offs) off();
    }
  }

  async #facts(stream: SSEStreamingApi, from: number): Promise<number> {
    const all = this.#hub.facts(from).slice(0, MOST_FACTS);
    for (const f of all) await send(stream, 'fact', f, f.offset);
    return (all.at(-1)?.offset ?? from - 1) + 1;
  }
}
