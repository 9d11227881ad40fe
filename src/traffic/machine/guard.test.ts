import { describe, expect, it } from 'vitest';
import type { Hold, Intent, Snapshot, World } from '../model.ts';
import { down, intent, snapshot } from './fixtures.ts';
import { objections, projected, sharesOf } from './guard.ts';
import { worldOf } from './world.ts';

const hold = (kind: Hold['kind'], cluster: string): Hold => ({
  id: `${kind}-${cluster}`,
  kind,
  cluster,
  by: 'ana',
  why: 'x',
  since: 0,
});
const world = (over: Partial<Snapshot> = {}, live: Partial<World> = {}): World => ({
  ...worldOf(snapshot(over), { health: {}, names: {}, load: {}, now: 1000 }),
  ...live,
});
const codes = (w: World, h: Hold, peaks?: Record<string, number>): string[] =>
  objections(w, h, peaks).map((o) => o.code);

describe('objections', () => {
  it('none when others serve', () => {
    expect(codes(world(), hold('drain', 'sao'))).toEqual([]);
  });
  it('TW4031 for the last serving cluster, which no force lifts', () => {
    const health = { 'mtl/guestbook': down(), 'syd/guestbook': down() };
    const found = objections(world({}, { health }), hold('drain', 'sao'));
    expect(found[0]).toMatchObject({ code: 'TW4031', forcible: false });
  });
  it('TW4031 when a brake would leave clients of a strict residency nobody; a drain may', () => {
    const intents: Intent[] = [intent({ residency: [{ from: ['AU'], to: ['syd'], strict: true }] })];
    expect(codes(world({ intents }), hold('brake', 'syd'))).toEqual(['TW4031']);
    expect(codes(world({ intents }), hold('drain', 'syd'))).toEqual([]);
  });
  it('TW4032 for a second cluster; the same one may be drained and braked', () => {
    const w = world({ holds: [hold('drain', 'mtl')] });
    expect(codes(w, hold('drain', 'sao'))).toEqual(['TW4032']);
    expect(codes(w, hold('brake', 'mtl'))).toEqual([]);
    expect(codes(world({ holds: [{ ...hold('drain', 'mtl'), until: 1000 }] }), hold('drain', 'sao'))).toEqual([]);
  });
  it('TW4030 says who would run at how much', () => {
    const intents = [intent({ capacity: { mtl: 3000, syd: 3000 } })];
    const peaks = { sao: 2000, mtl: 1930, syd: 100 };
    expect(objections(world({ intents }), hold('drain', 'sao'), peaks)).toEqual([
      { code: 'TW4030', value: 'sao', why: 'mtl would run at 131 % of 3000/s; 70 % is the most', forcible: true },
    ]);
  });
});

it('moves the load where the clients would go', () => {
  const w = world();
  expect(sharesOf(w, intent())).toEqual({
    sao: expect.closeTo(1 / 3),
    mtl: expect.closeTo(1 / 3),
    syd: expect.closeTo(1 / 3),
  });
  expect(projected(w, hold('drain', 'sao'), intent(), { sao: 90, mtl: 10, syd: 5 })).toEqual({ mtl: 100, syd: 5 });
});
