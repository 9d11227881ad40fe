import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DnsCache } from './cache.ts';
import type { Rec } from './model.ts';
import { ServerTable } from './servers.ts';

const a = (name: string, ttl: number, data = '198.18.1.100'): Rec => ({ name, type: 'A', ttl, data });

describe('resolver cache', () => {
  it('never answers after the TTL and always before it', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'A.'),
      ttl: fc.integer({ min: 0, max: 60 }),
      wait: fc.integer({ min: 0, max: 90_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const cache = new DnsCache();
        const until = new Map<string, number>();
        let now = 1_000_000;
        for (const s of steps) {
          const key = s.name === 'b' ? 'b' : 'a';
          cache.put(s.name, 'A', [a(key, s.ttl)], now);
          until.set(key, now + s.ttl * 1000);
          now += s.wait;
          for (const [name, end] of until) {
            // What is left is told, and nothing when it is over.
            const left = Math.max(0, Math.ceil((end - now) / 1000));
            const hit = cache.get(name, 'A', now) ?? { ttl: 0, records: [] };
            expect(hit.ttl).toBe(left);
            expect(hit.records.map((r) => r.ttl)).toEqual(left === 0 ? [] : [left]);
          }
        }
      }),
    );
  });

  it('keeps a set as long as its shortest TTL', () => {
    const cache = new DnsCache();
    cache.put('x', 'A', [a('x', 30), a('x', 5, '198.18.2.100')], 0);
    expect(cache.get('x', 'A', 4999)?.records).toHaveLength(2);
    expect(cache.get('x', 'A', 5000)).toBeUndefined();
  });

  it('keeps absences: a missing name for every type, a missing type for one', () => {
    const cache = new DnsCache();
    cache.putNegative('gone', 'A', { rcode: 'NXDOMAIN', ttl: 10 }, 0);
    expect(cache.get('gone', 'AAAA', 1)).toMatchObject({ rcode: 'NXDOMAIN', records: [] });
    cache.putNegative('only-v4', 'AAAA', { rcode: 'NOERROR', ttl: 10 }, 0);
    expect(cache.get('only-v4', 'AAAA', 1)).toMatchObject({ rcode: 'NOERROR', records: [] });
    expect(cache.get('only-v4', 'A', 1)).toBeUndefined();
    cache.putNegative('zero', 'A', { rcode: 'NXDOMAIN', ttl: 0 }, 0);
    expect(cache.get('zero', 'A', 0)).toBeUndefined();
  });

  it('holds no more than its limit and forgets the oldest', () => {
    const cache = new DnsCache(3);
    for (const n of ['a', 'b', 'c', 'd']) cache.put(n, 'A', [a(n, 60)], 0);
    expect(cache.size).toBe(3);
    expect(cache.get('a', 'A', 1)).toBeUndefined();
    expect(cache.get('d', 'A', 1)).toBeDefined();
  });
});

describe('server table', () => {
  it('asks unknown servers first, then the fastest, silent ones last and not for ever', () => {
    const t = new ServerTable();
    t.answered('far', 200);
    t.answered('near', 10);
    t.silent('dead', 0);
    expect(t.order(['dead', 'far', 'near', 'new'], 1000)).toEqual(['new', 'near', 'far', 'dead']);
    expect(t.order(['far', 'dead'], 31_000)).toEqual(['dead', 'far']);
    t.answered('dead', 1);
    expect(t.order(['near', 'dead'], 1000)).toEqual(['dead', 'near']);
  });
});
