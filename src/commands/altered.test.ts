import { beforeEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../config/index.ts';
import { fault, type Json, manualClock, memoryJournal, memoryStore, type Store } from '../kernel/index.ts';
import type { Head } from './access/machine/chain.ts';
import { records } from './book/audit.ts';
import type { Context, Io } from './context.ts';
import { governed } from './gate.ts';
import type { Args, Outcome } from './model.ts';
import { runCommand } from './run.ts';

const RULES = {
  people: { ana: { accounts: ['os:ana'] }, bo: { accounts: ['os:bo'] } },
  rights: [
    { who: ['ana', 'bo'], may: ['look', 'safe', 'forward'] },
    { who: ['bo'], may: ['rule'] },
  ],
  approvals: [{ quorum: 0 }],
};
const fleet = (more: object) =>
  checkConfig(
    {
      fleet: 'demo',
      accounts: { aws: { account: '123456789012' } },
      clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
      apps: { shop: { manifests: ['m'] } },
      ...more,
    },
    '/x/tradewind.yaml',
    '',
  );

let book: Store;
let last: Head | undefined;
let ran: string[];
const clock = manualClock(1000);

const nobody = new AbortController().signal;
const io: Io = {
  ...{ show: () => undefined, machine: false, out: () => undefined, signal: nobody, detach: nobody },
  ask: async (q) => {
    throw fault('TW6005', { value: q.flag });
  },
};

function context(config: ReturnType<typeof fleet>): Context {
  const c: Partial<Context> = {
    ...{ cwd: '/x', stateDir: '/x', clock, journal: () => memoryJournal(), book: () => book },
    config: async () => config,
    witness: { seen: () => last, saw: (h) => void (last = { n: h.n, hash: h.hash }) },
  };
  return c as Context;
}

const OWN = ['audit verify', 'audit acknowledge', 'freeze', 'unfreeze'];
const as = async (who: string, verb: string, args: Args = {}, config = fleet(RULES)): Promise<Outcome> => {
  const call = { verb, args, from: { door: 'cli', identity: { platform: 'os', tenant: '', actor: who } } };
  if (OWN.includes(verb)) return await runCommand(context(config), call, io);
  return await governed(context(config), call, io, async (_, x) => {
    ran.push(x.verb);
    return { data: {}, view: { at: 0, rows: [] } };
  });
};
const no = async (work: Promise<Outcome>): Promise<{ code: string; value?: string; why: readonly string[] }> =>
  await work.then(
    () => Promise.reject(new Error('it was not refused')),
    (e: unknown) => (e as { problem: { code: string; why: readonly string[] } }).problem,
  );

const keyOf = (n: number): string => `audit/record/${String(n).padStart(12, '0')}`;
async function alter(n: number, more: object): Promise<void> {
  const { value, revision } = await book.get(keyOf(n));
  await book.cas(keyOf(n), revision, { ...(value as object), ...more } as Json);
}
const take = (...n: number[]): Promise<unknown> => book.txn({ if: [], put: [], remove: n.map(keyOf) });
async function headTo(n: number): Promise<void> {
  const { hash } = (await book.get(keyOf(n))).value as { hash: string };
  await book.txn({ if: [], put: [{ key: 'audit/head', value: { n, hash } }] });
}

const DAMAGE: readonly { is: string; do: () => Promise<unknown>; record: number }[] = [
  { is: 'a record was changed', do: () => alter(3, { person: 'eve' }), record: 3 },
  { is: 'a record was taken out', do: () => take(2), record: 2 },
  { is: 'the end was cut off', do: () => take(5, 6), record: 5 },
  { is: 'the head was written back', do: () => headTo(4), record: 5 },
  { is: 'the end was cut off with its head', do: () => headTo(4).then(() => take(5, 6)), record: 6 },
];

beforeEach(async () => {
  book = memoryStore();
  last = undefined;
  ran = [];
  for (const app of ['a', 'b', 'c']) await as('ana', 'pause', { app: 'shop', because: app });
  ran = [];
});

describe.each(DAMAGE)('$is', ({ do: damage, record }) => {
  it('nothing goes forward, everything else does, until somebody who may says that they know', async () => {
    await damage();
    const refused = await no(as('ana', 'resume'));
    expect(refused).toMatchObject({ code: 'TW6501', value: `record ${record}` });
    for (const verb of ['status', 'rollback', 'abort', 'pause', 'drain'])
      await as('ana', verb, verb === 'status' ? { on: [] } : { app: 'shop', cluster: 'eu' });
    expect(ran).toEqual(['status', 'rollback', 'abort', 'pause', 'drain']);
    expect((await no(as('bo', 'resume'))).code).toBe('TW6501');
    expect((await as('ana', 'audit verify')).problem?.value).toBe(`record ${record}`);

    const because = 'the disk was restored from yesterday';
    expect((await no(as('ana', 'audit acknowledge', { because }))).code).toBe('TW6101');
    expect((await no(as('ana', 'resume'))).code).toBe('TW6501');
    await as('bo', 'audit acknowledge', { because });
    await as('ana', 'resume');
    expect(ran.at(-1)).toBe('resume');
    const said = (await records(book)).filter((r) => r.what === 'acknowledged');
    expect(said).toMatchObject([{ person: 'bo', account: 'os:bo', data: { because } }]);
    expect(JSON.stringify(said[0]?.data)).toMatch(/"breaks":\["[^"]*records? \d/);
    // It stays known for as long as nothing else is altered.
    await as('ana', 'resume');
    await alter(said[0]?.n ?? 0, { person: 'mallory' });
    expect((await no(as('ana', 'resume'))).code).toBe('TW6501');
  });

  it('without people the person at this machine is asked too', async () => {
    await damage();
    const plain = fleet({});
    expect((await no(as('me', 'resume', {}, plain))).code).toBe('TW6501');
    await as('me', 'audit acknowledge', { because: 'I know' }, plain);
    await as('me', 'resume', {}, plain);
    expect(ran).toEqual(['resume']);
  });
});

it('what is acknowledged is told by audit verify, and once; a whole audit needs nothing', async () => {
  expect((await as('bo', 'audit acknowledge', { because: 'x' })).data).toEqual({ broken: null });
  await alter(3, { person: 'eve' });
  await as('bo', 'audit acknowledge', { because: 'a test of the disk' });
  const told = await as('ana', 'audit verify');
  expect(told.problem?.why).toEqual([
    'record 3 was changed after it was written',
    'bo knows of it: a test of the disk',
  ]);
  expect(told.data).toMatchObject({ acknowledged: { by: 'bo' } });
  const before = (await records(book)).length;
  await as('bo', 'audit acknowledge', { because: 'again' });
  expect(await records(book)).toHaveLength(before);
});

it('nothing that is there is written over, whatever the head says', async () => {
  await headTo(4);
  const kept = (await records(book)).slice(0, 6);
  await no(as('ana', 'resume'));
  await as('ana', 'rollback', { app: 'shop' });
  expect(await records(book)).toEqual(kept);
  await as('bo', 'audit acknowledge', { because: 'x' });
  expect((await records(book)).slice(0, 6)).toEqual(kept);
  expect((await as('ana', 'audit verify')).data).toMatchObject({ broken: null });
});
