/** `tw state move` against what the agents say and what the store holds; who moves home is tested in state-agent. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fault, type StoreFault, StoreWorld } from '../../src/kernel/index.ts';
import { manifestOf } from '../../src/state/testing/manifest.ts';
import { NAMES } from './state-agent/config.ts';
import { doorOver } from './state-agent/told.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-move-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const HOLD = 'state/app/hold';
const EPOCH = 'state/app/epoch';
const VALUE = { epoch: 7, primary: 'ca', from: { epoch: 0, offset: 0, run: 'r' }, copies: NAMES, w: 1 };

/** Home is in `ca`; `says`: what else an agent says of itself. */
async function fleet(x: { says?: Record<string, object>; fault?: () => StoreFault | undefined } = {}) {
  const says = (c: string): object => {
    const look = { run: c, role: c === 'ca' ? 'primary' : 'replica', link: true, offset: 9, loading: false };
    const report = { cluster: c, look, applied: 7, lagMs: 5, epoch: VALUE, fences: {}, gone: [], rtts: {}, events: [] };
    return { ...report, ...x.says?.[c] };
  };
  const world = new StoreWorld();
  world.write({ if: [], put: [{ key: EPOCH, value: VALUE as never }] });
  const door = await doorOver({ dir, world, says, fault: x.fault });
  const hold = (): unknown => world.view(HOLD).entries[0]?.value;
  let begun = 0;
  const begins = async (): Promise<void> => void (begun += 1);
  const move = (to: string, more: { begins?: () => Promise<void> } = { begins }) =>
    door.move({ app: 'app', to, ...more }, {}, new AbortController().signal);
  /** One that counts lies in the folder. */
  const snapshot = (): string => {
    const folder = join(dir, 'backups', 'demo', 'app');
    mkdirSync(folder, { recursive: true });
    const m = manifestOf(1, { id: 'app-1', app: 'app', fleet: 'demo' });
    writeFileSync(join(folder, 'app-1.json'), JSON.stringify(m));
    return m.id;
  };
  return { world, door, hold, move, snapshot, begins, begun: () => begun };
}
/** Does `then` as soon as a move has written its hold, and says what it was. */
async function onHold(f: Awaited<ReturnType<typeof fleet>>, then: () => void): Promise<unknown> {
  for (;;) {
    const value = f.hold();
    if (value !== undefined) {
      then();
      return value;
    }
    await new Promise((r) => setTimeout(r, 5));
  }
}

describe('a move that is not possible holds no write back', () => {
  const NO_COPY = expect.arrayContaining(['it has no copy of the data']);
  const lagging = { au: { lagMs: 1500 } };
  const unlinked = { au: { look: { run: 'au', role: 'replica', link: false, offset: 1, loading: false } } };
  const fenced = { ca: { look: { run: 'ca', role: 'fenced', link: false, offset: 9, loading: false } } };
  it.each<[string, { to: string; says: Record<string, object>; problem: { code: string; why?: unknown } }]>([
    [
      'the target is too far behind',
      { to: 'au', says: lagging, problem: { code: 'TW5141', why: ['it is copy, 1500 ms behind'] } },
    ],
    [
      'the target is not in step',
      { to: 'au', says: unlinked, problem: { code: 'TW5141', why: ['its link to home is down'] } },
    ],
    ['there is no home', { to: 'au', says: fenced, problem: { code: 'TW5114' } }],
    ['the target has no copy', { to: 'nowhere', says: {}, problem: { code: 'TW5002', why: NO_COPY } }],
  ])('%s', async (_, { to, says, problem }) => {
    const f = await fleet({ says });
    const { revision } = f.world;
    await expect(f.move(to)).rejects.toMatchObject({ problem });
    expect([f.world.revision, f.begun()]).toEqual([revision, 0]);
  });

  it('nor one that is stopped where it would begin', async () => {
    const f = await fleet();
    const { revision } = f.world;
    const begins = () => Promise.reject(fault('TW6116', { value: 'a-1' }));
    await expect(f.move('au', { begins })).rejects.toMatchObject({ problem: { code: 'TW6116' } });
    await expect(f.door.begin({ app: 'app', wish: { add: 'au' }, begins: f.begins }, {})).rejects.toBeDefined();
    expect([f.world.revision, f.begun()]).toEqual([revision, 0]);
  });

  it('to where home is already nothing is to be done', async () => {
    const f = await fleet();
    const { revision } = f.world;
    expect(await f.move('ca')).toEqual({ from: 'ca', ms: 0 });
    expect(f.world.revision).toBe(revision);
  });
});

