import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { fault, type Json, manualClock, memoryJournal, memoryStore, type Store } from '../kernel/index.ts';
import type { Caller } from './access/model.ts';
import { records, verify } from './book/audit.ts';
import type { Context, Io } from './context.ts';
import { governed } from './gate.ts';
import type { Args, Outcome } from './model.ts';
import { runCommand } from './run.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-gate-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const FLEET = `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters:
  eu: { cloud: aws, region: eu-west-1 }
  us: { cloud: aws, region: us-east-1 }
apps:
  shop: { manifests: [k8s] }
`;
const PEOPLE = `people:
  anna: { accounts: ["os:anna", "slack:T1:UA"], groups: [dev] }
  bob: { accounts: ["os:bob"], groups: [dev] }
  carl: { accounts: ["os:carl"], groups: [ops] }
rights:
  - { who: [dev, ops], may: [look, safe] }
  - { who: [dev], may: [forward, approve] }
  - { who: [ops], may: [rule, approve, destroy] }
approvals:
  - { verbs: [resume], quorum: 0 }
  - { verbs: [release], quorum: 2 }
  - { verbs: [up, down], quorum: 1, from: [ops], ttl: 10m }
`;

let book: Store;
let clock = manualClock(1000);
/** What the engine would do now; a change of it is another plan. */
let plan = 'p-1';
let ran: { verb: string; args: Args; by: string | undefined }[] = [];
let breaks: 'refused' | undefined;
/** Why the engine does not do it. */
let refuses: string | undefined;

const config = (text: string): string => {
  const file = join(dir, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(file, text);
  return file;
};
const ruled = config(FLEET + PEOPLE);

const context = (file: string): Context => ({
  cwd: dir,
  stateDir: dir,
  clock,
  journal: () => memoryJournal(),
  book: () => book,
  config: () => loadConfig(file),
  engine: () => Promise.reject(new Error('no engine')),
  sandbox: () => Promise.reject(new Error('no sandbox')),
  close: async () => undefined,
});
const io: Io = {
  show: () => undefined,
  machine: false,
  out: () => undefined,
  ask: async (q) => {
    throw fault('TW6005', { value: q.flag });
  },
  signal: new AbortController().signal,
  detach: new AbortController().signal,
};

const at = (name: string): Caller => ({ door: 'cli', identity: { platform: 'os', tenant: '', actor: name } });

/** The engine of these tests: up and release do exactly the plan they are given, or refuse. */
async function engine(c: Context, verb: string, args: Args): Promise<Outcome> {
  const outcome = (data: Json): Outcome => ({ data, view: { at: 0, rows: [] } });
  if (args['dryRun'] === true) return { ...outcome({ refused: [] }), would: { id: plan, facts: { blue: plan } } };
  if (args['plan'] !== undefined && args['plan'] !== plan) throw fault('TW2104', { value: plan });
  if (refuses !== undefined) throw fault('TW7008', { why: [refuses] });
  await c.take?.();
  ran.push({ verb, args, by: c.by });
  return outcome({ plan });
}

const as = async (name: string | Caller, verb: string, args: Args = {}, file = ruled): Promise<Outcome> => {
  const from = typeof name === 'string' ? at(name) : name;
  const call = { verb, args, from };
  const own = [
    'approve',
    'deny',
    'freeze',
    'unfreeze',
    'lock',
    'unlock',
    'locks',
    'who',
    'incident start',
    'incident end',
    'audit verify',
  ];
  if (own.includes(verb)) return await runCommand(context(file), call, io);
  return await governed(context(file), call, io, (c, x) => engine(c, x.verb, x.args));
};

/** Code of the refusal, and the id it names. */
const no = async (work: Promise<unknown>): Promise<{ code: string; id: string; why: string }> => {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e as { problem: { code: string; value?: string; why: readonly string[] } },
  );
  if (error === undefined) throw new Error('it was not refused');
  return { code: error.problem.code, id: error.problem.value ?? '', why: error.problem.why.join('; ') };
};

beforeEach(() => {
  breaks = undefined;
  refuses = undefined;
  clock = manualClock(1000);
  book = memoryStore((call) => (call.do === 'txn' || call.do === 'cas' ? breaks : undefined));
  plan = 'p-1';
  ran = [];
});

describe('without `people`', () => {
  const plain = config(FLEET);

  it('the person of this machine does everything, and it is written down', async () => {
    await as(userInfo().username, 'up', { on: [], yes: true }, plain);
    await as(userInfo().username, 'status', { on: [] }, plain);
    expect(ran.map((r) => [r.verb, r.by])).toEqual(
      [
        ['up', userInfo().username],
        ['status', undefined],
      ].map(([v]) => [v, userInfo().username]),
    );
    expect((await records(book)).map((r) => [r.what, r.person])).toEqual([
      ['started', userInfo().username],
      ['ended', userInfo().username],
    ]);
  });

  it('an account of another platform does nothing', async () => {
    const slack: Caller = { door: 'slack', identity: { platform: 'slack', tenant: 'T1', actor: 'U1' } };
    expect((await no(as(slack, 'status', { on: [] }, plain))).code).toBe('TW6301');
  });

  it('works on when nothing can be recorded; a freeze still holds', async () => {
    breaks = 'refused';
    await as('me', 'up', { on: [] }, plain);
    breaks = undefined;
    await as('me', 'freeze', { on: [], because: 'sale' }, plain);
    expect(await no(as('me', 'up', { on: [] }, plain))).toMatchObject({
      code: 'TW6205',
      why: expect.stringContaining('sale'),
    });
    await as('me', 'pause', { app: 'shop' }, plain);
    await as('me', 'exec', { app: 'shop', argv: ['env'], on: [] }, plain);
    await as('me', 'unfreeze', {}, plain);
    await as('me', 'up', { on: [] }, plain);
    expect(ran.map((r) => r.verb)).toEqual(['up', 'pause', 'exec', 'up']);
  });
});

it('a folder where nothing can be kept stops nobody who was never asked', async () => {
  const closed = {
    ...context(config(FLEET)),
    book: () => {
      throw fault('TW1020', { value: 'journal.db' });
    },
  };
  const call = { verb: 'up', args: { on: [] }, from: at('me') };
  await governed(closed, call, io, (c, x) => engine(c, x.verb, x.args));
  expect(ran.map((r) => r.verb)).toEqual(['up']);
  const strict = { ...closed, config: () => loadConfig(ruled) };
  expect(
    (await no(governed(strict, { ...call, from: at('anna') }, io, (c, x) => engine(c, x.verb, x.args)))).code,
  ).toBe('TW1020');
});

describe('persons and rights', () => {
  it('an unknown account, a missing right and a verb that no rule covers are refused, with what would pass', async () => {
    expect((await no(as('eve', 'status', { on: [] }))).code).toBe('TW6301');
    expect(await no(as('carl', 'up', { on: [] }))).toMatchObject({
      code: 'TW6101',
      why: 'carl has no right "forward" on the fleet shop on eu, us',
    });
    expect(await no(as('anna', 'down', { on: [] }))).toMatchObject({
      code: 'TW6101',
      why: expect.stringContaining('destroy'),
    });
    expect(await no(as('anna', 'promote', {}))).toMatchObject({
      code: 'TW6101',
      why: expect.stringContaining('no rule of `approvals`'),
    });
    expect(ran).toEqual([]);
    expect((await records(book)).map((r) => [r.what, r.person])).toEqual([
      ['refused', null],
      ['refused', 'carl'],
      ['refused', 'anna'],
      ['refused', 'anna'],
    ]);
  });

  it('an account of the config is the person behind every door', async () => {
    await as({ door: 'slack', identity: { platform: 'slack', tenant: 'T1', actor: 'UA' } }, 'pause', { app: 'shop' });
    expect(ran).toMatchObject([{ verb: 'pause', by: 'anna' }]);
    expect(
      (await no(as({ door: 'slack', identity: { platform: 'slack', tenant: 'T2', actor: 'UA' } }, 'pause', {}))).code,
    ).toBe('TW6301');
  });

  it('who says what the gate would say', async () => {
    const outcome = await as('anna', 'who', { name: 'up', on: [] });
    expect(outcome.data).toMatchObject({
      needs: ['forward'],
      people: [
        { name: 'anna', may: true },
        { name: 'bob', may: true },
        { name: 'carl', may: false },
      ],
    });
    expect((await as('anna', 'who', {})).data).toMatchObject({
      you: 'anna',
      people: [{ accounts: ['os:anna', 'slack:T1:UA'] }, {}, {}],
    });
    expect(await no(as('anna', 'who', { name: 'relase' }))).toMatchObject({
      code: 'TW6002',
      why: expect.stringContaining('release'),
    });
  });

  it('what cannot be recorded is not done, but for what makes it safer', async () => {
    breaks = 'refused';
    expect((await no(as('anna', 'resume', {}))).code).toBe('TW6204');
    await as('anna', 'rollback', { app: 'shop' });
    expect(ran.map((r) => r.verb)).toEqual(['rollback']);
  });

  it('a rule of a verb that does not exist would protect nothing', async () => {
    const file = config(`${FLEET}${PEOPLE}  - { verbs: [relase], quorum: 1 }\n`);
    expect(await no(as('anna', 'status', { on: [] }, file))).toMatchObject({
      code: 'TW1003',
      why: expect.stringContaining('"release"'),
    });
  });
});

describe('approvals', () => {
  it('the plan is looked at, approved by another person, and exactly it is done, once', async () => {
    const asked = await no(as('anna', 'up', { on: [] }));
    expect(asked).toMatchObject({ code: 'TW6110', why: expect.stringContaining('0 of 1') });
    expect((await no(as('bob', 'approve', { approval: asked.id }))).why).toContain('votes count from ops');
    await as('carl', 'approve', { approval: asked.id });
    expect(ran).toEqual([]);
    await as('anna', 'up', { on: [], plan: 'p-1' });
    expect(ran).toMatchObject([{ verb: 'up', args: { plan: 'p-1', yes: true }, by: 'anna' }]);
    expect((await no(as('anna', 'up', { on: [] }))).code).toBe('TW6110');
    expect((await records(book)).map((r) => r.what).join(' ')).toBe(
      'asked refused started ended started ended started approved ended asked refused',
    );
    expect((await verify(book)).broken).toBeUndefined();
  });

  it('the requester is no approver, not by a second account either; two persons of two', async () => {
    const asked = await no(as('anna', 'release', { target: 'shop@v2' }));
    expect((await no(as('anna', 'approve', { approval: asked.id }))).code).toBe('TW6111');
    const slackAnna: Caller = { door: 'slack', identity: { platform: 'slack', tenant: 'T1', actor: 'UA' } };
    expect((await no(as(slackAnna, 'approve', { approval: asked.id }))).code).toBe('TW6111');
    await as('bob', 'approve', { approval: asked.id });
    expect((await no(as('anna', 'release', { target: 'shop@v2' }))).why).toContain('1 of 2');
    await as('carl', 'approve', { approval: asked.id });
    await as('anna', 'release', { target: 'shop@v2' });
    expect(ran).toMatchObject([{ verb: 'release', args: { target: 'shop@v2', plan: 'p-1' } }]);
  });

  it('the plan moved after approval: refused, and the old one is void on every door', async () => {
    const asked = await no(as('anna', 'up', { on: [] }));
    await as('carl', 'approve', { approval: asked.id });
    plan = 'p-2';
    const moved = await no(as('anna', 'up', { on: [] }));
    expect(moved).toMatchObject({ code: 'TW6115', why: expect.stringContaining('the plan: p-1 → p-2') });
    expect((await no(as('anna', 'up', { on: [], plan: 'p-1' }))).code).toBe('TW6110');
    expect((await no(as('carl', 'approve', { approval: asked.id }))).code).toBe('TW6116');
    plan = 'p-1';
    expect((await no(as('anna', 'up', { on: [] }))).code).toMatch(/TW611[05]/);
    expect(ran).toEqual([]);
  });

  it('the plan moved between the last look and the act: the engine refuses it', async () => {
    const asked = await no(as('anna', 'up', { on: [] }));
    await as('carl', 'approve', { approval: asked.id });
    const call = { verb: 'up', args: { on: [] }, from: at('anna') };
    const late = governed(context(ruled), call, io, async (c, x) => {
      if (x.args['dryRun'] !== true) plan = 'p-2';
      return await engine(c, x.verb, x.args);
    });
    expect((await no(late)).code).toBe('TW2104');
    expect(ran).toEqual([]);
  });

  it('what is refused before it begins costs no votes; what was voted on is done once, also where nothing is to be done', async () => {
    const asked = await no(as('anna', 'up', { on: [] }));
    await as('carl', 'approve', { approval: asked.id });
    refuses = 'a cluster is silent';
    expect((await no(as('anna', 'up', { on: [] }))).code).toBe('TW7008');
    refuses = undefined;
    await as('anna', 'up', { on: [] });
    expect(ran).toHaveLength(1);
    await no(as('anna', 'up', { on: [] }));
    await as('carl', 'approve', { approval: asked.id });
    const call = { verb: 'up', args: { on: [] }, from: at('anna') };
    const idle = (c: Context, x: { args: Args }) =>
      x.args['dryRun'] === true ? engine(c, 'up', x.args) : Promise.resolve({ data: {}, view: { at: 0, rows: [] } });
    await governed(context(ruled), call, io, idle);
    expect((await no(as('anna', 'up', { on: [] }))).code).toBe('TW6110');
  });

  it('a line that names another plan than the one agreed to is refused, and the votes stay', async () => {
    const asked = await no(as('anna', 'up', { on: [] }));
    await as('carl', 'approve', { approval: asked.id });
    expect(await no(as('anna', 'up', { on: [], plan: 'p-0' }))).toEqual({
      code: 'TW6115',
      id: asked.id,
      why: 'the line names the plan p-0, the plan is now p-1; nothing was done',
    });
    expect(ran).toEqual([]);
    await as('anna', 'up', { on: [], plan: 'p-1' });
    expect(ran).toHaveLength(1);
  });

  it('another wish, another person, another config: other questions', async () => {
    const asked = await no(as('anna', 'up', { on: [] }));
    await as('carl', 'approve', { approval: asked.id });
    expect((await no(as('anna', 'up', { on: ['eu'] }))).code).toBe('TW6110');
    // The line to go on with asks for the same: else it would be another question.
    const held = { target: 'shop@v2', hold: 'commit', yes: true, dryRun: false };
    const refused = await as('anna', 'release', held).catch((e: unknown) => e);
    expect(refused).toMatchObject({
      problem: { fix: [{}, { command: 'tw release shop@v2 --hold=commit --plan p-1' }] },
    });
    expect((await no(as('bob', 'up', { on: [] }))).code).toBe('TW6110');
    const other = config(`${FLEET}${PEOPLE}`.replace('us-east-1', 'us-west-2'));
    expect((await no(as('anna', 'up', { on: [] }, other))).code).toBe('TW6115');
    expect(ran).toEqual([]);
  });

  it('time is a no, a no is a no, a freeze between vote and act stops, a lost right takes the vote along', async () => {
    const first = await no(as('anna', 'up', { on: [] }));
    await as('carl', 'approve', { approval: first.id });
    clock.advance(600_000);
    expect((await no(as('anna', 'up', { on: [] }))).why).toContain('0 of 1');
    await as('carl', 'deny', { approval: first.id, because: 'cold cache' });
    expect((await no(as('anna', 'up', { on: [] }))).code).toBe('TW6110');
    await as('carl', 'approve', { approval: first.id });
    await as('carl', 'freeze', { on: ['eu'], because: 'sale', for: '1h' });
    expect((await no(as('anna', 'up', { on: [] }))).code).toBe('TW6205');
    await as('anna', 'rollback', { app: 'shop' });
    await as('carl', 'unfreeze', {});
    const fired = config(FLEET + PEOPLE.replace('may: [rule, approve, destroy]', 'may: [rule, destroy]'));
    expect((await no(as('anna', 'up', { on: [] }, fired))).code).toMatch(/TW611[05]/);
    expect(ran.map((r) => r.verb)).toEqual(['rollback']);
  });

  it('a release that only prints its steps needs no vote', async () => {
    await as('anna', 'release', { target: 'shop@v2', dryRun: true });
    await as('carl', 'release', { target: 'shop@v2', dryRun: true });
    expect(await records(book)).toEqual([]);
  });
});

it('a lock stops the others, not its owner; an incident freezes, and its end tells what happened', async () => {
  await as('carl', 'lock', { app: 'shop', on: [], because: 'database', for: '1h' });
  expect(await no(as('anna', 'resume', {}))).toMatchObject({
    code: 'TW6202',
    why: expect.stringContaining('database'),
  });
  await as('carl', 'unlock', { id: 'l1' });
  await as('anna', 'resume', {});
  await as('anna', 'incident start', { on: [], because: 'slow' });
  expect((await no(as('anna', 'resume', {}))).code).toBe('TW6205');
  expect((await as('anna', 'locks', {})).data).toMatchObject({ incidents: [{ id: 'i1' }], barriers: [{ id: 'f1' }] });
  const end = await as('carl', 'incident end', {});
  expect((end.data as { markdown: string }).markdown).toMatch(
    /# Incident i1: slow[\s\S]*anna refused tw resume TW6205/,
  );
  await as('anna', 'resume', {});
  expect((await as('anna', 'audit verify', {})).data).toMatchObject({ broken: null });
  expect(await no(as('anna', 'freeze', { on: [], because: 'x', for: 'soon' }))).toMatchObject({ code: 'TW6002' });
});
