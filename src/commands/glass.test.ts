import { describe, expect, it } from 'vitest';
import { checkConfig } from '../config/index.ts';
import { manualClock, memoryJournal, memoryStore, type Problem, type Store, type View } from '../kernel/index.ts';
import { records } from './book/audit.ts';
import { incidents } from './book/barriers.ts';
import type { Context, Io } from './context.ts';
import { governed } from './gate.ts';
import type { Args, Outcome } from './model.ts';
import { runCommand } from './run.ts';

const RULED = {
  people: { ana: { accounts: ['os:ana'] }, bo: { accounts: ['os:bo'] }, eve: { accounts: ['os:eve'] } },
  rights: [
    { who: ['ana', 'bo', 'eve'], may: ['look', 'safe', 'forward', 'destroy', 'rule', 'approve'] },
    { who: ['ana'], may: ['break-glass'], apps: ['shop'] },
  ],
  approvals: [{ verbs: ['release'], quorum: 2 }, { quorum: 0 }],
};

/** Friday, 20:00 in Berlin: the weekend of the config has begun. */
const FRIDAY = Date.parse('2026-11-27T19:00Z');
const WEEKEND = {
  name: 'weekend',
  because: 'nobody is there',
  zone: 'Europe/Berlin',
  from: 'fri 16:00',
  to: 'mon 06:00',
};

class Fleet {
  readonly book: Store = memoryStore();
  readonly clock = manualClock(FRIDAY);
  readonly ran: string[] = [];
  readonly shown: View[] = [];
  readonly #config: ReturnType<typeof checkConfig>;

  constructor(more: object = RULED) {
    const base = {
      fleet: 'demo',
      accounts: { aws: { account: '123456789012' } },
      clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } },
      apps: { shop: { manifests: ['m'] }, book: { manifests: ['m'] } },
    };
    this.#config = checkConfig({ ...base, freezes: [WEEKEND], ...more }, '/x/tradewind.yaml', '');
  }

  async as(who: string, verb: string, args: Args = {}): Promise<Outcome> {
    const io = {
      ...{ show: (v: View) => void this.shown.push(v), machine: false, out: () => undefined, ask: async () => 'yes' },
      ...{ signal: new AbortController().signal, detach: new AbortController().signal },
    } satisfies Io;
    const context = {
      ...{ cwd: '/x', stateDir: '/x', clock: this.clock, journal: () => memoryJournal(), book: () => this.book },
      ...{ config: async () => this.#config, close: async () => undefined },
    } as unknown as Context;
    const call = { verb, args, from: { door: 'cli', identity: { platform: 'os', tenant: '', actor: who } } };
    if (['locks', 'approve', 'incident end', 'unfreeze', 'freeze'].includes(verb))
      return await runCommand(context, call, io);
    return await governed(context, call, io, async (_, x, side) => {
      if (x.args['dryRun'] !== true) this.ran.push(x.verb);
      side.show({ at: 0, rows: [] });
      return { data: { refused: [] }, view: { at: 0, rows: [] }, would: { id: 'p-1', facts: {} } };
    });
  }
  async no(who: string, verb: string, args: Args = {}): Promise<Problem> {
    return await this.as(who, verb, args).then(
      () => Promise.reject(new Error('it was not refused')),
      (e: unknown) => (e as { problem: Problem }).problem,
    );
  }
}

