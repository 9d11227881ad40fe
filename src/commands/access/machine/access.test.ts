import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Approval, ApprovalRule, AuditRecord, Barrier, Person, Policy, Target } from '../model.ts';
import { boundOf, movedSince, opened, type Question, standing, usable, vote } from './approval.ts';
import { refusalOf, stopping } from './barrier.ts';
import { breaksOf, endBreak, endOf, GENESIS, linked } from './chain.ts';
import { ahead, keysOf, type Standing } from './lanes.ts';
import { authorise, personOf, rightsFor, whoMay } from './rights.ts';

const sao = { name: 'sao', cloud: 'aws', region: 'sa-east-1' };
const mtl = { name: 'mtl', cloud: 'gcp', region: 'northamerica-northeast1' };
const target = (app: string | undefined, clusters = [sao, mtl]): Target => ({ fleet: 'demo', app, clusters });

const policy: Policy = {
  people: {
    anna: { accounts: ['os:anna'], groups: ['dev'] },
    bob: { accounts: [], groups: ['dev'] },
    eve: { accounts: [], groups: [] },
  },
  rights: [
    { who: ['dev'], may: ['look', 'safe'] },
    { who: ['anna'], may: ['forward'], apps: ['guestbook'] },
    { who: ['bob'], may: ['forward', 'destroy', 'approve'], clusters: ['cloud:aws'] },
  ],
  approvals: [],
  digest: 'd',
};
const anna: Person = { name: 'anna', groups: ['dev'] };
const bob: Person = { name: 'bob', groups: ['dev'] };

describe('rights', () => {
  it('are denied by default, and a refusal says who may and what rule would pass', () => {
    const v = authorise(policy, { name: 'eve', groups: [] }, ['look'], target('guestbook'));
    expect(v).toMatchObject({
      ok: false,
      code: 'TW6101',
      wouldPass: ['may: anna, bob', expect.stringContaining("who: ['eve']")],
    });
  });

  it.each([
    ['her app', anna, ['forward'], target('guestbook'), true],
    ['another app', anna, ['forward'], target('shop'), false],
    ['the whole fleet is more than one app', anna, ['forward'], target(undefined), false],
    ['a cloud of his', bob, ['forward'], target('shop', [sao]), true],
    ['one cluster outside of his cloud', bob, ['forward'], target('shop'), false],
    ['destroy comes on top', anna, ['forward', 'destroy'], target('guestbook'), false],
    ['by group', bob, ['safe'], target(undefined), true],
  ] as const)('%s', (...[, person, needs, t, ok]) => {
    expect(authorise(policy, person, needs, t).ok).toBe(ok);
  });

  it('classes of verbs', () => {
    expect(rightsFor('forward', true)).toEqual(['forward', 'destroy']);
    expect(rightsFor('decide', false)).toEqual(['approve']);
    expect(personOf(policy, 'constructor')).toBeUndefined();
    expect(whoMay(policy, 'approve', target('guestbook', [sao]))).toEqual(['bob']);
  });
});

const question: Question = {
  fleet: 'demo',
  verb: 'release',
  args: { target: 'guestbook@v2', strategy: 'atomic', waves: [{ clusters: ['sao'], soak: 20 }] },
  app: 'guestbook',
  clusters: ['sao', 'mtl'],
  requester: 'anna',
  config: 'sha256:c',
  policy: 'sha256:p',
  plan: 'p-0123456789ab',
  facts: { 'cluster sao': 'v1 to v2' },
};
const rule: ApprovalRule = { quorum: 2, notRequester: true, ttlMs: 1000 };
const asked = (): Approval => opened(question, rule, 0);
const yes = { says: 'yes', at: 1 } as const;

function voted(a: Approval, ...by: readonly string[]): Approval {
  return by.reduce((x, name) => {
    const r = vote(x, { name, groups: [] }, yes, 1);
    return 'approval' in r ? r.approval : x;
  }, a);
}

const flipped = (v: string): string[] =>
  Array.from(
    { length: v.length },
    (_, i) => `${v.slice(0, i)}${String.fromCharCode(v.charCodeAt(i) ^ 1)}${v.slice(i + 1)}`,
  );

/** Every way to change one leaf of a value a little. */
function mutants(v: unknown): unknown[] {
  if (typeof v === 'string') return flipped(v);
  if (typeof v === 'number') return [v + 1];
  if (Array.isArray(v)) return [[...v, 'more'], ...v.flatMap((x, i) => mutants(x).map((m) => v.with(i, m)))];
  if (typeof v !== 'object' || v === null) return [];
  return Object.entries(v).flatMap(([k, x]) => mutants(x).map((m) => ({ ...v, [k]: m })));
}

