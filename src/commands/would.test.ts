import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { deployment, ports as fleetPorts, liveTwin, webApp } from '../fleet/fixtures.ts';
import { fault, memoryStore, type Store, StoreWorld, toJson } from '../kernel/index.ts';
import { claim, type ReleaseRecord, registerOf } from '../release/index.ts';
import { manifestOf } from '../state/testing/manifest.ts';
import { movedFacts } from './access/machine/facts.ts';
import type { Context } from './context.ts';
import { addressIn, markHanded, unmarkHanded } from './handed.ts';
import { takeLock } from './lock.ts';
import type { Args, Outcome } from './model.ts';
import type { Engine, StateFacts } from './ports.ts';
import { gather, releasedApp } from './release/gather.ts';
import { CLUSTERS, Shop } from './release/released.fixtures.ts';
import { runCommand } from './run.ts';
import { COMMANDS } from './table.ts';
import { dryOrAgreedTo } from './would.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-would-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const RULES = {
  people: { anna: { accounts: ['os:anna'], groups: [] }, bob: { accounts: ['os:bob'], groups: [] } },
  rights: [{ who: ['anna', 'bob'], may: ['look', 'safe', 'forward', 'destroy', 'rule', 'approve'] }],
  approvals: [{ quorum: 1, ttl: '24h' }],
};
const START = { serial: 3, open: [] as string[], image: 'web:1', home: 'mtl', epoch: 1, sha256: 'a1', index: 9 };
const SNAPSHOT = 'book-1';

let shop: Shop;
let kept: StoreWorld;
/** What the world is, where no twin keeps it. */
let now = { ...START };
/** What was done to it. */
let did: string[] = [];
/** Hears of every write to the book. */
let onWrite: (key: string) => void = () => undefined;
/** What somebody answers to a question; undefined: nobody is there. */
let says: string | undefined;

interface Asks {
  begins?(): Promise<void>;
  sure?(known: readonly string[]): Promise<void>;
}
/** As the real ones do: the last word is asked for before anything is done. */
const acts =
  <T>(name: string, value: T) =>
  async (x?: Asks): Promise<T> => {
    await x?.begins?.();
    await x?.sure?.([]);
    did.push(name);
    return value;
  };
async function* steps(name: string) {
  did.push(name);
  yield { step: name, state: 'done' as const };
}

const book = (): Store =>
  memoryStore((call) => {
    if (call.do === 'cas' || call.do === 'txn') onWrite(call.key);
    return undefined;
  }, kept);

const home = (): StateFacts => {
  const { home: at, epoch } = now;
  return { app: 'shop', mode: 'single-writer', home: at, copies: 3, epoch, clusters: [], story: [] };
};

const stateDoor = {
  shared: true,
  plans: async () => [],
  prices: async () => [],
  systemApps: async () => [],
  look: async () => [home()],
  backups: async () => ({ all: [manifestOf(1, { app: 'shop', sha256: now.sha256 })], where: '/b' }),
  begin: acts('begin', undefined),
  move: acts('move', { from: 'mtl', ms: 1 }),
  promote: acts('promote', { epoch: 2, known: [] }),
  restore: acts('restore', { home: 'mtl', epoch: 2, salvage: 's', known: [] }),
};

const infra = (config: object) => ({
  config,
  clock: shop.clock,
  journal: {
    read: ({ kind }: { kind?: string } = {}) =>
      kind === 'infra.state' ? now.open.map((root) => ({ kind, at: 0, data: { root, state: 'applying' } })) : [],
    append: () => undefined,
  },
  tf: {
    ready: async () => undefined,
    roots: {
      list: async () => ['cluster:syd'],
      state: async () => ({ lineage: 'l', serial: now.serial, resources: 7, outputs: {} }),
      load: acts('destroy', undefined),
    },
  },
});

/** Twins where there are some; the rest is told by `now` and keeps what is asked of it in `did`. */
async function engine(verb: string): Promise<Engine> {
  const mine = await shop.context.engine();
  const twins = Object.fromEntries(CLUSTERS.map((c) => [c, liveTwin(c)]));
  const existing = mine.config.clusters.map((c) => ({ ...c, cloud: 'existing' }));
  const plain = { ...mine.config, clusters: existing, apps: [], dns: undefined };
  const all = {
    ...mine,
    config: verb === 'up' ? plain : mine.config,
    infra: infra(plain),
    fleet: fleetPorts(),
    gateway: { systemApp: () => webApp({ source: { objects: [deployment('web', now.image)] } }) },
    traffic: { systemApp: () => undefined },
    coordination: {
      systemApp: async () => undefined,
      planRecover: async () => ({ is: 'plan', from: 'mtl', index: now.index, blank: ['sao'], lost: ['syd'] }),
      recover: () => steps('recover'),
    },
    state: stateDoor,
    kube: (c: string) => twins[c],
  };
  return all as unknown as Engine;
}

const context = (verb: string): Context =>
  ({
    ...shop.context,
    cwd: dir,
    stateDir: dir,
    book,
    engine: () => engine(verb),
    pod: async () => ({ cluster: 'syd', install: () => steps('install'), remove: () => steps('remove') }),
  }) as unknown as Context;

