import { expect, test } from 'vitest';
import { manualClock } from '../kernel/index.ts';
import type { KubeTwin } from './adapters/kube-twin.ts';
import { fleetApply } from './applier.ts';
import { CLUSTERS, CONFIG, collect, configMap, liveTwin, ports, webApp } from './fixtures.ts';
import type { FleetApp, FleetPlan, KubeObject } from './model.ts';
import { fleetPlan } from './planner.ts';

const rule = (verb: string): Record<string, unknown> => ({ apiGroups: [''], resources: ['pods'], verbs: [verb] });
const [OURS, THEIRS] = [rule('list'), rule('get')];
const ROLE: KubeObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'web', annotations: { 'tradewind.dev/found': 'use' } },
  rules: [OURS],
};
const KEY = 'rbac.authorization.k8s.io/ClusterRole//web';
const app = (objects: readonly KubeObject[]): FleetApp => webApp({ source: { objects } });
const withRole = app([ROLE, configMap('a')]);
const clock = manualClock(1_700_000_000_000);

async function plan(
  twin: KubeTwin,
  apps: readonly FleetApp[],
  presence: 'present' | 'absent' = 'present',
): Promise<FleetPlan> {
  const config = { ...CONFIG, clusters: [CLUSTERS[0]] as never };
  return await fleetPlan(
    { config, apps, clusters: [{ name: 'sao', presence, api: twin }], complete: true },
    ports(clock),
  );
}
async function apply(twin: KubeTwin, p: FleetPlan): Promise<unknown> {
  const input = { api: () => Promise.resolve(twin), clock };
  return (await collect(fleetApply(p, input as never, new AbortController().signal))).at(-1);
}
const roleOf = (twin: KubeTwin): KubeObject | undefined => twin.all().find((o) => o.kind === 'ClusterRole');

const foreign = (more: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  ...ROLE,
  metadata: { name: 'web', ...more },
  rules: [THEIRS],
});

for (const presence of ['present', 'absent'] as const)
  test(`a shared object of another hand is used as it is (${presence} when planned)`, async () => {
    const twin = liveTwin('sao');
    twin.put(foreign(), 'cloud');
    expect(await apply(twin, await plan(twin, [withRole], presence))).toMatchObject({ applied: 1, failed: [] });
    expect(roleOf(twin)?.['rules']).toEqual([THEIRS]);
    expect(roleOf(twin)?.metadata.labels).toBeUndefined();
    // Nothing left to do, and it stays when the app goes.
    expect((await plan(twin, [withRole])).blast).toMatchObject({ create: 0, update: 0, delete: 0 });
    expect(await apply(twin, await plan(twin, [app([configMap('a')])]))).toMatchObject({ failed: [] });
    expect(twin.removed).not.toContain(KEY);
  });

test('another fleet has it: used as well; without the annotation it is refused', async () => {
  const twin = liveTwin('sao');
  twin.put(foreign({ labels: { 'tradewind.dev/fleet': 'other' } }), 'tw-other');
  expect(await apply(twin, await plan(twin, [withRole]))).toMatchObject({ applied: 1, failed: [] });
  const plain = app([{ ...ROLE, metadata: { name: 'web' } }]);
  const refused = await apply(twin, await plan(twin, [plain]));
  expect(refused).toMatchObject({ failed: [{ problem: { code: 'TW3020' } }] });
});

test('made by us it is ours: changed by a plan and deleted with the app', async () => {
  const twin = liveTwin('sao');
  await apply(twin, await plan(twin, [withRole]));
  const next = app([{ ...ROLE, metadata: { ...ROLE.metadata, labels: { a: 'b' } } }, configMap('a')]);
  await apply(twin, await plan(twin, [next]));
  expect(roleOf(twin)?.metadata.labels).toMatchObject({ a: 'b' });
  await apply(twin, await plan(twin, [app([configMap('a')])]));
  expect(twin.removed).toContain(KEY);
});