describe('approvals', () => {
  it('count persons: the requester, a second account and a stranger do not', () => {
    const a = voted(asked(), 'anna', 'bob', 'bob');
    expect([a.state, a.votes.map((v) => v.person)]).toEqual(['open', ['bob']]);
    expect(voted(a, 'carl').state).toBe('granted');
    expect(vote({ ...asked(), from: ['ops'] }, bob, yes, 1)).toMatchObject({ code: 'TW6111' });
  });

  it('one no ends it, time is a no, and nothing is voted on twice', () => {
    const no = vote(asked(), anna, { says: 'no', at: 1, because: 'cold' }, 1);
    const denied = 'approval' in no ? no.approval : asked();
    expect(denied.state).toBe('denied');
    expect(vote(denied, bob, yes, 1)).toMatchObject({ code: 'TW6116' });
    expect(vote(asked(), bob, yes, 1000)).toMatchObject({ code: 'TW6116' });
    expect(usable(voted(asked(), 'bob', 'carl'), question, 1000)).toMatchObject({ code: 'TW6116' });
  });

  it('are good for exactly what was asked', () => {
    const a = voted(asked(), 'bob', 'carl');
    expect(usable(a, question, 2)).toBeUndefined();
    expect(usable({ ...a, state: 'used' }, question, 2)).toMatchObject({ code: 'TW6116' });
    expect(usable(asked(), question, 2)).toMatchObject({ code: 'TW6110' });
  });

  it('one byte of the question moved: refused, whichever byte', () => {
    const a = voted(asked(), 'bob', 'carl');
    const all = mutants(question) as Question[];
    expect(all.length).toBeGreaterThan(80);
    for (const q of all) {
      expect(boundOf(q), JSON.stringify(q)).not.toBe(a.bound);
      expect(usable(a, q, 2)).toMatchObject({ code: 'TW6115' });
    }
    const now = { plan: 'p-1', facts: { 'cluster mtl': 'left out', 'cluster sao': 'v2 to v2' } };
    expect(usable(a, { ...question, ...now }, 2)).toMatchObject({
      code: 'TW6115',
      why: 'the plan: p-0123456789ab → p-1: cluster mtl: nothing → left out; cluster sao: v1 to v2 → v2 to v2',
    });
    expect(movedSince(a, { ...question, config: 'sha256:d' })).toBe('the config is another one');
    expect(movedSince(a, { ...question, policy: 'sha256:q' })).toContain('people, rights or approvals');
  });

  it('a voter who lost the right takes the vote along', () => {
    const a = voted(asked(), 'bob', 'carl');
    expect(standing(a, (name) => name !== 'carl')).toMatchObject({ state: 'open', votes: [{ person: 'bob' }] });
    expect(standing(a, () => true).state).toBe('granted');
  });
});

describe('freezes and locks', () => {
  const b = (more: Partial<Barrier>): Barrier => ({
    id: 'f1',
    kind: 'freeze',
    by: 'anna',
    because: 'sale',
    at: 0,
    until: null,
    ...more,
  });

  it.each([
    ['a freeze of everything', b({}), target('shop'), false],
    ['a freeze of another app', b({ apps: ['guestbook'] }), target('shop'), true],
    ['a freeze of one cluster of many', b({ clusters: ['sao'] }), target('shop'), false],
    ['a freeze of one app stops the fleet', b({ apps: ['guestbook'] }), target(undefined), false],
    ['its time is over', b({ until: 5 }), target('shop'), true],
    ['her own freeze stops her too', b({}), target('guestbook'), false],
    ['her own lock does not', b({ kind: 'lock' }), target('guestbook'), true],
  ])('%s', (_, barrier, t, ok) => {
    expect(stopping([barrier], { target: t, person: anna, now: 5 }).length === 0).toBe(ok);
  });

  it('the lock of somebody else stops, and says how to go on', () => {
    const stops = stopping([b({ id: 'f1' }), b({ kind: 'lock', id: 'l1' })], {
      target: target('x'),
      person: bob,
      now: 5,
    });
    expect(refusalOf(stops)).toMatchObject({
      code: 'TW6202',
      why: expect.stringMatching(/^lock l1/),
      wouldPass: ['tw unfreeze f1', 'tw unlock l1', expect.anything()],
    });
  });
});

