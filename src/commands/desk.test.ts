import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fault, manualClock, memoryStore, StoreWorld } from '../kernel/index.ts';
import { accountOf, type Caller } from './access/model.ts';
import { records, verify } from './book/audit.ts';
import { receive } from './book/ledger.ts';
import type { Invocation, Io } from './context.ts';
import { type Card, Desk, type Inbound } from './desk.ts';
import type { Outcome } from './model.ts';
import { redactor } from './redact.ts';
import { COMMANDS } from './table.ts';

const done: Outcome = { data: {}, view: { at: 0, rows: [] } };
const settle = async (): Promise<void> => {
  for (let i = 0; i < 60; i++) await new Promise((go) => setImmediate(go));
};

const NAMES = { table: COMMANDS, apps: ['guestbook', 'shop'], clusters: ['sao', 'mtl'] };

class World {
  readonly store = new StoreWorld();
  readonly clock = manualClock(1_000_000);
  readonly cards: Card[] = [];
  readonly ran: string[] = [];
  readonly ended: string[] = [];
  /** Commands that end only when they are let go. */
  readonly gates = new Map<string, () => void>();
  /** What the gate says of a command that waits. */
  check: (call: Invocation) => Promise<Outcome> = async () => done;
  hold: (call: Invocation) => boolean = () => false;
  fleet = 'demo';
  beside: Readonly<Record<string, readonly string[]>> = {};
  isNobody: (caller: Caller) => Promise<boolean> = async () => false;
  ids = 0;
  desk = this.open();

  open(): Desk {
    return new Desk({
      book: memoryStore(undefined, this.store),
      clock: this.clock,
      newId: () => `c${++this.ids}`,
      grammar: async () => ({ ...NAMES, fleet: this.fleet, beside: this.beside }),
      run: (call, io) => this.run(call, io),
      nameOf: async ({ identity }) => accountOf(identity),
      isNobody: (caller) => this.isNobody(caller),
      redact: async (line) => redactor([]).text(line),
      onCard: (card) => void this.cards.push(card),
    });
  }

  async run(call: Invocation, _io: Io): Promise<Outcome> {
    if (call.turn === 'check') return await this.check(call);
    const name = `${call.verb} ${JSON.stringify(call.args['target'] ?? call.args['app'] ?? call.args['cluster'] ?? '')}`;
    this.ran.push(name);
    if (this.hold(call)) await new Promise<void>((go) => this.gates.set(name, go));
    if (call.args['target'] === 'guestbook@bad') throw fault('TW7006', { value: 'bad' });
    this.ended.push(name);
    return done;
  }

  say(line: string, more: Partial<Inbound> = {}): Promise<{ id: string; first: boolean }> {
    const caller = { door: 'lab', identity: { platform: 'lab', tenant: '', actor: 'anna' } };
    return this.desk.submit({
      keys: [`k${++this.ids}`],
      line,
      caller,
      room: 'ops',
      typedAt: this.clock.now(),
      ...more,
    });
  }
  last(id: string): Card | undefined {
    return this.cards.findLast((c) => c.id === id);
  }
}

