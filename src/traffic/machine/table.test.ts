import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Intent, MapRow, Query, Serve, World } from '../model.ts';
import { evaluate } from './evaluate.ts';
import { down, edge, HOST, intent, SITES, snapshot } from './fixtures.ts';
import { formatCidr, formatIp, mask, parseIp } from './ip.ts';
import { compileTable, lookup, NOBODY } from './table.ts';
import { worldOf } from './world.ts';

const NAMES = ['sao', 'mtl', 'syd'];
// A narrow space, so that prefixes nest and clients hit them.
const v4 = fc.integer({ min: 0, max: 0x3ffff }).map((n) => formatIp({ v: 4, n: (0xc6000000 + n * 64) >>> 0 }));
const v6 = fc
  .tuple(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0xffff }))
  .map(([a, b]) => `2001:db8:${a.toString(16)}:${b.toString(16)}::1`);
const ip = fc.oneof({ weight: 3, arbitrary: v4 }, { weight: 1, arbitrary: v6 });
const prefixOf = (text: string, len: number): string => {
  const addr = parseIp(text);
  if (addr === undefined) throw new Error(text);
  return formatCidr({ addr: mask(addr, len), len });
};
const rowPrefix = fc.oneof(
  fc.tuple(v4, fc.integer({ min: 6, max: 24 })).map(([a, l]) => prefixOf(a, l)),
  fc.tuple(v6, fc.integer({ min: 20, max: 48 })).map(([a, l]) => prefixOf(a, l)),
);
const place = fc.record({ lat: fc.integer({ min: -80, max: 80 }), lon: fc.integer({ min: -179, max: 179 }) });
const row: fc.Arbitrary<MapRow> = fc
  .record(
    {
      prefix: rowPrefix,
      rtt: fc.dictionary(
        fc.constantFrom(...NAMES),
        fc.record({ ms: fc.integer({ min: 1, max: 300 }), n: fc.constant(1) }),
      ),
      place,
      country: fc.constantFrom('BR', 'CA', 'AU', 'FR'),
    },
    { requiredKeys: ['prefix'] },
  )
  .map((r) => r as MapRow);
const serve: fc.Arbitrary<Serve> = fc.oneof(
  fc.constant({ by: 'fastest' as const }),
  fc.constant({ by: 'nearest' as const }),
  fc
    .dictionary(fc.constantFrom(...NAMES), fc.integer({ min: 0, max: 100 }))
    .map((weights) => ({ by: 'weights' as const, weights })),
  fc
    .constantFrom<string[][]>([['mtl'], ['sao', 'syd']], [['sao', 'mtl']], [])
    .map((order) => ({ by: 'order' as const, order })),
);
const oneIntent: fc.Arbitrary<Intent> = fc
  .record({
    serve,
    ttl: fc.integer({ min: 5, max: 60 }),
    residency: fc.array(
      fc.record({
        from: fc.array(fc.oneof(fc.constantFrom('BR', 'CA', 'EU', 'OCEANIA'), rowPrefix), {
          minLength: 1,
          maxLength: 3,
        }),
        to: fc.subarray(NAMES, { minLength: 1 }),
        strict: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
  })
  .map((over) => intent(over));
const world: fc.Arbitrary<World> = fc
  .record({
    one: oneIntent,
    rows: fc.array(row, { maxLength: 12 }),
    downs: fc.subarray(NAMES),
    braked: fc.subarray(NAMES),
    drained: fc.subarray(NAMES),
    six: fc.subarray(NAMES),
    now: fc.integer({ min: 0, max: 2_000_000_000_000 }),
  })
  .map(({ one, rows, downs, braked, drained, six, now }) => {
    const holds = [...braked.map((c) => ['brake', c] as const), ...drained.map((c) => ['drain', c] as const)];
    const sites = SITES.map((s) => ({
      ...s,
      edges: {
        guestbook: edge({ v4: s.edges.guestbook?.v4 ?? [], v6: six.includes(s.cluster) ? ['2001:db8::9'] : [] }),
      },
    }));
    const shot = snapshot({
      intents: [one],
      sites,
      map: { id: 'm', prior: { a: 8, b: 0.016 }, rows },
      holds: holds.map(([kind, cluster]) => ({ id: `${kind}${cluster}`, kind, cluster, by: 'x', why: 'y', since: 0 })),
    });
    const health = Object.fromEntries(downs.map((c) => [`${c}/guestbook`, down()]));
    return worldOf(shot, { health, names: {}, load: {}, now });
  });
const query: fc.Arbitrary<Query> = fc
  .record({
    source: ip,
    type: fc.constantFrom('A', 'AAAA'),
    client: fc.option(ip),
    bits: fc.integer({ min: 0, max: 56 }),
  })
  .map(({ source, type, client, bits }) => {
    const len = client?.includes(':') ? bits : Math.min(bits, 32);
    return { name: HOST, source, type, ...(client === null ? {} : { ecs: prefixOf(client, len) }) };
  });

/** The same facts from the law and from the table. */
function both(w: World, q: Query): [unknown, unknown] {
  const table = compileTable(w);
  const law = evaluate(w, q);
  const hot = lookup(table, q, w.now) ?? { site: NOBODY, slot: -1, row: 0, scope: -1 };
  const scoped = law.client.from === 'ecs' && law.answer.data.length > 0;
  const fast = [w.sites[hot.site]?.cluster ?? null, hot.slot, table.rowNames[hot.row] ?? null, scoped ? hot.scope : 0];
  return [fast, [law.chosen, law.slot, law.client.row, law.scope]];
}

it('lookup equals evaluate for every world and query', () => {
  fc.assert(
    fc.property(world, fc.array(query, { minLength: 1, maxLength: 16 }), (w, queries) => {
      for (const q of queries) {
        const [fast, law] = both(w, q);
        expect(fast).toEqual(law);
      }
    }),
    { numRuns: 700 },
  );
});

it('cuts the space into disjoint blocks: a scope never covers an address with another answer', () => {
  fc.assert(
    fc.property(world, ip, ip, (w, one, other) => {
      const table = compileTable(w);
      const a = lookup(
        table,
        { name: HOST, type: 'A', source: '192.0.2.1', ecs: prefixOf(one, one.includes(':') ? 48 : 24) },
        w.now,
      );
      const from = parseIp(one);
      const to = parseIp(other);
      if (a === undefined || from === undefined || to === undefined || from.v !== to.v) return;
      const len = one.includes(':') ? 48 : 24;
      const covered = formatIp(mask(from, a.scope)) === formatIp(mask(to, a.scope));
      const b = lookup(table, { name: HOST, type: 'A', source: '192.0.2.1', ecs: prefixOf(other, len) }, w.now);
      expect(covered ? b?.row : a.row).toBe(a.row);
    }),
    { numRuns: 300 },
  );
});
