import { describe, expect, it } from 'vitest';
import { checkConfig } from '../config/index.ts';
import { memoryJournal, memoryStore, type Store, StoreWorld, systemClock, type View } from '../kernel/index.ts';
import { records } from './book/audit.ts';
import { inLine } from './book/line.ts';
import type { Context, Io } from './context.ts';
import { governed } from './gate.ts';
import type { Args, Outcome } from './model.ts';
import { runCommand } from './run.ts';
import { COMMANDS } from './table.ts';

const config = checkConfig(
  {
    fleet: 'demo',
    accounts: { aws: { account: '123456789012' } },
    clusters: { sao: { cloud: 'aws', region: 'sa-east-1' }, syd: { cloud: 'aws', region: 'ap-southeast-2' } },
    apps: { shop: { manifests: ['m'] }, book: { manifests: ['m'] } },
    people: { ana: { accounts: ['os:ana'] }, bo: { accounts: ['os:bo'] }, eve: { accounts: ['os:eve'] } },
    rights: [
      { who: ['ana', 'bo'], may: ['look', 'safe', 'forward', 'rule', 'approve'] },
      { who: ['eve'], may: ['look', 'safe'], apps: ['book'] },
    ],
    approvals: [{ verbs: ['release'], apps: ['book'], quorum: 1 }, { quorum: 0 }],
  },
  '/x/tradewind.yaml',
  '',
);

const OWN = new Set(['queue', 'cancel', 'locks', 'freeze', 'unfreeze', 'approve']);

/** One fleet that several processes change; what goes forward runs until it is let go. */
class Fleet {
  readonly world = new StoreWorld();
  readonly ran: string[] = [];
  readonly gates: (() => void)[] = [];

  book(): Store {
    return memoryStore(undefined, this.world);
  }

  async engine(verb: string, args: Args): Promise<Outcome> {
    const data = { plan: { id: 'p-1' }, refused: [] };
    if (args['dryRun'] === true) return { data, view: { at: 0, rows: [] }, would: { id: 'p-1', facts: {} } };
    this.ran.push(`${verb} ${(args['target'] ?? args['app'] ?? '') as string}`.trim());
    if (COMMANDS.find((c) => c.verb === verb)?.kind === 'forward') await new Promise<void>((go) => this.gates.push(go));
    return { data, view: { at: 0, rows: [] } };
  }

  as(who: string, verb: string, args: Args = {}, door = 'cli'): { done: Promise<Outcome>; seen: View[]; stop(): void } {
    const [seen, stop]: [View[], AbortController] = [[], new AbortController()];
    const io: Io = {
      show: (v) => void seen.push(v),
      machine: false,
      out: () => undefined,
      ask: async () => 'yes',
      signal: stop.signal,
      detach: new AbortController().signal,
    };
    const book = this.book();
    const context = {
      ...{ cwd: '/x', stateDir: '/x', clock: systemClock, journal: () => memoryJournal(), book: () => book },
      ...{ config: async () => config, close: async () => undefined },
    } as unknown as Context;
    const call = { verb, args, from: { door, identity: { platform: 'os', tenant: '', actor: who } } };
    const done = OWN.has(verb)
      ? runCommand(context, call, io)
      : governed(context, call, io, (_, x) => this.engine(x.verb, x.args));
    done.catch(() => undefined);
    return { done, seen, stop: () => stop.abort() };
  }

  async line(): Promise<string[]> {
    return (await inLine(this.book())).map((p) => `${p.what} ${p.state} ${p.by}`);
  }
  async until(what: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await what())) await systemClock.sleep(1);
  }
  async waiting(n: number): Promise<void> {
    await this.until(async () => (await this.line()).filter((p) => p.includes(' waits ')).length === n);
  }
}

