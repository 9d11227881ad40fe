import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../config/index.ts';
import { type Json, memoryJournal, memoryStore, systemClock } from '../../kernel/index.ts';
import type { AuditRecord, Caller } from '../access/model.ts';
import { verify } from '../book/audit.ts';
import type { Context, Io, Question } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { runCommand } from '../run.ts';

const at = (platform: string, actor: string, door = platform === 'os' ? 'cli' : platform): Caller => ({
  door,
  identity: { platform, tenant: platform === 'slack' ? 'T1' : '', actor },
});
const ANNA = at('os', 'anna');
const EVE = at('os', 'eve');
const SLACK = at('slack', 'UA');

/** One book, and persons who type verbs at its doors; what they read is kept. */
class Room {
  readonly book = memoryStore();
  readonly config: ReturnType<typeof checkConfig>;
  readonly asked: Question[] = [];
  readonly stop = new AbortController();
  answer = 'yes';
  shown = '';
  out = '';

  constructor(people: object = { anna: { accounts: ['os:anna'] }, eve: { accounts: ['os:eve'] } }) {
    const rights = [
      { who: ['anna'], may: ['look', 'safe', 'rule'] },
      { who: ['eve'], may: ['look'] },
    ];
    const clusters = { eu: { cloud: 'aws', region: 'eu-west-1' } };
    const rules = Object.keys(people).length === 0 ? {} : { people, rights, approvals: [] };
    const raw = { fleet: 'demo', accounts: { aws: { account: '123456789012' } }, clusters, apps: {}, ...rules };
    this.config = checkConfig(raw, '/x/tradewind.yaml', '');
  }

  async say(from: Caller, verb: string, args: Args = {}, machine = false): Promise<Outcome> {
    const context = {
      cwd: '/x',
      stateDir: '/x/none',
      clock: systemClock,
      journal: () => memoryJournal(),
      book: () => this.book,
      config: async () => this.config,
    } as unknown as Context;
    const io: Io = {
      show: (v) => void (this.shown += v.rows.flatMap((r) => r.label.map((s) => ('s' in s ? s.s : ''))).join(' ')),
      machine,
      out: (s) => void (this.out += s),
      ask: async (q) => {
        this.asked.push(q);
        return this.answer;
      },
      signal: this.stop.signal,
      detach: new AbortController().signal,
    };
    return await runCommand(context, { verb, args, from }, io);
  }

  /** The code that is on the screen of the one who asked for it. */
  async code(): Promise<string> {
    await expect.poll(() => this.shown).toMatch(/link \S+$/);
    return /link (\S+)$/.exec(this.shown)?.[1] ?? '';
  }

  async alter(n: number, change: (r: Record<string, Json>) => Json): Promise<void> {
    const key = `audit/record/${String(n).padStart(12, '0')}`;
    const { value, revision } = await this.book.get(key);
    await this.book.cas(key, revision, change(value as Record<string, Json>));
  }
  async records(): Promise<AuditRecord[]> {
    this.out = '';
    await this.say(ANNA, 'audit export');
    return this.out
      .trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l) as AuditRecord);
  }
}

