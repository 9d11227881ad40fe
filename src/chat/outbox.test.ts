import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Card } from '../commands/index.ts';
import { type Clock, memoryStore, StoreWorld } from '../kernel/index.ts';
import { Outbox } from './outbox.ts';
import { ChatFault } from './ports.ts';
import { MemoryChat } from './twin.ts';

const card = (id: string, more: Partial<Card> = {}): Card => ({
  id,
  door: 'lab',
  room: 'ops',
  line: `release ${id}`,
  by: 'lab:anna',
  state: 'running',
  behind: 0,
  at: 0,
  ...more,
});
const settle = async (): Promise<void> => {
  for (let i = 0; i < 60; i++) await Promise.resolve();
};

/** A clock that only the test moves: who sleeps is woken when it is time. */
class Steps implements Clock {
  #at = 0;
  #sleepers: { until: number; go: () => void }[] = [];
  now = (): number => this.#at;
  monotonic = (): number => this.#at;
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((go, fail) => {
      this.#sleepers.push({ until: this.#at + ms, go });
      signal?.addEventListener('abort', () => fail(new Error('stopped')), { once: true });
    });
  }
  advance(ms: number): void {
    this.#at += ms;
    const due = this.#sleepers.filter((s) => s.until <= this.#at);
    this.#sleepers = this.#sleepers.filter((s) => s.until > this.#at);
    for (const s of due) s.go();
  }
}

class World {
  readonly clock = new Steps();
  readonly store = new StoreWorld(this.clock);
  readonly chat: MemoryChat;
  readonly dead: string[] = [];
  readonly told: string[] = [];
  stop = new AbortController();
  outbox: Outbox;

  constructor(gapMs = 0) {
    this.chat = new MemoryChat(gapMs);
    this.outbox = this.open();
  }

  open(): Outbox {
    const box = new Outbox({
      store: memoryStore(undefined, this.store),
      clock: this.clock,
      transport: this.chat,
      onTold: async (id) => void this.told.push(id),
      onDead: (room, why) => void this.dead.push(`${room}: ${why}`),
    });
    void box.run(this.stop.signal);
    return box;
  }

  async crash(): Promise<void> {
    this.stop.abort();
    await settle();
    this.stop = new AbortController();
    this.outbox = this.open();
    await this.outbox.load();
    this.outbox.put(card('wake', { state: 'ended' }));
  }

  async pass(ms: number): Promise<void> {
    for (let i = 0; i < ms; i += 250) {
      await settle();
      this.clock.advance(250);
    }
    await settle();
  }
}

