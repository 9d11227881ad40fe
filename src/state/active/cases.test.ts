// What happens when clusters write the same key at once, case by case, on three real Redis.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ActiveRedis, Plain } from '../testing/active.ts';
import { bring, settle, three } from '../testing/exchange.ts';
import { programOf } from '../testing/redis-process.ts';

const missing = programOf('redis-server') === undefined;
let all: ActiveRedis[] = [];
let [a, b, c] = [] as unknown as [ActiveRedis, ActiveRedis, ActiveRedis];

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
/** An end that a slow machine still reaches in time. */
const soon = (): number => Date.now() + 800;
const past = (end: number): Promise<void> => sleep(end - Date.now() + 5);
/** Brings everything to everybody; all are equal then, and nothing waits for what does not come. */
async function equal(): Promise<Record<string, Plain>> {
  await settle(all);
  const [data, more] = [await Promise.all(all.map((r) => r.data())), await Promise.all(all.map((r) => r.metadata()))];
  for (const i of [1, 2]) expect([data[i], more[i]]).toEqual([data[0], more[0]]);
  expect(Object.keys(more[0] ?? {}).filter((k) => /^tw:(late|cut)/.test(k))).toEqual([]);
  return data[0] ?? {};
}
/** The value of `k` everywhere. */
const agreed = async (): Promise<Plain> => ((await equal())['k'] as Plain[] | undefined)?.[1] ?? null;

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'writes at once', () => {
  beforeAll(async () => {
    all = await three();
    [a, b, c] = all as [ActiveRedis, ActiveRedis, ActiveRedis];
  });
  beforeEach(async () => {
    await Promise.all([a.reopen('a.0'), b.reopen('b.0'), c.reopen('c.0')]);
  });
  afterAll(async () => void (await Promise.all(all.map((r) => r.close()))));

  describe('lists', () => {
    it('right ends in the order of their stamps, left ends against it, one command in one piece', async () => {
      await a.write('RPUSH', 'k', 'r1', 'r2');
      await sleep(3);
      await b.write('LPUSH', 'k', 'l1', 'l2');
      await sleep(3);
      await c.write('RPUSH', 'k', 'r3');
      await sleep(3);
      await a.write('LPUSH', 'k', 'l3');
      expect(await agreed()).toEqual(['l3', 'l2', 'l1', 'r1', 'r2', 'r3']);
    });

    it('a removal leaves what it has not seen, and does not let come back what it has', async () => {
      await a.write('RPUSH', 'k', 'seen');
      await bring('a.0', a, b);
      expect(await b.write('DEL', 'k')).toBe(1);
      await c.write('RPUSH', 'k', 'unseen');
      // c hears of the removal first.
      await bring('b.0', b, c);
      expect(await c.ask('LRANGE', 'k', 0, -1)).toEqual(['unseen']);
      expect(await agreed()).toEqual(['unseen']);
    });
  });

  describe('counters', () => {
    it('increments add up on top of the value that was set', async () => {
      await a.write('SET', 'k', 5);
      await settle(all);
      for (const [i, r] of all.entries()) expect(await r.write('INCRBY', 'k', 10 ** i)).toBe(5 + 10 ** i);
      await b.write('DECR', 'k');
      expect(await agreed()).toBe('115');
    });

    it('a SET counts the increments it has seen as done, and those it has not on top', async () => {
      for (let n = 0; n < 3; n++) await a.write('INCR', 'k');
      await bring('a.0', a, b);
      await a.write('INCRBY', 'k', 100);
      await b.write('SET', 'k', 10);
      await bring('b.0', b, c);
      expect(await c.ask('GET', 'k')).toBe('10');
      await bring('a.0', a, c, 2);
      expect(await c.ask('GET', 'k')).toBe('10');
      expect(await agreed()).toBe('110');
    });

    it('two resets that have seen different parts: what either has seen is done', async () => {
      await a.write('INCRBY', 'k', 1);
      await bring('a.0', a, b);
      await a.write('INCRBY', 'k', 10);
      await bring('a.0', a, c);
      await a.write('INCRBY', 'k', 100);
      await b.write('DEL', 'k');
      await c.write('DEL', 'k');
      await bring('c.0', c, a);
      expect(await a.ask('GET', 'k')).toBe('100');
      await bring('b.0', b, a);
      expect(await a.ask('GET', 'k')).toBe('100');
      expect(await agreed()).toBe('100');
    });

    it('a count that began anew is not mixed with the one before, though its end comes later', async () => {
      await a.write('INCRBY', 'k', 7);
      await settle(all);
      await b.write('DEL', 'k');
      await bring('b.0', b, a);
      expect(await a.write('INCRBY', 'k', 2)).toBe(2);
      await bring('a.0', a, c);
      expect(await c.ask('GET', 'k')).toBe('2');
      await a.write('INCRBY', 'k', 1);
      await bring('b.0', b, c);
      expect(await agreed()).toBe('3');
    });

    it('a value that is no number hides the count, and INCR says so', async () => {
      await a.write('INCR', 'k');
      await b.write('SET', 'k', 'text');
      expect(await agreed()).toBe('text');
      expect(await c.write('INCR', 'k')).toBe('-ERR value is not an integer or out of range');
      await c.write('SET', 'k', '1');
      expect(await agreed()).toBe('1');
    });

    it('fields count in the same way', async () => {
      await a.write('HSET', 'k', 'f', 5, 'g', 'x');
      await settle(all);
      await a.write('HINCRBY', 'k', 'f', 1);
      await b.write('HINCRBY', 'k', 'f', 2);
      await c.write('HDEL', 'k', 'f');
      expect(await agreed()).toEqual([
        ['f', '3'],
        ['g', 'x'],
      ]);
      await a.write('HDEL', 'k', 'f', 'g');
      expect(await agreed()).toBeNull();
    });

    it('what a double does not hold exactly is refused', async () => {
      await a.write('SET', 'k', '9007199254740990');
      expect(await a.write('INCR', 'k')).toBe(9007199254740991);
      expect(await a.write('INCR', 'k')).toBe('-ERR increment or decrement would overflow');
      await a.write('SET', 'k', '9007199254740993');
      expect(await a.write('INCR', 'k')).toBe('-ERR increment or decrement would overflow');
      expect(await agreed()).toBe('9007199254740993');
    });
  });

  describe('registers, sets, kinds', () => {
    it('the later SET is shown; a removal of one leaves the other', async () => {
      await a.write('SET', 'k', 'first');
      await sleep(3);
      await b.write('SET', 'k', 'second');
      await bring('a.0', a, c);
      await c.write('DEL', 'k');
      expect(await agreed()).toBe('second');
    });

    it('a member that is added and removed at once stays', async () => {
      await a.write('SADD', 'k', 'm', 'n');
      await settle(all);
      await b.write('SADD', 'k', 'm');
      await c.write('SREM', 'k', 'm', 'n');
      expect(await agreed()).toEqual(['m']);
    });

    it('removals that come before what they remove', async () => {
      await a.write('SADD', 'k', 'm');
      await a.write('HSET', 'h', 'f', '1');
      await a.write('SET', 's', '1');
      await bring('a.0', a, b);
      await b.write('SREM', 'k', 'm');
      await b.write('HDEL', 'h', 'f');
      await b.write('SET', 's', '2');
      await bring('b.0', b, c);
      expect(await c.data()).toMatchObject({ s: ['string', '2', -1] });
      expect(await equal()).toEqual({ s: ['string', '2', -1] });
    });

    it('of kinds created at once the first of list, set, hash, string is shown, and the next when it goes', async () => {
      await a.write('SADD', 'k', 'm');
      await b.write('HSET', 'k', 'f', 'v');
      await c.write('SET', 'k', 's');
      expect(await agreed()).toEqual(['m']);
      await a.write('EXPIRE', 'k', 1000);
      expect(await b.write('HSET', 'k', 'f', 'v')).toMatch(/^-WRONGTYPE/);
      await a.write('SREM', 'k', 'm');
      expect(await agreed()).toEqual([['f', 'v']]);
      expect(await c.ask('TTL', 'k')).toBeGreaterThan(900);
      await b.write('HDEL', 'k', 'f');
      expect(await agreed()).toBe('s');
      await c.write('RPUSH', 'other', 'x');
      expect(await c.write('SET', 'other', 'y')).toBe('OK');
      expect((await equal())['other']).toEqual(['string', 'y', -1]);
    });

    it('a list that comes over another kind, and its removal by who has seen both', async () => {
      await a.write('RPUSH', 'k', 'x');
      await b.write('SADD', 'k', 'm');
      expect(await agreed()).toEqual(['x']);
      expect(await c.write('DEL', 'k')).toBe(1);
      expect(await agreed()).toBeNull();
      expect(Object.keys(await a.metadata())).toEqual(['tw:vec']);
    });
  });

  describe('expiry', () => {
    it('the later EXPIRE counts, PERSIST removes what it has seen', async () => {
      await a.write('SET', 'k', 'v', 'EX', 500);
      await settle(all);
      await a.write('PEXPIREAT', 'k', 4_000_000_000_000);
      await sleep(3);
      await b.write('PEXPIREAT', 'k', 3_900_000_000_000);
      await c.write('PERSIST', 'k');
      expect((await equal())['k']).toEqual(['string', 'v', 3_900_000_000_000]);
      expect(await a.write('PERSIST', 'k')).toBe(1);
      expect((await equal())['k']).toEqual(['string', 'v', -1]);
    });

    it('a key whose time is over is forgotten as what it was seen to be: what came at once stays', async () => {
      await a.write('RPUSH', 'k', 'old');
      await settle(all);
      await a.write('PEXPIRE', 'k', 10);
      await bring('a.0', a, b);
      await sleep(15);
      expect(await b.ask('EXISTS', 'k')).toBe(0);
      expect(await a.sweep()).toEqual([1, -1]);
      await c.write('RPUSH', 'k', 'new');
      expect(await agreed()).toEqual(['new']);
      expect(await b.sweep()).toEqual([0, -1]);
    });

    it('a longer time that is on its way shows again what was over: nobody forgets before all have spoken', async () => {
      for (const r of all) await r.write('SET', r.origin, 'here');
      await a.write('RPUSH', 'k', 'x', 'y');
      await a.write('HSET', 'h', 'f', '1');
      const end = soon();
      for (const k of ['k', 'h']) await a.write('PEXPIREAT', k, end);
      await settle(all);
      for (const k of ['k', 'h']) await b.write('EXPIRE', k, 1000);
      // a and c are cut off from b while the time ends.
      await past(end);
      expect(await a.ask('EXISTS', 'k', 'h')).toBe(0);
      for (let round = 0; round < 2; round++) {
        expect(await a.sweep()).toEqual([0, 1000]);
        await bring('a.0', a, c);
        expect(await c.sweep()).toEqual([0, 1000]);
        await bring('c.0', c, a);
      }
      await settle(all);
      for (const r of all) {
        expect(await r.ask('LRANGE', 'k', 0, -1)).toEqual(['x', 'y']);
        expect(await r.ask('HGETALL', 'h')).toEqual(['f', '1']);
        expect(await r.ask('TTL', 'k')).toBeGreaterThan(900);
      }
      await equal();
    });

    it('what comes while the time is over is hidden too, and forgotten with the rest', async () => {
      for (const r of all) await r.write('SET', r.origin, 'here');
      await a.write('RPUSH', 'k', 'x');
      const end = soon();
      await a.write('PEXPIREAT', 'k', end);
      await settle(all);
      await b.writes([
        ['RPUSH', 'k', 'y'],
        ['LPUSH', 'k', 'w'],
      ]);
      await past(end);
      await bring('b.0', b, c);
      expect(await c.ask('EXISTS', 'k')).toBe(0);
      for (const r of all) expect(await r.sweep()).toEqual([0, 1000]);
      await settle(all);
      // Who set the time forgets it first.
      expect(await b.sweep()).toEqual([0, 1000]);
      expect(await a.sweep()).toEqual([1, -1]);
      expect(await agreed()).toBeNull();
      expect(Object.keys(await c.metadata()).filter((k) => !k.startsWith('tw:'))).toEqual(['s:a.0', 's:b.0', 's:c.0']);
    });

    it('the first write after the end begins anew, with no sweep', async () => {
      await a.writes([
        ['RPUSH', 'k', 'old'],
        ['PEXPIRE', 'k', 5],
        ['HSET', 'h', 'f', '1'],
        ['PEXPIRE', 'h', 5],
        ['SET', 's', '7', 'PX', 5],
      ]);
      await sleep(10);
      expect(
        await a.writes([
          ['RPUSH', 'k', 'x'],
          ['HINCRBY', 'h', 'f', 1],
          ['INCR', 's'],
          ['PERSIST', 's'],
        ]),
      ).toEqual([1, 1, 1, 0]);
      expect(await equal()).toEqual({ k: ['list', ['x'], -1], h: ['hash', [['f', '1']], -1], s: ['string', '1', -1] });
    });

    it('an expiry that outlived its key does not touch the next one of that name', async () => {
      await a.write('RPUSH', 'k', 'x');
      await settle(all);
      await a.write('EXPIRE', 'k', 1000);
      await b.write('DEL', 'k');
      await settle(all);
      expect(await c.write('RPUSH', 'k', 'y')).toBe(1);
      expect((await equal())['k']).toEqual(['list', ['y'], -1]);
    });

    it('a key that Redis took away by a clock that was set back since is there again', async () => {
      await a.writes([
        ['RPUSH', 'k', 'x', 'y'],
        ['EXPIRE', 'k', 1000],
      ]);
      await settle(all);
      await a.client.ask('DEL', 'k');
      expect(await a.write('RPUSH', 'k', 'z')).toBe(3);
      await c.client.ask('DEL', 'k');
      await bring('a.0', a, c);
      expect(await c.ask('LRANGE', 'k', 0, -1)).toEqual(['x', 'y', 'z']);
      expect(await agreed()).toEqual(['x', 'y', 'z']);
      expect(await c.ask('TTL', 'k')).toBeGreaterThan(900);
    });
  });
});