describe('the hold of a move', () => {
  it('says from where to where, stands until home is there, and is gone afterwards', async () => {
    const f = await fleet();
    const value = { ...VALUE, epoch: 9, primary: 'au' } as never;
    const held = onHold(f, () => f.world.write({ if: [], put: [{ key: EPOCH, value }] }));
    expect(await f.move('au')).toMatchObject({ from: 'ca' });
    expect(await held).toEqual({ by: 'ca', to: 'au' });
    expect(f.hold()).toBeUndefined();
  });

  it('TW5140: of another move is left as it is', async () => {
    const f = await fleet();
    const other = { by: 'ca', to: 'sa' };
    f.world.write({ if: [], put: [{ key: HOLD, value: other }] });
    await expect(f.move('au')).rejects.toMatchObject({
      problem: { code: 'TW5140', value: 'au', why: ['another move is under way'] },
    });
    expect(f.hold()).toEqual(other);
  });

  it('TW5140: that nobody confirmed is taken back, if it was written', async () => {
    for (const fault of ['lost', 'dropped'] as const) {
      const f = await fleet({ fault: () => fault });
      await expect(f.move('au')).rejects.toMatchObject({
        problem: { code: 'TW5140', why: [expect.stringContaining('did not confirm the hold')] },
      });
      expect(f.hold()).toBeUndefined();
    }
  });

  it('TW5141: that home has given up ends the move', async () => {
    const f = await fleet();
    const held = onHold(f, () => f.world.write({ if: [], put: [], remove: [HOLD] }));
    await expect(f.move('au')).rejects.toMatchObject({
      problem: { code: 'TW5141', why: ['home is ca; au did not reach the last write of ca in time'] },
    });
    await held;
  });
});

describe('while somebody freezes the state', () => {
  const key = 'state/app/freeze';
  const RELEASE = { owner: 'release r7', until: null };
  it('TW5140: a move says who and until when, and holds no write back; then it goes', async () => {
    const f = await fleet();
    const lease = await f.door.freeze({ app: 'app', owner: 'release r7' });
    expect(f.world.view(key).entries[0]?.value).toEqual(RELEASE);
    // The first one stands.
    expect(await f.door.freeze({ app: 'app', owner: 'another' })).toBeUndefined();
    await expect(f.move('au')).rejects.toMatchObject({
      problem: {
        code: 'TW5140',
        value: 'au',
        why: [
          'release r7 keeps home and copies where they are until it is over',
          'a failover is not kept back by that',
        ],
      },
    });
    expect(f.hold()).toBeUndefined();
    await lease?.close();
    const moved = f.move('au');
    await onHold(f, () =>
      f.world.write({ if: [], put: [{ key: EPOCH, value: { ...VALUE, primary: 'au' } as never }] }),
    );
    expect(await moved).toMatchObject({ from: 'ca' });
  });

  it('a change of the copies and a restore are refused too; one whose time is over stops nothing', async () => {
    const f = await fleet();
    const until = Date.now() + 60_000;
    f.world.write({ if: [], put: [{ key, value: { owner: 'ana', until } }] });
    const why = [`ana keeps home and copies where they are until ${new Date(until).toISOString()}`, expect.anything()];
    const wish = { add: 'au' };
    const { signal } = new AbortController();
    await expect(f.door.begin({ app: 'app', wish }, {})).rejects.toMatchObject({ problem: { code: 'TW5140', why } });
    await expect(
      f.door.restore(
        { app: 'app', snapshot: f.snapshot(), sure: async () => undefined, show: () => undefined },
        {},
        signal,
      ),
    ).rejects.toMatchObject({ problem: { code: 'TW5140', why } });
    f.world.write({ if: [], put: [{ key, value: { owner: 'ana', until: Date.now() - 1 } }] });
    await expect(f.door.begin({ app: 'app', wish }, {})).rejects.toMatchObject({ problem: { code: 'TW5151' } });
  });
});