describe('a freeze of the calendar', () => {
  it('stops what goes forward with why, until when in its zone, and what would pass; makes safer all the same', async () => {
    const f = new Fleet();
    const p = await f.no('ana', 'retire', { app: 'shop' });
    expect([p.code, p.exit, p.why]).toEqual([
      'TW6205',
      7,
      ['freeze weekend of everything by the config: nobody is there, until 2026-11-30 06:00 Europe/Berlin'],
    ]);
    expect(p.fix.map((x) => x.say)).toEqual([
      'pause, abort, rollback and drain pass at once',
      '--break-glass --because "…", by ana',
    ]);
    expect((await f.no('ana', 'retire', { app: 'book' })).fix.at(-1)?.say).toBe(
      'nobody has the right "break-glass" there',
    );
    await f.as('eve', 'rollback', { app: 'shop' });
    expect(f.ran).toEqual(['rollback']);
    const { data, view } = await f.as('eve', 'locks');
    expect(data).toMatchObject({ barriers: [{ id: 'weekend', by: 'the config' }] });
    expect(view.rows[0]?.cells['until']).toMatchObject([{ s: '2026-11-30 06:00 Europe/Berlin' }]);
    expect((await f.no('ana', 'unfreeze', { id: 'weekend' })).code).toBe('TW6203');
    f.clock.advance(Date.parse('2026-11-30T05:00Z') - FRIDAY);
    await f.as('ana', 'retire', { app: 'shop' });
    expect(f.ran).toEqual(['rollback', 'retire']);
  });

  it('holds without `people` too, and the person of the machine may break the glass', async () => {
    const f = new Fleet({});
    expect((await f.no('ana', 'retire', { app: 'shop' })).code).toBe('TW6205');
    await f.as('ana', 'retire', { app: 'shop', breakGlass: true, because: 'checkout is down' });
    expect(f.ran).toEqual(['retire']);
  });
});

describe('break-glass', () => {
  const glass = { app: 'shop', breakGlass: true, because: 'checkout is down' };

  it('wants the right and a typed reason; a lock stays a lock', async () => {
    const f = new Fleet();
    expect((await f.no('ana', 'retire', { ...glass, because: undefined })).code).toBe('TW6002');
    expect((await f.no('ana', 'retire', { ...glass, because: ' ' })).code).toBe('TW6002');
    expect((await f.no('eve', 'retire', glass)).code).toBe('TW6101');
    expect((await f.no('ana', 'retire', { ...glass, app: 'book' })).code).toBe('TW6101');
    await f.book.txn({
      if: [],
      put: [{ key: 'lock/l1', value: { id: 'l1', kind: 'lock', by: 'bo', because: 'work', at: 0, until: null } }],
    });
    expect((await f.no('ana', 'retire', glass)).code).toBe('TW6202');
    expect([f.ran, await incidents(f.book)]).toEqual([[], []]);
  });

  it('is told by every view, the answer, the audit and an incident', async () => {
    const f = new Fleet();
    await f.as('bo', 'freeze', { because: 'an audit' });
    const o = await f.as('ana', 'retire', glass);
    expect(f.shown.every((v) => v.rows[0]?.key === 'glass' && v.rows[0].tone === 'bad')).toBe(true);
    expect(o.view.rows[0]).toMatchObject({
      label: [{ s: 'GLASS BROKEN by ana, incident i1' }],
      cells: { because: [{ t: 'untrusted', s: 'checkout is down' }], frozen: [{ s: 'f1, weekend' }] },
    });
    expect(o.warnings).toMatchObject([
      { code: 'TW6208', value: 'ana', why: expect.arrayContaining(['checkout is down']) },
    ]);
    const kept = (await records(f.book)).filter((r) => r.person === 'ana');
    expect(kept.map((r) => r.what)).toEqual(['glass broken', 'started', 'ended']);
    expect(kept[0]?.data).toEqual({
      ...{ verb: 'retire', because: 'checkout is down', freezes: ['f1', 'weekend'], incident: 'i1' },
    });
    expect(await incidents(f.book)).toMatchObject([
      { id: 'i1', by: 'ana', because: 'checkout is down', endedAt: null },
    ]);
    const over = await f.as('bo', 'incident end');
    expect(over.view.rows[0]?.label).toMatchObject([{ s: 'incident i1 is over' }]);
    expect((await f.no('bo', 'retire', { app: 'shop' })).code).toBe('TW6205');
  });

  it('asks one other person instead of two, and nobody when nothing is frozen', async () => {
    const f = new Fleet();
    const wish = { target: 'shop@v2', breakGlass: true, because: 'checkout is down' };
    const asked = await f.no('ana', 'release', wish);
    expect([asked.code, asked.why[0]]).toEqual(['TW6110', expect.stringContaining('0 of 1')]);
    expect(asked.fix.at(-1)?.command).toContain('--break-glass');
    await f.as('bo', 'approve', { approval: asked.value });
    await f.as('ana', 'release', wish);
    expect(f.ran).toEqual(['release']);
    f.clock.advance(Date.parse('2026-11-30T05:00Z') - FRIDAY);
    await f.as('ana', 'retire', glass);
    expect(await incidents(f.book)).toHaveLength(1);
  });
});
