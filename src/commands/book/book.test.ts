import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryStore, openStore, type Store, type StoreFault, StoreWorld } from '../../kernel/index.ts';
import type { Question } from '../access/machine/approval.ts';
import type { Caller } from '../access/model.ts';
import { amend, numbered } from './amend.ts';
import { approvals, cast, open, use, waiting } from './approvals.ts';
import { record, records, verify } from './audit.ts';
import { barriers, closeIncident, find, lift, openIncident, raise } from './barriers.ts';
import { finish, prune, receive, rowOf, start, unfinished } from './ledger.ts';
import { linkedPerson, offer, settle, typed, unlink } from './links.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-book-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const slack: Caller = { door: 'slack', identity: { platform: 'slack', tenant: 'T1', actor: 'U1' } };
const message = (id: string, keys: readonly string[], now = 0) => ({
  keys,
  id,
  salt: 's',
  line: 'status',
  caller: slack,
  room: 'C1',
  typedAt: now,
  now,
});

describe.each<[string, () => Store]>([
  ['memory', () => memoryStore()],
  ['sqlite', () => openStore(join(dir, `${Math.random()}.db`))],
])('the book over %s', (_, make) => {
  it('takes a message once, by any of its keys, and answers a copy with the first row', async () => {
    const s = make();
    expect(await receive(s, message('c1', ['event:1', 'sig:a']))).toMatchObject({ first: true, row: { id: 'c1' } });
    expect(await receive(s, message('c2', ['event:1', 'sig:b']))).toMatchObject({ first: false, row: { id: 'c1' } });
    expect(await start(s, 'c1', 'me')).toBe(true);
    expect(await start(s, 'c1', 'you')).toBe(false);
    await finish(s, 'c1', { exit: 0, code: null, at: 5 });
    await finish(s, 'c1', { exit: 1, code: 'TW6403', at: 6 });
    expect((await receive(s, message('c3', ['sig:a']))).row).toMatchObject({ state: 'ended', outcome: { exit: 0 } });
    expect(await unfinished(s)).toEqual([]);
    expect((await records(s)).map((r) => r.what)).toEqual(['received']);
    await s.close();
  });

  it('two processes that write the audit at once make one chain', async () => {
    const s = make();
    const say = (n: number) =>
      record(s, { at: n, what: 'started', person: 'anna', caller: slack, command: `c${n}`, data: n });
    await Promise.all(Array.from({ length: 12 }, (_x, n) => say(n)));
    expect(await verify(s)).toMatchObject({ head: { n: 12 } });
    expect((await verify(s)).broken).toBeUndefined();
    expect((await records(s)).map((r) => r.command).toSorted()).toEqual(
      Array.from({ length: 12 }, (_x, n) => `c${n}`).toSorted(),
    );
    await s.close();
  });

  it('100 who write the same at once are all heard: nobody is refused because others were faster', async () => {
    const s = make();
    const at = Array.from({ length: 100 }, (_x, n) => n);
    const say = (n: number) =>
      record(s, { at: n, what: 'started', person: 'anna', caller: slack, command: `c${n}`, data: n });
    await Promise.all(at.map(say));
    await Promise.all(at.map(() => amend<number>(s, 'count', (now = 0) => now + 1)));
    await Promise.all(at.map(() => numbered(s, 'thing/', 't', (id) => id)));
    expect((await verify(s)).head.n).toBe(100);
    expect((await s.get('count')).value).toBe(100);
    expect(await s.list('thing/')).toHaveLength(100);
    await s.close();
  });

  it('finds a record that was changed or taken out', async () => {
    const s = make();
    for (const n of [1, 2, 3])
      await record(s, { at: n, what: 'started', person: 'anna', caller: slack, command: `c${n}`, data: n });
    const key = 'audit/record/000000000002';
    const { value, revision } = await s.get(key);
    await s.cas(key, revision, { ...(value as object), person: 'eve' });
    expect((await verify(s)).broken).toMatchObject({ n: 2 });
    await s.txn({ if: [], put: [], remove: [key] });
    expect((await verify(s)).broken).toMatchObject({ n: 2, why: expect.stringContaining('missing') });
    await s.close();
  });

  it('links an account by both sides, once, and slows down who guesses', async () => {
    const s = make();
    await offer(s, { code: 'AAAA-BBBB-CCCC', person: 'anna', now: 0 });
    await expect(typed(s, { code: 'XXXX', identity: slack.identity, now: 1 })).rejects.toThrow(/TW6302/);
    expect(await typed(s, { code: 'aaaa-bbbb-cccc', identity: slack.identity, now: 1 })).toMatchObject({
      account: 'slack:T1:U1',
    });
    expect(await linkedPerson(s, slack.identity)).toBeUndefined();
    await settle(s, { code: 'AAAA-BBBB-CCCC', yes: true, now: 2 });
    expect(await linkedPerson(s, slack.identity)).toBe('anna');
    await expect(
      typed(s, { code: 'AAAA-BBBB-CCCC', identity: { ...slack.identity, actor: 'U2' }, now: 3 }),
    ).rejects.toThrow(/used already/);
    for (let i = 0; i < 3; i++)
      await typed(s, { code: `no${i}`, identity: slack.identity, now: 4 }).catch(() => undefined);
    await expect(typed(s, { code: 'AAAA-BBBB-CCCC', identity: slack.identity, now: 5 })).rejects.toThrow(
      /5 tries an hour/,
    );
    await unlink(s, 'slack:T1:U1');
    expect(await linkedPerson(s, slack.identity)).toBeUndefined();
    await offer(s, { code: 'OLD', person: 'anna', now: 0 });
    await expect(typed(s, { code: 'OLD', identity: { ...slack.identity, actor: 'U3' }, now: 600_000 })).rejects.toThrow(
      /10 minutes/,
    );
    await s.close();
  });

  it('a wish with another plan voids what was approved', async () => {
    const s = make();
    const q = WISH;
    const rule = { quorum: 1, notRequester: true, ttlMs: 100 };
    const x = await open(s, q, { rule, now: 0 });
    expect((await open(s, q, { rule, now: 1 })).fresh).toBe(false);
    await cast(s, x.approval.id, { person: { name: 'bob', groups: [] }, vote: { says: 'yes', at: 1 }, now: 1 });
    const y = await open(s, { ...q, plan: 'p-2' }, { rule, now: 2 });
    expect(y.moved).toContain('the plan: p-1 → p-2');
    expect((await approvals(s)).map((a) => a.state).toSorted()).toEqual(['open', 'void']);
    const ask = { question: q, may: () => true, now: 3 };
    await expect(use(s, x.approval.id, ask)).rejects.toThrow(/TW6116/);
    await expect(
      cast(s, 'a-none', { person: { name: 'bob', groups: [] }, vote: { says: 'yes', at: 1 }, now: 1 }),
    ).rejects.toThrow(/TW6112.*open/);
    expect((await waiting(s, 3)).map((a) => a.plan)).toEqual(['p-2']);
    expect(await waiting(s, 200)).toEqual([]);
    await s.close();
  });

  it('an approval is used once, whoever is faster', async () => {
    const s = make();
    const q = WISH;
    const { approval } = await open(s, q, { rule: { quorum: 1, notRequester: true, ttlMs: 100 }, now: 0 });
    await cast(s, approval.id, { person: { name: 'bob', groups: [] }, vote: { says: 'yes', at: 1 }, now: 1 });
    const two = await Promise.allSettled(
      [1, 2].map(() => use(s, approval.id, { question: q, may: () => true, now: 2 })),
    );
    expect(two.map((r) => r.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await s.close();
  });

  it('freezes, locks and incidents have ids that are never used twice', async () => {
    const s = make();
    const base = { by: 'anna', because: 'sale', at: 0, until: null };
    const f1 = await raise(s, { ...base, kind: 'freeze' });
    await raise(s, { ...base, kind: 'lock', until: 10 });
    expect((await barriers(s, 5)).map((b) => b.id)).toEqual(['f1', 'l1']);
    expect((await barriers(s, 10)).map((b) => b.id)).toEqual(['f1']);
    await lift(s, f1, 6);
    await expect(find(s, 'freeze', { id: undefined, now: 7 })).rejects.toThrow(/no freeze stands/);
    expect((await raise(s, { ...base, kind: 'freeze' })).id).toBe('f2');
    const i = await openIncident(s, { by: 'anna', because: 'slow', at: 0, endedAt: null, endedBy: null, freeze: 'f2' });
    expect(await closeIncident(s, { id: i.id, by: 'bob', now: 9 })).toMatchObject({ endedAt: 9, endedBy: 'bob' });
    await expect(closeIncident(s, { id: undefined, by: 'bob', now: 9 })).rejects.toThrow(/no incident is open/);
    await s.close();
  });

  it('forgets after 30 days what is ended, never what is not', async () => {
    const s = make();
    await receive(s, message('c1', ['a']));
    await receive(s, message('c2', ['b']));
    await finish(s, 'c1', { exit: 0, code: null, at: 1 });
    const late = 31 * 24 * 3_600_000;
    expect(await prune(s, late)).toBe(3);
    expect(await rowOf(s, 'c2')).toMatchObject({ state: 'received' });
    await expect(rowOf(s, 'c1')).rejects.toThrow(/TW6204/);
    expect((await verify(s)).broken).toBeUndefined();
    await s.close();
  });
});

// One delivery of one of a few messages, by one of two processes, with a store that loses answers, loses writes, and
// processes that die between two steps.
const step = fc.record({
  message: fc.nat({ max: 5 }),
  copy: fc.nat({ max: 2 }),
  faults: fc.array(fc.constantFrom<StoreFault | undefined>('lost', 'dropped', undefined, undefined), { maxLength: 6 }),
  dies: fc.constantFrom<'never' | 'before start' | 'after start' | 'after work'>(
    'never',
    'never',
    'before start',
    'after start',
    'after work',
  ),
});

const WISH: Question = {
  fleet: 'd',
  verb: 'up',
  args: {},
  app: null,
  clusters: ['sao'],
  requester: 'anna',
  config: 'c',
  policy: 'p',
  plan: 'p-1',
  facts: { sao: 'create' },
};

describe('replay, duplicate, reorder and crash', () => {
  it('nothing twice, nothing lost', async () => {
    const runs = 1000;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const world = new StoreWorld();
        const done = new Map<number, number>();
        const acknowledged = new Set<number>();
        let serial = 0;
        const work = async (s: Store, id: string, n: number, dies: string): Promise<void> => {
          if (dies === 'before start' || !(await start(s, id, `p${serial}`))) return;
          if (dies === 'after start') return;
          done.set(n, (done.get(n) ?? 0) + 1);
          if (dies !== 'after work') await finish(s, id, { exit: 0, code: null, at: 1 });
        };
        for (const x of steps) {
          serial += 1;
          const queue = [...x.faults];
          const s = memoryStore(
            (call) => (call.do === 'get' || call.do === 'range' ? undefined : queue.shift()),
            world,
          );
          const keys = [`event:${x.message}`, `sig:${x.message}.${x.copy}`];
          const taken = await receive(s, message(`m${x.message}.${serial}`, keys));
          acknowledged.add(x.message);
          if (taken.first) await work(s, taken.row.id, x.message, x.dies);
        }
        // The process comes up again: what was taken and not begun is run, what was begun is told to be cut short.
        const s = memoryStore(undefined, world);
        for (const row of await unfinished(s)) {
          serial += 1;
          if (row.state === 'received') await work(s, row.id, Number(row.id.slice(1).split('.')[0]), 'never');
          else await finish(s, row.id, { exit: 1, code: 'TW6403', at: 2 });
        }
        for (const [n, times] of done) expect(times, `message ${n}`).toBe(1);
        const rows = (await s.range('command/')).entries.map(
          (e) => e.value as unknown as { id: string; state: string },
        );
        const taken = rows.map((r) => Number(r.id.slice(1).split('.')[0]));
        expect(new Set(taken)).toEqual(acknowledged);
        expect(taken).toHaveLength(acknowledged.size);
        expect(rows.every((r) => r.state === 'ended')).toBe(true);
        expect((await verify(s)).broken).toBeUndefined();
      }),
      { numRuns: runs },
    );
  }, 120_000);
});