describe('outbox', () => {
  it('one message a card, edited to the newest state; ticks melt together', async () => {
    const w = new World(1000);
    for (let i = 0; i < 50; i++) w.outbox.put(card('c1', { behind: i, state: 'queued' }));
    await w.pass(500);
    for (let i = 0; i < 50; i++) w.outbox.put(card('c1'));
    w.outbox.put(card('c1', { state: 'ended', exit: 0 }));
    await w.pass(3000);
    expect(w.chat.texts('ops')).toEqual(['✓ release c1 (lab:anna): done']);
    expect(w.chat.writes).toBeLessThanOrEqual(3);
    expect(w.outbox.behind).toBe(0);
    w.stop.abort();
  });

  it('a chat that is down for the whole command: right within 5 s of its return, nothing replayed', async () => {
    const w = new World(100);
    w.chat.fault = () => new ChatFault('later', 'down');
    for (let s = 0; s < 300; s++) {
      w.outbox.put(card('c1', { behind: s }));
      await w.pass(1000);
    }
    w.outbox.put(card('c1', { state: 'ended', exit: 0 }));
    await w.pass(1000);
    expect(w.chat.texts('ops')).toEqual([]);
    const before = w.chat.writes;
    w.chat.fault = undefined;
    await w.pass(5000);
    expect(w.chat.texts('ops')).toEqual(['✓ release c1 (lab:anna): done']);
    expect(w.chat.writes - before).toBe(1);
    w.stop.abort();
  });

  it('behind: since when, how many and why, once it takes longer than it does when all is well; also over a crash', async () => {
    const w = new World(100);
    await w.pass(1000);
    w.chat.fault = () => new ChatFault('later', 'rate\u202e limited');
    w.outbox.put(card('c1'));
    await w.pass(5000);
    expect(w.outbox.late).toBeUndefined();
    w.outbox.put(card('c2'));
    await w.pass(1000);
    const late = { since: 1000, cards: 2, why: 'rate limited' };
    expect(w.outbox.late).toEqual(late);
    await w.crash();
    await w.pass(1000);
    expect(w.outbox.late).toEqual({ ...late, cards: 3 });
    w.chat.fault = undefined;
    await w.pass(5000);
    expect(w.outbox.late).toBeUndefined();
    // What was right a moment ago is not behind since its first word.
    w.chat.fault = () => new ChatFault('later', 'down');
    const again = w.clock.now();
    w.outbox.put(card('c1', { state: 'ended', exit: 0 }));
    await w.pass(6000);
    expect(w.outbox.late).toEqual({ since: again, cards: 1, why: 'down' });
    w.stop.abort();
  });

  it('behind: edits that are dear are no trouble, a platform that does not answer is', async () => {
    const w = new World();
    Object.assign(w.chat, { cardGapMs: 15_000 });
    w.outbox.put(card('c1'));
    await w.pass(1000);
    w.outbox.put(card('c1', { behind: 1 }));
    await w.pass(12_000);
    expect([w.outbox.behind, w.outbox.late]).toEqual([1, undefined]);
    await w.pass(5000);
    expect([w.outbox.behind, w.outbox.late]).toEqual([0, undefined]);
    w.chat.update = () => new Promise(() => undefined);
    const asked = w.clock.now();
    w.outbox.put(card('c1', { state: 'ended', exit: 0 }));
    await w.pass(21_000);
    expect(w.outbox.late).toEqual({ since: asked, cards: 1, why: null });
    w.stop.abort();
  });

  it('where edits are dear, ticks of one card wait and its turns do not; nothing is lost', async () => {
    const w = new World();
    Object.assign(w.chat, { cardGapMs: 15_000 });
    w.outbox.put(card('c1', { behind: 1, state: 'queued' }));
    await w.pass(250);
    for (let i = 2; i < 40; i++) {
      w.outbox.put(card('c1', { behind: i, state: 'queued' }));
      await w.pass(250);
    }
    expect(w.chat.writes).toBe(1);
    await w.pass(6000);
    expect([w.chat.writes, w.chat.texts('ops')]).toEqual([2, ['○ release c1 (lab:anna): waits behind 39']]);
    w.outbox.put(card('c1'));
    await w.pass(250);
    w.outbox.put(card('c1', { state: 'ended', exit: 0 }));
    await w.pass(250);
    expect([w.chat.writes, w.chat.texts('ops')]).toEqual([4, ['✓ release c1 (lab:anna): done']]);
    w.stop.abort();
  });

  it('many cards over an outage: all are right within 5 s', async () => {
    const w = new World(100);
    w.chat.fault = () => new ChatFault('later', 'down');
    for (let i = 0; i < 8; i++) {
      w.outbox.put(card(`c${i}`, { state: 'ended', exit: 0, at: i }));
      await w.pass(1750);
    }
    await w.pass(30_000);
    w.chat.fault = undefined;
    await w.pass(5000);
    expect(w.chat.texts('ops')).toHaveLength(8);
    w.stop.abort();
  });

  it('"not now" is obeyed, by every card', async () => {
    const w = new World();
    w.chat.fault = (n) => (n === 1 ? new ChatFault('later', '429', { afterMs: 30_000 }) : undefined);
    w.outbox.put(card('c1', { state: 'ended' }));
    await w.pass(250);
    w.outbox.put(card('c2', { state: 'ended' }));
    await w.pass(29_000);
    expect(w.chat.writes).toBe(1);
    await w.pass(1500);
    expect(w.chat.texts('ops')).toHaveLength(2);
    w.stop.abort();
  });

  it('a card that a person deleted comes again; a room that is gone is told once', async () => {
    const w = new World();
    w.outbox.put(card('c1'));
    await w.pass(250);
    w.chat.messages.splice(0);
    w.outbox.put(card('c1', { state: 'ended', exit: 0 }));
    await w.pass(250);
    expect(w.chat.texts('ops')).toEqual(['✓ release c1 (lab:anna): done']);
    w.chat.fault = () => new ChatFault('never', 'the channel is archived');
    w.outbox.put(card('c2', { state: 'ended' }));
    await w.pass(5000);
    expect(w.dead).toEqual(['ops: the channel is archived']);
    expect(w.told).toEqual(['c1', 'c2']);
    w.stop.abort();
  });

  it('lost answers, outages and crashes in any order: one message a card, and the right one', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('put' as const), id: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('crash' as const) }),
      fc.record({ do: fc.constant('fault' as const), fault: fc.constantFrom('none', 'down', 'lost', 'limit') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const w = new World();
        const newest = new Map<string, number>();
        let n = 0;
        for (const s of steps) {
          if (s.do === 'put') {
            newest.set(s.id, ++n);
            w.outbox.put(card(s.id, { state: 'queued', behind: n }));
          } else if (s.do === 'crash') await w.crash();
          else {
            const faults = {
              none: undefined,
              down: new ChatFault('later', 'down'),
              lost: 'answer lost' as const,
              limit: new ChatFault('later', '429', { afterMs: 700 }),
            };
            w.chat.fault = () => faults[s.fault as keyof typeof faults];
          }
          await w.pass(250);
        }
        w.chat.fault = undefined;
        // A crash loses what was not written down yet; the desk tells every end, also after a crash.
        for (const id of newest.keys()) w.outbox.put(card(id, { state: 'ended', exit: 0 }));
        await w.pass(8000);
        const shown = w.chat.messages.filter((m) => m.card.id !== 'wake').map((m) => `${m.card.id} ${m.card.state}`);
        expect(shown.toSorted()).toEqual([...newest.keys()].toSorted().map((id) => `${id} done`));
        w.stop.abort();
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});