describe('desk', () => {
  it('runs a line once, answers its copies, and tells the end', async () => {
    const w = new World();
    const { id } = await w.say('release guestbook@v2 --yes', { keys: ['event:1', 'sig:1'] });
    expect(await w.say('release guestbook@v2 --yes', { keys: ['event:1', 'sig:2'] })).toEqual({ id, first: false });
    await w.desk.idle();
    expect(w.ran).toEqual(['release "guestbook@v2"']);
    expect(w.cards.filter((c) => c.id === id).map((c) => c.state)).toEqual(['running', 'ended']);
  });

  it('a refusal, a failure and a slip of the pen are answers', async () => {
    const w = new World();
    const ids = [];
    for (const line of [
      'relase x',
      'release guestbook@bad --yes',
      'login --token=ghp_0123456789abcdefghijklmnop',
      'exec x -- sh',
    ])
      ids.push((await w.say(line)).id);
    await w.desk.idle();
    expect(ids.map((id) => w.last(id)?.problem?.code)).toEqual(['TW6001', 'TW7006', 'TW6021', 'TW6102']);
    expect(JSON.stringify([...w.store.kept.values()])).not.toContain('ghp_0123');
    expect(JSON.stringify(w.cards)).not.toContain('ghp_0123');
  });

  it('what the platform could not deliver is answered and never run, also after a crash, also a look', async () => {
    const w = new World();
    for (const line of ['release guestbook@v2 --yes', 'rollback guestbook', 'status']) {
      const { id } = await w.say(line, { missed: true, keys: [`delivery ${line}`] });
      await w.desk.idle();
      expect(w.last(id)?.problem).toMatchObject({ code: 'TW6402', why: ['it was not run'], fix: [{ command: line }] });
      expect(await w.say(line, { keys: [`delivery ${line}`] })).toEqual({ id, first: false });
    }
    const row = { id: 'c99', salt: 's', line: 'status', room: 'ops', typedAt: 0, missed: true as const, now: 1 };
    const caller = { door: 'lab', identity: { platform: 'lab', tenant: '', actor: 'anna' } };
    await receive(memoryStore(undefined, w.store), { ...row, caller, keys: ['delivery 99'] });
    await w.desk.recover();
    await w.desk.idle();
    expect(w.last('c99')?.problem?.code).toBe('TW6402');
    expect(w.ran).toEqual([]);
  });

  it('an old command is not done; a safe one may be a little older', async () => {
    const w = new World();
    const old = async (line: string, min: number) => (await w.say(line, { typedAt: w.clock.now() - min * 60_000 })).id;
    const ids = [
      await old('release guestbook@v2', 6),
      await old('rollback guestbook', 6),
      await old('rollback guestbook', 16),
      await old('status', 600),
    ];
    await w.desk.idle();
    expect(ids.map((id) => w.last(id)?.problem?.code)).toEqual(['TW6402', undefined, 'TW6402', undefined]);
  });

  it('what goes forward waits in turn; abort and rollback overtake everything', async () => {
    const w = new World();
    w.hold = (call) => call.verb === 'release';
    const a = await w.say('release guestbook@v2');
    const b = await w.say('release guestbook@v3');
    const other = await w.say('release shop@v2');
    const up = await w.say('up --yes');
    await settle();
    expect(w.ran).toEqual(['release "guestbook@v2"', 'release "shop@v2"']);
    expect([w.last(b.id)?.state, w.last(b.id)?.behind, w.last(up.id)?.state]).toEqual(['queued', 1, 'queued']);
    const abort = await w.say('abort guestbook because "wrong build"');
    await settle();
    expect(w.last(abort.id)?.state).toBe('ended');
    w.gates.get('release "guestbook@v2"')?.();
    await settle();
    expect(w.ran.slice(3)).toEqual(['release "guestbook@v3"']);
    w.hold = () => false;
    for (const go of w.gates.values()) go();
    await w.desk.idle();
    expect(w.ran.at(-1)).toBe('up ""');
    for (const id of [a.id, b.id, other.id, up.id]) expect(w.last(id)?.state).toBe('ended');
  });

  it('what would be refused is refused while it waits, keeps its place in the order until then, and is not run', async () => {
    const w = new World();
    w.hold = (call) => call.args['target'] === 'guestbook@v2';
    w.check = async (call) => {
      if (call.from?.identity.actor === 'eve')
        throw fault('TW6101', { value: 'tw release', why: ['eve may only look'] });
      return done;
    };
    await w.say('release guestbook@v2 --yes');
    await settle();
    const eve = { door: 'lab', identity: { platform: 'lab', tenant: '', actor: 'eve' } };
    const no = await w.say('release guestbook@v3 --yes', { caller: eve });
    const yes = await w.say('release guestbook@v4 --yes');
    await settle();
    expect([w.last(no.id)?.state, w.last(no.id)?.problem?.code]).toEqual(['ended', 'TW6101']);
    expect([w.last(yes.id)?.state, w.last(yes.id)?.behind]).toEqual(['queued', 1]);
    for (const go of w.gates.values()) go();
    await w.desk.idle();
    expect(w.ran).toEqual(['release "guestbook@v2"', 'release "guestbook@v4"']);
  });

  it('the word that a running release waits for does not wait for its end', async () => {
    const w = new World();
    w.hold = (call) => call.verb === 'release';
    await w.say('release guestbook@v2 --hold=commit');
    await w.say('release guestbook@v3');
    const word = await w.say('promote guestbook');
    await settle();
    expect([w.last(word.id)?.state, w.ran]).toEqual(['ended', ['release "guestbook@v2"', 'promote "guestbook"']]);
    w.hold = () => false;
    for (const go of w.gates.values()) go();
    await w.desk.idle();
  });

  it('1,000 aborts while 50 commands run: every one is done at once', async () => {
    const w = new World();
    w.hold = (call) => call.verb === 'release';
    for (let i = 0; i < 50; i++) await w.say(`release guestbook@v${i}`);
    await settle();
    for (let i = 0; i < 1000; i++) await w.say('abort guestbook');
    await settle();
    expect(w.ended.filter((n) => n.startsWith('abort'))).toHaveLength(1000);
    expect(w.ran.filter((n) => n.startsWith('release'))).toHaveLength(1);
    w.hold = () => false;
    for (const go of w.gates.values()) go();
    await w.desk.idle();
    expect(w.ended).toHaveLength(1050);
  });

  it('a process that ends leaves nothing twice and nothing untold', async () => {
    const line = fc.constantFrom(
      'release guestbook@v2',
      'release shop@v2',
      'status',
      'abort guestbook',
      'promote guestbook',
    );
    const step = fc.oneof(
      fc.record({ do: fc.constant('say' as const), line, key: fc.nat({ max: 6 }) }),
      fc.record({ do: fc.constant('let go' as const) }),
      fc.record({ do: fc.constant('crash' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 16 }), async (steps) => {
        const w = new World();
        w.hold = (call) => call.verb !== 'status';
        const taken = new Map<number, string>();
        for (const s of steps) {
          if (s.do === 'say') {
            const { id, first } = await w.say(s.line, { keys: [`key:${s.key}`] });
            expect(taken.get(s.key) ?? id).toBe(id);
            expect(first).toBe(!taken.has(s.key));
            taken.set(s.key, id);
          } else if (s.do === 'let go') for (const go of w.gates.values()) go();
          else {
            // the old process is gone: what it still does is seen by nobody
            w.gates.clear();
            w.desk = w.open();
            await w.desk.recover();
          }
          await settle();
        }
        w.desk = w.open();
        w.hold = () => false;
        await w.desk.recover();
        await w.desk.idle();
        const book = memoryStore(undefined, w.store);
        const rows = (await book.range('command/')).entries.map(
          (e) => e.value as unknown as { id: string; state: string },
        );
        expect(rows.map((r) => r.id).toSorted()).toEqual([...taken.values()].toSorted());
        expect(rows.every((r) => r.state === 'ended')).toBe(true);
        expect(w.ran.length).toBeLessThanOrEqual(taken.size);
        expect((await verify(book)).broken).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  it('what looks like a command and is none is in the audit, unanswered; whoever does it in a loop cannot fill it', async () => {
    const w = new World();
    const by = (actor: string) => ({ door: 'slack', identity: { platform: 'slack', tenant: 'T9', actor } });
    const line = 'release guestbook@v2';
    const told = async () => (await records(memoryStore(undefined, w.store))).filter((r) => r.what === 'ignored');
    for (let n = 0; n < 500; n++) w.desk.ignored({ caller: by('B1'), room: 'C1', line, why: 'a bot wrote it' });
    await w.desk.idle();
    expect(await told()).toMatchObject([
      {
        person: null,
        account: 'slack:T9:B1',
        data: { why: 'a bot wrote it', room: 'C1', more: 0, raw: { bytes: 20, digest: expect.any(String) } },
      },
    ]);
    expect(JSON.stringify(await told())).not.toContain(line);
    w.clock.advance(60_000);
    for (let n = 0; n < 500; n++) w.desk.ignored({ caller: by(`B${n}`), room: 'C1', line, why: 'a bot wrote it' });
    await w.desk.idle();
    expect((await told()).length).toBe(1 + 20);
    expect((await told()).find((r) => r.account === 'slack:T9:B1' && r.at > 1_000_000)?.data).toMatchObject({
      more: 499,
    });
    expect([w.cards, w.ran]).toEqual([[], []]);
    expect((await verify(memoryStore(undefined, w.store))).broken).toBeUndefined();
  });

  it("of accounts that are nobody's a few lines are heard, then none; persons are heard all the time", async () => {
    const w = new World();
    const by = (actor: string) => ({ door: 'slack', identity: { platform: 'slack', tenant: 'T1', actor } });
    w.isNobody = async ({ identity }) => identity.actor !== 'anna';
    const all = () => records(memoryStore(undefined, w.store));
    for (let n = 0; n < 300; n++) await w.say('status', { caller: by('eve') });
    for (let n = 0; n < 300; n++) await w.say('status', { caller: by(`e${n}`) });
    await w.desk.idle();
    expect((await all()).filter((r) => r.what === 'received').length).toBe(30);
    expect((await all()).filter((r) => r.what === 'ignored').length).toBeLessThanOrEqual(20);
    const { id, first } = await w.say('status', { caller: by('anna') });
    expect([id, first]).toEqual([expect.stringMatching(/^c/), true]);
    for (let n = 0; n < 40; n++) expect((await w.say('status', { caller: by('anna') })).first).toBe(true);
    w.clock.advance(60_000);
    expect((await w.say('link 7KQ2-M9XD-4TRC', { caller: by('eve') })).first).toBe(true);
    await w.desk.idle();
  });

  it('two fleets hear one room: a line that says no fleet runs in none, one that says it runs there alone', async () => {
    const [shop, demo] = [new World(), new World()];
    shop.fleet = 'shop';
    shop.beside = { lab: ['demo'] };
    const both = async (line: string) => {
      const said = [await shop.say(line), await demo.say(line, { beside: ['shop', 'demo'] })];
      await Promise.all([shop.desk.idle(), demo.desk.idle()]);
      return said.map(({ id }, n) => (id === '' ? 'silent' : ([shop, demo][n]?.last(id)?.problem?.code ?? 'done')));
    };
    const ran = () => [shop.ran.splice(0), demo.ran.splice(0)];
    expect(await both('rollback guestbook')).toEqual(['TW6002', 'TW6002']);
    expect(await both('guestbook deploy v2')).toEqual(['TW6002', 'TW6002']);
    expect(ran()).toEqual([[], []]);
    const fixes = shop.cards.at(-1)?.problem?.fix.map((f) => f.command);
    expect(fixes).toEqual(['guestbook deploy v2 in demo', 'guestbook deploy v2 in shop']);
    expect(await both('rollback guestbook in demo')).toEqual(['silent', 'done']);
    expect(await both('rollback guestbook in shop because "we are in demo"')).toEqual(['done', 'silent']);
    expect(await both('guestbook deploy v2 in shop')).toEqual(['done', 'silent']);
    expect(ran()).toEqual([['rollback "guestbook"', 'release "guestbook@v2"'], ['rollback "guestbook"']]);
    expect(shop.cards.at(-1)?.fleet).toBe('shop');
    expect(await both('rollback guestbook in prod')).toEqual(['TW6002', 'TW6002']);
    // What another fleet answers is none of this one's book.
    const received = await records(memoryStore(undefined, demo.store));
    expect(received.filter((r) => r.what === 'received').length).toBe(4);
  });
});
