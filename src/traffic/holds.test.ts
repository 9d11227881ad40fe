/** What a hold refuses and what it says when it cannot be told, on the in-memory twins. */
import { beforeEach, expect, it } from 'vitest';
import { TwError } from '../kernel/index.ts';
import { currentSnapshot, publish, type TrafficDeps } from './engine.ts';
import { codeOf, createFleet, type TwinFleet } from './fleet-twin.ts';
import { hold, lift } from './holds.ts';
import { intent, snapshot } from './machine/fixtures.ts';

let fleet: TwinFleet;
beforeEach(async () => {
  fleet = createFleet();
  await publish(fleet.deps, snapshot({ intents: [intent({ capacity: { mtl: 3000, syd: 3000 } })] }));
});
const current = async () => (await currentSnapshot(fleet.deps)).current?.snapshot;
const drain = { kind: 'drain' as const, cluster: 'sao', by: 'ana', why: 'kernel update', waitMs: 0 };

it('TW4030 says who would run at how much, and nothing changes; force goes on and notes it', async () => {
  const peaks = { sao: 2000, mtl: 1930, syd: 100 };
  const refused: unknown = await hold({ ...drain, peaks }, fleet.deps).catch((e: unknown) => e);
  if (!(refused instanceof TwError)) throw refused;
  expect([refused.code, refused.problem.why]).toEqual([
    'TW4030',
    ['mtl would run at 131 % of 3000/s; 70 % is the most'],
  ]);
  expect([(await current())?.seq, fleet.taken.filter((t) => t.endsWith(' 2'))]).toEqual([1, []]);
  const forced = await hold({ ...drain, peaks, force: true }, fleet.deps);
  expect(forced).toMatchObject({ done: true, notes: [expect.stringContaining('forced although mtl would run')] });
});

it('says that capacity was not checked where no load is known', async () => {
  expect((await hold(drain, fleet.deps)).notes).toEqual(['load is not measured: capacity was not checked']);
});

it('TW4050 with every cluster and its cause when it can be told to nobody; told again it holds', async () => {
  const { store, http } = fleet.deps;
  const mute: TrafficDeps = {
    ...fleet.deps,
    store: { get: (c, n) => store.get(c, n), put: (c) => Promise.reject(new Error(`${c} is read only`)) },
    http: { send: (r, s) => (r.method === 'POST' ? Promise.reject(new Error('refused')) : http.send(r, s)) },
  };
  const failed: unknown = await hold(drain, mute).catch((e: unknown) => e);
  if (!(failed instanceof TwError)) throw failed;
  expect([failed.code, failed.problem.why]).toEqual([
    'TW4050',
    ['sao: sao is read only', 'mtl: mtl is read only', 'syd: syd is read only'],
  ]);
  expect((await current())?.holds).toEqual([]);
  expect((await hold(drain, fleet.deps)).done).toBe(true);
});

it('the same hold again changes no number; another reason of the same person takes its place', async () => {
  await hold(drain, fleet.deps);
  await hold(drain, fleet.deps);
  expect((await current())?.seq).toBe(2);
  await hold({ ...drain, why: 'still the kernel' }, fleet.deps);
  await hold({ ...drain, by: 'ben' }, fleet.deps);
  const held = await current();
  expect([held?.seq, held?.holds.map((h) => `${h.by} ${h.why}`)]).toEqual([
    4,
    ['ana still the kernel', 'ben kernel update'],
  ]);
  // A cluster by its name: all of its drains.
  await lift({ hold: 'sao', by: 'ana', waitMs: 0 }, fleet.deps);
  expect((await current())?.holds).toEqual([]);
});

it('a brake is lifted by its id only, and TW4033 says who holds it', async () => {
  const brake = await hold({ ...drain, kind: 'brake', by: 'release guestbook' }, fleet.deps);
  const refused: unknown = await lift({ hold: 'sao', by: 'ana', waitMs: 0 }, fleet.deps).catch((e: unknown) => e);
  if (!(refused instanceof TwError)) throw refused;
  expect([refused.code, refused.problem.why[0], refused.problem.fix.length]).toEqual([
    'TW4033',
    `held: sao: brake by release guestbook (${brake.hold.id})`,
    1,
  ]);
  expect(await codeOf(lift({ hold: brake.hold.id, by: 'ana', waitMs: 0 }, fleet.deps))).toBe('none');
});