describe('tw audit', () => {
  it('verify: a book as written; of an altered one the first wrong record, as a problem with its exit code', async () => {
    const room = new Room();
    for (const because of ['one', 'two', 'three']) await room.say(ANNA, 'freeze', { on: [], because, for: '1h' });
    const good = await room.say(ANNA, 'audit verify');
    expect([good.problem, good.data]).toEqual([undefined, { records: 6, head: expect.any(String), broken: null }]);
    await room.alter(4, (r) => ({ ...r, person: 'eve' }));
    const bad = await room.say(ANNA, 'audit verify');
    expect([bad.exit, bad.problem?.code, bad.problem?.value, bad.problem?.fix[0]?.command]).toEqual([
      1,
      'TW6501',
      'record 4',
      'tw audit export',
    ]);
    expect([bad.data, bad.view.rows]).toMatchObject([{ records: 6, broken: { n: 4 } }, [{ tone: 'bad' }]]);
    await room.book.txn({ if: [], put: [], remove: ['audit/record/000000000006'] });
    await room.alter(4, (r) => ({ ...r, person: 'anna' }));
    expect((await room.say(ANNA, 'audit verify')).problem).toMatchObject({ code: 'TW6501', value: 'record 6' });
  });

  it('export: one record a line, oldest first, a chain that anybody can check; one document for a program', async () => {
    const room = new Room();
    await room.say(ANNA, 'freeze', { on: [], because: 'a\nb', for: '1h' });
    await room.say(SLACK, 'freeze', { on: [], because: 'x', for: '1h' }).catch(() => undefined);
    const list = await room.records();
    expect(list.map((r) => `${r.n} ${r.what} ${r.account}`)).toEqual([
      '1 started os:anna',
      '2 ended os:anna',
      '3 refused slack:T1:UA',
    ]);
    expect(room.out.endsWith('\n')).toBe(true);
    expect(list.slice(1).map((r) => r.prev)).toEqual(list.slice(0, -1).map((r) => r.hash));
    expect((await verify(room.book)).head.hash).toBe(list.at(-1)?.hash);
    room.out = '';
    const whole = await room.say(ANNA, 'audit export', {}, true);
    expect([room.out, whole.streamed, whole.data]).toEqual(['', undefined, { records: list }]);
  });
});

describe('tw link', () => {
  it('shows a code here, takes it there, asks here: then the account is that person; unlink takes it back', async () => {
    const room = new Room();
    await expect(room.say(SLACK, 'freeze', { on: [], because: 'x', for: '1h' })).rejects.toThrow(/TW6301/);
    const here = room.say(ANNA, 'link');
    const code = await room.code();
    expect(code).toMatch(/^[2-9A-Z]{4}(-[2-9A-Z]{4}){2}$/);
    expect((await room.say(SLACK, 'link', { code })).data).toMatchObject({ state: 'typed', account: 'slack:T1:UA' });
    expect((await here).data).toMatchObject({ state: 'linked', person: 'anna', account: 'slack:T1:UA' });
    expect(room.asked.map((q) => q.text)).toEqual(['slack:T1:UA typed it. Is that you, anna?']);
    await room.say(SLACK, 'freeze', { on: [], because: 'x', for: '1h' });
    await expect(room.say(EVE, 'unlink', { account: 'slack:T1:UA' })).rejects.toThrow(/TW6101/);
    expect((await room.say(ANNA, 'unlink', { account: 'slack:T1:UA' })).data).toEqual({ account: 'slack:T1:UA' });
    await expect(room.say(SLACK, 'unfreeze', {})).rejects.toThrow(/TW6301/);
    await expect(room.say(ANNA, 'unlink', { account: 'slack:T1:UA' })).rejects.toThrow(/TW6302.*not linked/);
    expect((await room.records()).map((r) => r.what)).toEqual(
      expect.arrayContaining(['link.typed', 'link.linked', 'refused']),
    );
    expect(JSON.stringify(await room.records())).not.toContain(code);
  });

  it('a no, or an interruption, links nobody', async () => {
    const room = new Room();
    room.answer = 'no';
    const here = room.say(ANNA, 'link');
    await room.say(SLACK, 'link', { code: await room.code() });
    expect(await here).toMatchObject({ data: { state: 'refused' }, view: { rows: [{ tone: 'warn' }] } });
    await expect(room.say(SLACK, 'audit verify')).rejects.toThrow(/TW6301/);
    room.shown = '';
    const again = room.say(ANNA, 'link');
    await room.code();
    room.stop.abort();
    await expect(again).rejects.toThrow(/TW6302.*interrupted/);
  });

  it('TW6102 a code is shown in a terminal only; TW6301 to a person of the config only', async () => {
    const room = new Room();
    for (const from of [SLACK, at('lab', 'anna'), at('http', 'anna')])
      await expect(room.say(from, 'link'), from.door).rejects.toThrow(/TW6102.*terminal only/);
    await expect(room.say(at('os', 'mallory'), 'link')).rejects.toThrow(/TW6301/);
    await expect(new Room({}).say(ANNA, 'link')).rejects.toThrow(/TW6301.*no `people`/);
    expect(room.shown).toBe('');
    await expect(room.say(SLACK, 'link', { code: 'AAAA-BBBB-CCCC' })).rejects.toThrow(/TW6302.*nobody was shown/);
  });
});
