/** `tw state promote --accept-loss` against what the agents say and what the store holds; what may be decided is in force.test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fault, type StoreFault, StoreWorld } from '../../src/kernel/index.ts';
import { NAMES } from './state-agent/config.ts';
import { doorOver } from './state-agent/told.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-promote-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const EPOCH = 'state/app/epoch';
const VALUE = { epoch: 1, primary: 'ca', from: { epoch: 0, offset: 0, run: 'r' }, copies: NAMES, w: 1 };
const LOOK = {
  run: 'sa1',
  role: 'fenced',
  link: false,
  offset: 40,
  loading: false,
  syncing: false,
  marker: { epoch: 1, w: 1 },
};

/** Home was in `ca`; it and `au` are silent, and `sa` is fenced for the ballot that waits. */
async function fleet(x: { look?: object; fenced?: boolean; fault?: () => StoreFault | undefined } = {}) {
  const world = new StoreWorld();
  world.write({ if: [], put: [{ key: EPOCH, value: VALUE as never }] });
  world.write({ if: [], put: [{ key: 'state/app/ballot', value: { by: 'sa', why: 'ca is gone for au, sa' } }] });
  const ballot = world.view('state/app/ballot').entries[0]?.revision ?? 0;
  const fence = { ballot: x.fenced === false ? 0 : ballot, at: 'none' };
  world.write({ if: [], put: [{ key: 'state/app/fence/sa', value: fence }] });
  const says = (c: string): object => {
    if (c !== 'sa') throw new Error('no answer');
    const look = x.look ?? LOOK;
    return { cluster: c, look, applied: 0, lagMs: 0, epoch: VALUE, fences: {}, gone: [], rtts: {}, events: [] };
  };
  const door = await doorOver({ dir, world, says, fault: x.fault });
  const epoch = (): unknown => world.view(EPOCH).entries[0]?.value;
  const promote = (to: string, sure: (known: readonly string[]) => Promise<void> = async () => undefined) =>
    door.promote({ app: 'app', to, sure }, {});
  return { world, ballot, epoch, promote };
}

describe('a person decides what no majority of copies can prove', () => {
  it('hears what is known of each copy, and then exactly the fenced process is home', async () => {
    const f = await fleet();
    let told: readonly string[] = [];
    const done = await f.promote('sa', async (known) => {
      told = known;
      expect(f.epoch()).toEqual(VALUE);
    });
    expect(told).toEqual(['au: nothing provable', 'ca: nothing provable', 'sa: nothing provable']);
    expect(done).toEqual({ epoch: f.ballot, known: told });
    expect(f.epoch()).toMatchObject({
      epoch: f.ballot,
      primary: 'sa',
      from: { epoch: 1, offset: 40, run: 'sa1' },
      w: 1,
    });
  });

  it('a no changes nothing', async () => {
    const f = await fleet();
    const no = async () => {
      throw fault('TW6005', { value: 'no' });
    };
    await expect(f.promote('sa', no)).rejects.toMatchObject({ problem: { code: 'TW6005' } });
    expect(f.epoch()).toEqual(VALUE);
  });

  it.each<[string, Parameters<typeof fleet>[0], string, { code: string; why: unknown }]>([
    [
      'no cluster with a copy',
      {},
      'vir',
      { code: 'TW5002', why: expect.arrayContaining(['it has no copy of the data']) },
    ],
    ['a silent one', {}, 'au', { code: 'TW5140', why: [expect.stringContaining('its agent does not answer')] }],
    [
      'one that is not fenced yet',
      { fenced: false },
      'sa',
      { code: 'TW5140', why: [expect.stringContaining('is not fenced')] },
    ],
    [
      'one that loads',
      { look: { ...LOOK, loading: true } },
      'sa',
      { code: 'TW5140', why: ['sa still loads its data'] },
    ],
    [
      'a store that does not confirm',
      { fault: () => 'lost' },
      'sa',
      { code: 'TW5140', why: [expect.stringContaining('not confirmed')] },
    ],
  ])('not for %s', async (_, x, to, problem) => {
    const f = await fleet(x);
    await expect(f.promote(to)).rejects.toMatchObject({ problem });
    if (x?.fault === undefined) expect(f.epoch()).toEqual(VALUE);
  });

  it('what moved while the person thought is not overwritten', async () => {
    const f = await fleet();
    const newer = { ...VALUE, epoch: f.ballot, primary: 'au' };
    const moved = f.promote('sa', async () => {
      f.world.write({ if: [], put: [{ key: EPOCH, value: newer as never }] });
    });
    await expect(moved).rejects.toMatchObject({
      problem: { code: 'TW5140', why: ['something moved meanwhile: look again'] },
    });
    expect(f.epoch()).toEqual(newer);
  });
});
