import { expect, test } from 'vitest';
import { manualClock } from '../kernel/index.ts';
import { fleetApply } from './applier.ts';
import { CONFIG, collect, configMap, liveTwin, ports, service, webApp } from './fixtures.ts';
import type { FleetApp, FleetPlan, KubeObject } from './model.ts';
import { keyOf } from './plan/objects.ts';
import { fleetPlan } from './planner.ts';

const clock = manualClock(1_700_000_000_000);
const REF = { group: '', kind: 'ConfigMap', namespace: 'guestbook', name: 'shared' };

function world() {
  let crashAfter: string | undefined;
  const twin = liveTwin('sao', {
    after: (call) => {
      if (crashAfter === undefined || call.verb !== 'apply' || call.ref?.name !== crashAfter) return;
      crashAfter = undefined;
      throw new Error('killed');
    },
  });
  const plan = async (apps: readonly FleetApp[]): Promise<FleetPlan> => {
    const go = (deletes?: string) =>
      fleetPlan(
        {
          config: CONFIG,
          apps,
          complete: true,
          clusters: [{ name: 'sao', presence: 'present', api: twin }],
          allow: deletes === undefined ? {} : { deletes },
        },
        ports(clock),
      );
    return go((await go()).id);
  };
  const up = async (apps: readonly FleetApp[]) =>
    collect(fleetApply(await plan(apps), { api: async () => twin, clock, gateMs: 1000 }, new AbortController().signal));
  return {
    twin,
    plan,
    up,
    killAfterWriting: (name: string) => {
      crashAfter = name;
    },
  };
}
const app = (name: string, ...objects: KubeObject[]): FleetApp =>
  webApp({ name, namespace: 'guestbook', source: { objects } });

test('an object that moves to another app keeps its uid; nothing is deleted', async () => {
  const w = world();
  await w.up([app('guestbook', configMap('shared'), service('a')), app('shop', service('b'))]);
  const before = await w.twin.get(REF);
  const p = await w.plan([app('guestbook', service('a')), app('shop', service('b'), configMap('shared'))]);
  const ops = p.clusters[0]?.apps.flatMap((a) =>
    a.ops.filter((op) => op.kind !== 'same').map((op) => `${a.app} ${op.kind}`),
  );
  expect(ops).toEqual(['shop move']);
  await w.up([app('guestbook', service('a')), app('shop', service('b'), configMap('shared'))]);
  const after = await w.twin.get(REF);
  expect(after?.metadata.uid).toBe(before?.metadata.uid);
  expect(after?.metadata.labels?.['tradewind.dev/app']).toBe('shop');
  expect(w.twin.removed).toEqual([]);
});

test('the namespace that two apps share stays while one of them is there', async () => {
  const w = world();
  await w.up([app('guestbook', service('a')), app('shop', service('b'))]);
  const events = await w.up([app('shop', service('b'))]);
  expect(events.at(-1)).toMatchObject({ failed: [] });
  expect(w.twin.removed.filter((k) => k.includes('Namespace'))).toEqual([]);
  expect(await w.twin.get({ group: '', kind: 'Service', namespace: 'guestbook', name: 'b' })).toBeDefined();
  expect(await w.twin.get({ group: '', kind: 'Service', namespace: 'guestbook', name: 'a' })).toBeUndefined();
});

test('what another fleet has taken since is not deleted, though our inventory names its uid', async () => {
  const w = world();
  await w.up([app('guestbook', configMap('shared'), service('a'))]);
  w.twin.edit(REF, (o) => {
    o.metadata.labels = { ...o.metadata.labels, 'tradewind.dev/fleet': 'another' };
  });
  const p = await w.plan([app('guestbook', service('a'))]);
  expect(p.clusters[0]?.apps[0]?.withheld.map((op) => keyOf(op.ref))).toEqual(['/ConfigMap/guestbook/shared']);
  await w.up([app('guestbook', service('a'))]);
  expect(await w.twin.get(REF)).toBeDefined();
});

test('an object made anew and not recorded because of a crash is still ours to delete', async () => {
  const w = world();
  const both = [app('guestbook', configMap('shared'), service('a'))];
  await w.up(both);
  w.twin.vanish(REF);
  w.killAfterWriting('shared');
  await expect(w.up(both)).rejects.toThrow('killed');
  await w.up([app('guestbook', service('a'))]);
  expect(await w.twin.get(REF)).toBeUndefined();
});