async function as(person: string, verb: string, args: Args): Promise<Outcome> {
  const from = { door: 'cli', identity: { platform: 'os', tenant: '', actor: person } };
  return await runCommand(context(verb), { verb, args, from }, shop.io(says));
}

/** The problem that it ends with. */
async function refused(work: Promise<Outcome>): Promise<{ code: string; value: string; why: string }> {
  const done = await work.catch((e: unknown) => e as Outcome);
  const { code, value, why = [] } = done.problem ?? {};
  return { code: code ?? 'done', value: String(value), why: why.join('; ') };
}

const register = () => registerOf('shop', shop.store, shop.journal);
/** A release that is open, with nobody who drives it. */
async function opened(more: Partial<ReleaseRecord> = {}): Promise<void> {
  const { plan } = await gather(await releasedApp(context('release'), 'shop'), { green: 'v2' });
  await claim(register(), { plan, by: 'anna', seenEpoch: 0, clock: shop.clock });
  await amended(more);
}
async function amended(more: Partial<ReleaseRecord>): Promise<void> {
  const { value, revision } = await shop.store.get('release/shop');
  await shop.store.txn({ if: [], put: [{ key: 'release/shop', value: toJson({ ...(value as object), ...more }) }] });
  expect(revision).toBeGreaterThan(0);
}
/** A switch serves something else, without anybody's word. */
function serves(cluster: string, live: string): void {
  const { state } = shop.world.switches.seen(cluster);
  if (state !== undefined) Object.assign(state, { live });
}

interface Row {
  verb: string;
  args: Args;
  before?: () => unknown;
  /** One thing is not any more as it was. */
  move: () => unknown;
  /** The words of the refusal for it. */
  says: string;
}

const kept2: Partial<ReleaseRecord> = { decision: 'committed', step: 'keep', wave: 0 };
const failsOver = { move: () => Object.assign(now, { home: 'syd', epoch: 2 }), says: 'home of shop: mtl → syd' };
const handed = {
  move: () => markHanded(dir, { address: addressIn('syd'), place: 'real', at: 0 }),
  says: 'who decides now: this folder → cluster:syd',
};
const confirm = 'demo';

const ROWS: readonly Row[] = [
  {
    verb: 'up',
    args: { on: [] },
    move: () => (now.image = 'web:2'),
    says: 'mtl guestbook Deployment guestbook/web: create',
  },
  {
    verb: 'down',
    args: { on: [], confirm },
    move: () => (now.serial = 4),
    says: '(state 3 l) → destroy 7 resources (state 4 l)',
  },
  {
    verb: 'resume',
    args: {},
    move: () => now.open.push('cluster:mtl'),
    says: 'cluster:mtl: nothing → follow or verify',
  },
  {
    verb: 'release',
    args: { target: 'shop@v2' },
    move: () => serves('syd', 'v0'),
    says: 'cluster syd: v1 to v2 → v0 to v2',
  },
  {
    verb: 'promote',
    args: {},
    before: opened,
    move: () => amended({ decision: 'committed', step: 'soak', wave: 0 }),
    says: 'does: go on: every user is switched → after wave 1, accept',
  },
  {
    verb: 'adopt',
    args: { on: [] },
    before: () => shop.world.switches.edit('mtl', 'edited'),
    move: () => shop.world.switches.edit('syd', 'edited'),
    says: 'syd: nothing → edited; to serve v1',
  },
  {
    verb: 'retire',
    args: {},
    before: () => opened(kept2),
    move: () => amended({ release: 'r7' }),
    says: 'release of shop: r1 to v2 → r7 to v2',
  },
  {
    verb: 'exec',
    args: { app: 'shop', argv: ['env'], on: [] },
    move: () => serves('syd', 'v0'),
    says: 'syd: one pod of v1 → one pod of v0',
  },
  { verb: 'state move', args: { to: 'sao' }, ...failsOver },
  { verb: 'state add-voter', args: { cluster: 'sao' }, ...failsOver },
  { verb: 'state promote', args: { to: 'sao', acceptLoss: true, confirm }, ...failsOver },
  {
    verb: 'state restore',
    args: { snapshot: SNAPSHOT, confirm },
    move: () => (now.sha256 = 'b2'),
    says: 'sha256 a1 → verified, 5 keys, sha256 b2',
  },
  { verb: 'coordination recover', args: { lost: [], confirm }, move: () => (now.index = 10), says: '(entry 9)' },
  { verb: 'server install', args: {}, ...handed },
  { verb: 'server remove', args: {}, ...handed },
];

beforeEach(async () => {
  did = [];
  now = { ...START, open: [] };
  onWrite = () => undefined;
  says = undefined;
  kept = new StoreWorld();
  unmarkHanded(dir);
  shop = await new Shop({}, RULES).stand();
});

