import { beforeEach, expect, it } from 'vitest';
import { publish } from './engine.ts';
import { createFleet, type TwinFleet } from './fleet-twin.ts';
import { intent, snapshot } from './machine/fixtures.ts';
import { worldMap } from './worldmap.ts';

/** Users near São Paulo, measured to two of three clusters. */
const ROW = {
  prefix: '198.19.101.0/24',
  place: { lat: -23, lon: -46 },
  rtt: { sao: { ms: 4, n: 40 }, mtl: { ms: 120, n: 7 } },
};
let fleet: TwinFleet;
beforeEach(async () => {
  fleet = createFleet();
  await publish(fleet.deps, snapshot({ intents: [intent()], map: { id: 'm', prior: { a: 5, b: 0.02 }, rows: [ROW] } }));
});

it('tells each round trip of a group of users, measured or by distance, and what was wanted of the name', async () => {
  const [map] = await worldMap(fleet.deps);
  expect(map?.intent).toEqual(intent());
  const [cell] = map?.cells ?? [];
  expect(cell?.to).toMatchObject([{ cluster: 'sao', share: 1, rttMs: 4 }]);
  expect(cell?.rtt).toMatchObject({ sao: { ms: 4, samples: 40 }, mtl: { ms: 120, samples: 7 }, syd: { samples: 0 } });
  expect(cell?.rtt['syd']?.ms).toBeGreaterThan(120);
});

it('without a cluster its users go where they would be drained to, and nothing is held', async () => {
  const [map] = await worldMap(fleet.deps, 'sao');
  expect(map?.cells[0]?.to).toMatchObject([{ cluster: 'mtl', share: 1, rttMs: 120 }]);
  expect(map?.holds).toEqual([]);
  expect((await worldMap(fleet.deps))[0]?.cells[0]?.to[0]?.cluster).toBe('sao');
});