describe('the chain', () => {
  const body = (i: number) => ({
    ...{ at: i, what: 'started', person: 'anna', door: 'cli', account: 'os:anna' },
    command: `c${i}`,
    data: { verb: 'up' },
  });
  const chain = (n: number): AuditRecord[] => {
    const list: AuditRecord[] = [];
    for (let i = 0; i < n; i++) list.push(linked(body(i), endOf(list)));
    return list;
  };
  const headOf = (list: readonly AuditRecord[]) => ({ n: list.length, hash: list.at(-1)?.hash ?? GENESIS });

  it('is whole as it was written, and names the first record that is not', () => {
    const list = chain(6);
    const firstBroken = (l: AuditRecord[], h: { n: number; hash: string }) =>
      breaksOf(l, h)[0] ?? endBreak(l, h, undefined);
    expect(firstBroken(list, headOf(list))).toBeUndefined();
    expect(firstBroken([], { n: 0, hash: GENESIS })).toBeUndefined();
    for (let i = 0; i < list.length; i++) {
      const gone = list.toSpliced(i, 1);
      expect(firstBroken(gone, headOf(list))?.n, `without ${i + 1}`).toBe(i === 5 ? 6 : i + 1);
      for (const m of mutants(list[i]) as AuditRecord[])
        expect(firstBroken(list.with(i, m), headOf(list))?.n, JSON.stringify(m)).toBeGreaterThanOrEqual(i + 1);
    }
  });

  it('a break stays the same when the chain grows, and is another one when more is changed', () => {
    const list = chain(6);
    const changed = list.with(2, { ...(list[2] as AuditRecord), person: 'eve' });
    const cut = list.slice(0, 4);
    for (const [broken, head] of [
      [changed, headOf(list)],
      [list.toSpliced(1, 2), headOf(list)],
      [cut, headOf(list)],
    ] as const) {
      const grown = [...broken, linked(body(7), head)];
      expect(breaksOf(broken, head)).toHaveLength(1);
      expect(breaksOf(grown, endOf(grown))).toEqual(breaksOf(broken, head));
    }
    expect(breaksOf(cut, headOf(list))[0]?.why).toBe('records 5 to 6 are missing');
    const twice = list.with(2, { ...(list[2] as AuditRecord), person: 'mallory' });
    expect(breaksOf(twice, headOf(list))).not.toEqual(breaksOf(changed, headOf(list)));
  });

  it('an end that was cut together with its head is known by who saw it', () => {
    const list = chain(6);
    const cut = list.slice(0, 4);
    expect(endBreak(cut, endOf(cut), undefined)).toBeUndefined();
    expect(endBreak(cut, endOf(cut), headOf(list))).toMatchObject({
      n: 6,
      why: expect.stringContaining('is not there'),
    });
    const other = [...cut, linked(body(55), endOf(cut)), linked(body(66), { n: 5, hash: 'h' })];
    expect(endBreak(other, endOf(other), headOf(list))?.why).toContain('another one is there');
    expect(endBreak(list, headOf(list), endOf(cut))).toBeUndefined();
    expect(endBreak(list, endOf(cut), undefined)).toMatchObject({ n: 5 });
  });
});

describe('lanes', () => {
  const wish = fc.record({
    app: fc.constantFrom('a', 'b', undefined),
    clusters: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { minLength: 1 }),
  });
  const standing = (n: number, w: { app: string | undefined; clusters: string[] }, verb = 'up'): Standing => ({
    ...{ n, verb, app: w.app ?? null, keys: keysOf(w.app, w.clusters), state: 'waits' },
  });

  it('never two over one key, arrival order kept, nobody waits for ever', () => {
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 14 }), fc.infiniteStream(fc.nat()), (wishes, dice) => {
        let line = wishes.map((w, i) => standing(i + 1, w));
        const shares = (a: Standing, b: Standing): boolean =>
          a.keys.some((k) => k === '*' || b.keys.includes('*') || b.keys.includes(k));
        for (let round = 0; line.length > 0; round++) {
          expect(round).toBeLessThan(wishes.length * 2 + 2);
          const go = line.filter((p) => p.state === 'waits' && ahead(p, line).length === 0);
          for (const g of go) for (const o of line) expect(o.n >= g.n || !shares(g, o)).toBe(true);
          line = line.map((p) => (go.includes(p) ? { ...p, state: 'runs' } : p));
          const runs = line.filter((p) => p.state === 'runs');
          for (const r of runs) for (const o of runs) expect(o === r || !shares(r, o)).toBe(true);
          const ends = runs[(dice.next().value ?? 0) % runs.length];
          line = line.filter((p) => p !== ends);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('the word that a running release waits for waits for nobody; without one it waits as the others do', () => {
    const a = { app: 'a', clusters: ['x'] };
    const runs: Standing = { ...standing(1, a, 'release'), state: 'runs' };
    const waits = standing(2, a, 'release');
    const word = standing(3, a, 'promote');
    expect(ahead(word, [runs, waits, word])).toEqual([]);
    expect(ahead(word, [waits, word])).toEqual([waits]);
    expect(ahead(standing(3, { app: 'b', clusters: ['x'] }, 'promote'), [runs, waits])).toEqual([]);
    expect(ahead(standing(3, a, 'retire'), [runs, waits])).toEqual([runs, waits]);
  });
});