describe('the line before the engine', () => {
  it('a command that meets a lock waits where everybody sees it, and goes on in its turn', async () => {
    const f = new Fleet();
    const up = f.as('ana', 'up', { on: [] });
    await f.until(() => f.gates.length === 1);
    const release = f.as('bo', 'release', { target: 'shop@v2' });
    await f.waiting(1);
    expect(await f.line()).toEqual(['up runs ana', 'release shop@v2 waits bo']);
    await f.until(() => release.seen.length > 0);
    expect(release.seen[0]?.rows[0]).toMatchObject({ key: 'c1', cells: { by: [{ s: 'ana' }] } });
    const { data, view } = await f.as('ana', 'queue').done;
    expect(data).toMatchObject({
      line: [
        { id: 'c1', behind: [] },
        { id: 'c2', behind: ['c1'], by: 'bo' },
      ],
    });
    expect(view.rows.map((r) => r.key)).toEqual(['c1', 'c2']);
    await expect(f.as('bo', 'down', { on: [], noWait: true }).done).rejects.toThrow(/TW6201|TW6101/);
    await expect(f.as('bo', 'resume', { noWait: true }).done).rejects.toMatchObject({
      problem: {
        code: 'TW6201',
        exit: 7,
        why: [
          'it would be number 3',
          expect.stringMatching(/c1 "tw up" by ana runs since .*, process \d+ of \S+: heartbeat alive/),
          expect.stringContaining('c2'),
        ],
      },
    });
    f.gates[0]?.();
    await f.until(() => f.gates.length === 2);
    expect(f.ran).toEqual(['up', 'release shop@v2']);
    f.gates[1]?.();
    await Promise.all([up.done, release.done]);
    expect(await f.line()).toEqual([]);
  });

  it('whoever waits is told how long about, once somebody has seen such a run', async () => {
    const f = new Fleet();
    const first = f.as('ana', 'up', { on: [] });
    await f.until(() => f.gates.length === 1);
    f.gates[0]?.();
    await first.done;
    const up = f.as('ana', 'up', { on: [] });
    await f.until(() => f.gates.length === 2);
    await expect(f.as('bo', 'resume', { noWait: true }).done).rejects.toMatchObject({
      problem: { why: ['it would be number 2, about 0 s', expect.stringContaining('c2 "tw up"')] },
    });
    const release = f.as('bo', 'release', { target: 'shop@v2' });
    await f.waiting(1);
    const { view } = await f.as('ana', 'queue').done;
    expect(view.rows.map((r) => r.cells['wait'])).toEqual([undefined, [{ t: 'untrusted', s: 'about 0 s' }]]);
    for (const n of [1, 2]) {
      await f.until(() => f.gates.length > n);
      f.gates[n]?.();
    }
    await Promise.all([up.done, release.done]);
  });

  it('a freeze that came while it waited stops it; a vote that is missing is said before it waits', async () => {
    const f = new Fleet();
    const up = f.as('ana', 'up', { on: [] });
    await f.until(() => f.gates.length === 1);
    await expect(f.as('ana', 'release', { target: 'book@v2' }).done).rejects.toThrow(/TW6110/);
    const release = f.as('ana', 'release', { target: 'shop@v2' });
    await f.waiting(1);
    await f.as('bo', 'freeze', { because: 'black friday' }).done;
    f.gates[0]?.();
    await up.done;
    await expect(release.done).rejects.toThrow(/TW6205/);
    expect([f.ran, await f.line()]).toEqual([['up'], []]);
  });

  it('whoever may make it safer cancels what waits; nobody else; a terminal that leaves takes its place along', async () => {
    const f = new Fleet();
    const up = f.as('ana', 'up', { on: [] });
    await f.until(() => f.gates.length === 1);
    const shop = f.as('ana', 'release', { target: 'shop@v2' });
    await f.waiting(1);
    const book = f.as('ana', 'adopt', { app: 'book' });
    await f.waiting(2);
    await expect(f.as('eve', 'cancel', { id: 'c2' }).done).rejects.toThrow(/TW6101/);
    await f.as('eve', 'cancel', { id: 'c3', because: 'not now' }).done;
    await expect(book.done).rejects.toMatchObject({
      problem: { code: 'TW6206', why: ['by eve: not now', 'nothing was done'] },
    });
    await expect(f.as('bo', 'cancel', { id: 'c1' }).done).rejects.toThrow(/TW6207/);
    shop.stop();
    await expect(shop.done).rejects.toThrow(/TW6206/);
    expect(await f.line()).toEqual(['up runs ana']);
    f.gates[0]?.();
    await up.done;
    const ends = (await records(f.book()))
      .filter((r) => r.what === 'refused')
      .map((r) => (r.data as { code: string }).code);
    expect(ends).toEqual(['TW6101', 'TW6206', 'TW6206']);
  });

  it('50 commands run or wait and everything is frozen: what makes it safer is done at once, also in process', async () => {
    const f = new Fleet();
    const under = [f.as('ana', 'up', { on: [] })];
    await f.until(() => f.gates.length === 1);
    for (let i = 1; i < 50; i++) under.push(f.as('ana', 'release', { target: `shop@v${i}` }));
    await f.waiting(49);
    await f.as('bo', 'freeze', { because: 'incident' }).done;
    const safe = COMMANDS.filter(
      (c) => c.kind === 'safe' && c.free !== true && !OWN.has(c.verb) && !c.verb.startsWith('incident'),
    );
    expect(safe.map((c) => c.verb)).toEqual(expect.arrayContaining(['pause', 'abort', 'rollback', 'drain']));
    for (const door of ['cli', 'http', 'in-process'])
      for (const c of safe) await f.as('bo', c.verb, { app: 'shop', cluster: 'sao' }, door).done;
    expect(f.ran).toHaveLength(1 + 3 * safe.length);
    expect((await f.line()).filter((p) => p.includes(' waits '))).toHaveLength(49);
    for (const u of under) u.stop();
    f.gates[0]?.();
    await Promise.allSettled(under.map((u) => u.done));
    expect(await f.line()).toEqual([]);
  });
});
