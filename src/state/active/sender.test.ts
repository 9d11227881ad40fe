import { describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { untilTrue } from '../testing/redis-process.ts';
import { type Id, START } from './ids.ts';
import { batches } from './line.ts';
import type { LogEntry, Logs, Peer } from './ports.ts';
import { Sender } from './sender.ts';
import { ActiveTwin, type TwinPorts, twinActiveRedis, twinPeer } from './twin.ts';

const clock = systemClock;

async function pair(
  o: { late?: { ms: number }; wrap?: (p: Peer) => Peer; logs?: (l: Logs) => Logs; slower?: number } = {},
) {
  const ports: TwinPorts = new Map();
  const a = new ActiveTwin(ports, 1, () => clock.now());
  const b = new ActiveTwin(ports, 2, () => clock.now() - (o.late?.ms ?? 0));
  a.open('a.1', a.run ?? '');
  b.open('b.1', b.run ?? '');
  const confirmed: Id[] = [];
  const notes: string[] = [];
  let opened = 0;
  const logs = twinActiveRedis(a, (ms) => clock.sleep(ms));
  const sender = new Sender({
    me: 'a',
    to: 'b',
    origin: 'a.1',
    logs: o.logs?.(logs) ?? logs,
    // Times slower: nothing happens only because time has passed.
    clock: { ...clock, sleep: (ms, signal) => clock.sleep(ms * (o.slower ?? 1), signal) },
    connect: async () => {
      opened += 1;
      const peer = twinPeer(b, async () => undefined);
      return o.wrap?.(peer) ?? peer;
    },
    rtt: () => 1,
    confirmed: (id) => void confirmed.push(id),
    note: (did, end) => void notes.push(`${did}: ${end}`),
  });
  const stop = new AbortController();
  const run = sender.run(stop.signal);
  return {
    a,
    b,
    sender,
    confirmed,
    notes,
    opened: () => opened,
    close: async () => {
      stop.abort();
      await run;
    },
  };
}

describe('sender', () => {
  it('brings what is written, says what was confirmed, and has no lag then', async () => {
    const { a, b, sender, confirmed, close } = await pair();
    for (let i = 0; i < 2500; i++) a.write(`w${i}`);
    sender.wake();
    await untilTrue('all is there', () => b.words().length === 2500);
    await untilTrue('it is known', () => sender.report().lagMs === 0);
    expect(confirmed.at(-1)).toBe(a.vector()['a.1']);
    expect(sender.known).toEqual(b.vector());
    expect(sender.report()).toEqual({ up: true, lagMs: 0, unsent: 0 });
    await close();
  });

  it('what it is fed goes out without a look at the log; what does not follow is read there', async () => {
    let reads = 0;
    const logs = (l: Logs): Logs => ({
      ...l,
      tail: (...of) => {
        reads += 1;
        return l.tail(...of);
      },
    });
    const { a, b, sender, close } = await pair({ logs, slower: 1000 });
    await untilTrue('it is up and has looked', () => sender.report().up && reads > 0);
    const own = (): readonly LogEntry[] => a.logOf('a.1');
    for (let i = 0; i < 4; i++) a.write(`w${i}`);
    const before = reads;
    sender.feed(START, own().slice(0, 2));
    // Some of it once more, as after a look at the log.
    sender.feed(own()[0]?.id ?? '', own().slice(1, 4));
    expect(sender.report().unsent).toBe(4);
    await untilTrue('all four are there', () => b.words().length === 4);
    expect(reads).toBe(before);
    for (let i = 4; i < 9; i++) a.write(`w${i}`);
    // Two are left out.
    sender.feed(own()[5]?.id ?? '', own().slice(6));
    await untilTrue('all are there', () => b.words().length === 9);
    expect(reads).toBeGreaterThan(before);
    expect(b.words()).toEqual(a.words());
    await close();
  });

  it('of more than may be on its way the rest waits in the log, and comes once, in order', async () => {
    const held = Promise.withResolvers<void>();
    let calls = 0;
    const wrap = (p: Peer): Peer => ({
      ...p,
      apply: async (...of) => {
        calls += 1;
        await held.promise;
        return await p.apply(...of);
      },
    });
    const { a, b, sender, confirmed, close } = await pair({ wrap, slower: 1000 });
    await untilTrue('it is up', () => sender.report().up);
    for (let i = 0; i < 1500; i++) {
      const after = a.vector()['a.1'] ?? START;
      a.write(`w${i}`);
      sender.feed(after, a.logOf('a.1').slice(-1));
    }
    expect(calls).toBe(1024);
    held.resolve();
    await untilTrue('all is there', () => b.words().length >= 1500);
    await untilTrue('it is confirmed', () => confirmed.at(-1) === a.vector()['a.1']);
    expect(b.words()).toEqual(a.words());
    await close();
  });

  it('goes on where the other is, on a new connection too, and nothing comes twice', async () => {
    let asked = 0;
    const wrap = (p: Peer): Peer => ({
      ...p,
      silence: 0,
      apply: (origin, prev, entries) => {
        asked += 1;
        const answer = p.apply(origin, prev, entries);
        // Applied, and the answer is lost.
        return asked % 3 === 0 ? answer.then(() => Promise.reject(new Error('the connection ended'))) : answer;
      },
    });
    const { a, b, sender, opened, close } = await pair({ wrap });
    for (let i = 0; i < 12; i++) {
      a.write(`w${i}`);
      sender.wake();
      await clock.sleep(30);
    }
    await untilTrue('all is there', () => b.words().length >= 12);
    expect(b.words()).toEqual(a.words());
    expect(opened()).toBeGreaterThan(1);
    await close();
  });

  it('TW5120: stamps far ahead of the other clock are kept back, and sent once it has caught up', async () => {
    const late = { ms: 90_000 };
    const { a, b, sender, notes, close } = await pair({ late });
    a.write('early');
    sender.wake();
    await untilTrue('it is said', () => sender.report().skewMs !== undefined);
    expect(sender.report().why).toContain('TW5120');
    expect(notes.join()).toContain('TW5120');
    expect(b.words()).toEqual([]);
    late.ms = 0;
    await untilTrue('it is there', () => b.words().join() === 'early');
    await untilTrue('nothing is said', () => sender.report().skewMs === undefined && sender.report().why === undefined);
    await close();
  });

  it('TW5121: a log that begins too late for the other says so and is not sent', async () => {
    const { a, b, sender, close } = await pair();
    await untilTrue('it is up', () => sender.report().up);
    for (let i = 0; i < 3; i++) a.write(`w${i}`);
    a.trim('a.1', a.vector()['a.1'] ?? '');
    a.write('later');
    sender.wake();
    await untilTrue('it is said', () => sender.report().why?.includes('TW5121') === true);
    expect(b.words()).toEqual([]);
    expect(sender.view?.beyond).toBe(true);
    await close();
  });

  it('a silent way is given up, and what the other lacks is counted meanwhile', async () => {
    const wrap = (p: Peer): Peer => {
      const closed = Promise.withResolvers<never>();
      closed.promise.catch(() => undefined);
      const close = (): void => closed.reject(new Error('the connection ended'));
      return { ...p, vector: () => closed.promise, silence: 60_000, close };
    };
    const { a, sender, close } = await pair({ wrap });
    for (let i = 0; i < 5; i++) a.write(`w${i}`);
    await untilTrue('it is counted', () => sender.report().unsent === 5);
    expect(sender.report()).toMatchObject({ up: false, why: 'no answer for 3000 ms' });
    expect(sender.report().lagMs).toBeGreaterThan(0);
    await close();
  });

  it('batches are no larger than a mebibyte or a thousand entries, and one large entry goes alone', () => {
    const entry = (bytes: number) => ({ id: '1-0', payload: Buffer.alloc(bytes) });
    const sizes = (...bytes: number[]) => batches(bytes.map(entry)).map((b) => b.length);
    expect(sizes()).toEqual([]);
    expect(sizes(1, 2 << 20, 1, 1)).toEqual([1, 1, 2]);
    expect(sizes(600_000, 400_000, 600_000)).toEqual([2, 1]);
    expect(batches(Array.from({ length: 2001 }, () => entry(1))).map((b) => b.length)).toEqual([1000, 1000, 1]);
  });
});