/** Asked, and agreed to by somebody else. */
async function agreed({ verb, args, before }: Row): Promise<void> {
  await before?.();
  const asked = await refused(as('anna', verb, args));
  expect(asked).toMatchObject({ code: 'TW6110' });
  // Who is asked sees what would be done.
  const { view } = await as('bob', 'locks', {});
  expect(view.rows.find((r) => r.key === asked.value)?.kids.length ?? 0).toBeGreaterThanOrEqual(
    verb === 'resume' ? 0 : 1,
  );
  await as('bob', 'approve', { approval: asked.value });
}
const votes = (): unknown[] => kept.view('approval/').entries.map((e) => (e.value as { state: string }).state);
const switches = () => CLUSTERS.map((c) => shop.world.switches.seen(c).state?.fence);

it('what only an agreement needs is looked at only where somebody asks or agreed: silent clouds hold nobody back', async () => {
  const silent = (): Promise<never> => Promise.reject(new Error('no cloud answers'));
  const c = { clock: { now: () => 1 } } as unknown as Context;
  expect(await dryOrAgreedTo(c, {}, silent)).toBeUndefined();
  await expect(dryOrAgreedTo(c, { dryRun: true }, silent)).rejects.toThrow('no cloud answers');
  await expect(dryOrAgreedTo({ ...c, agreed: {} }, {}, silent)).rejects.toThrow('no cloud answers');
});

describe('whatever somebody may have to agree to is bound to what it would do', () => {
  it('every verb that goes forward is in the list below', () => {
    const forward = COMMANDS.filter((c) => c.kind === 'forward' && c.free !== true);
    expect(ROWS.map((r) => r.verb).toSorted()).toEqual(forward.map((c) => c.verb).toSorted());
    expect(forward.filter((c) => c.args.every((a) => a.name !== 'dryRun'))).toEqual([]);
  });

  it.each(ROWS)('$verb: a dry run says it and does nothing; it can be said again', async (row) => {
    await row.before?.();
    const dry = () => as('anna', row.verb, { ...row.args, dryRun: true });
    const first = await dry();
    expect(first.would).toBeDefined();
    expect((await dry()).would).toEqual(first.would);
    expect([did, switches()]).toEqual([[], [0, 0, 0]]);
    await row.move();
    expect(movedFacts(first.would?.facts ?? {}, (await dry()).would?.facts ?? {}).join()).toContain(row.says);
  });

  it.each(ROWS)('$verb: it moved after the approval', async (row) => {
    await agreed(row);
    await row.move();
    const no = await refused(as('anna', row.verb, row.args));
    expect(no).toMatchObject({ code: 'TW6115', why: expect.stringContaining(row.says) });
    expect([did, switches()]).toEqual([[], [0, 0, 0]]);
  });

  it.each(ROWS)('$verb: it moved between the last look and the act', async (row) => {
    await agreed(row);
    let moved: unknown;
    onWrite = (key) => {
      if (key.startsWith('audit/')) moved ??= row.move();
    };
    const no = await refused(as('anna', row.verb, row.args));
    await moved;
    expect(no).toMatchObject({ code: 'TW6115', why: expect.stringContaining(row.says) });
    expect([did, switches()]).toEqual([[], [0, 0, 0]]);
  });

  it.each(ROWS)('$verb: what cannot be taken is not done', async (row) => {
    await agreed(row);
    const before = await shop.store.range('');
    let started = false;
    onWrite = (key) => {
      started ||= key.startsWith('audit/');
      if (started && key.startsWith('approval/')) throw fault('TW6116', { value: key });
    };
    expect(await refused(as('anna', row.verb, row.args))).toMatchObject({ code: 'TW6116' });
    expect([did, switches(), votes()]).toEqual([[], [0, 0, 0], ['granted']]);
    expect(await shop.store.range('')).toEqual(before);
  });

  const sure = ROWS.filter((r) => r.args['confirm'] !== undefined);
  it.each(sure)('$verb: a name that is not confirmed costs no votes', async (row) => {
    await agreed(row);
    says = 'dem';
    for (const typed of ['dem', undefined])
      expect(await refused(as('anna', row.verb, { ...row.args, confirm: typed }))).toMatchObject({
        code: 'TW6005',
        value: 'dem',
        why: expect.stringContaining('the fleet is named demo'),
      });
    expect([did, switches(), votes()]).toEqual([[], [0, 0, 0], ['granted']]);
    says = 'demo';
    await as('anna', row.verb, { ...row.args, confirm: undefined }).catch(() => undefined);
    expect(votes()).toEqual(['used']);
  });

  it('a name that is wrong is said before anybody is asked', async () => {
    const wrong = { on: [], confirm: 'dem' };
    expect(await refused(as('anna', 'down', wrong))).toMatchObject({ code: 'TW6005' });
    expect(votes()).toEqual([]);
  });

  it('another run that holds the lock costs no votes', async () => {
    const down = ROWS.find((r) => r.verb === 'down') as Row;
    await agreed(down);
    const free = takeLock({ ...context('down'), by: 'bob' }, 'up');
    expect(await refused(as('anna', 'down', down.args))).toMatchObject({ code: 'TW6201' });
    free();
    expect([did, votes()]).toEqual([[], ['granted']]);
  });
});
