import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TwError } from '../../kernel/index.ts';
import { configMap, deployment } from '../fixtures.ts';
import type { KubeObject } from '../model.ts';
import { diff } from './diff.ts';
import { needsOf, openNeeds } from './follow.ts';
import { fold, health } from './health.ts';
import { inventoryObject, readInventory } from './inventory.ts';
import { keyOf, refOf, refOfKey } from './objects.ts';
import { sameQuantity } from './quantity.ts';

function code(work: () => unknown): string {
  try {
    work();
  } catch (e) {
    if (e instanceof TwError) return `${e.code} ${e.problem.why.join(' | ')}`;
    throw e;
  }
  return 'no fault';
}

describe('references', () => {
  const pod = {
    serviceAccountName: 'robot',
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'c',
        envFrom: [{ configMapRef: { name: 'cm' } }, { secretRef: { name: 'may', optional: true } }],
        env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'sec', key: 'k' } } }],
      },
    ],
    volumes: [
      { name: 'v', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'p', projected: { sources: [{ configMap: { name: 'proj' } }] } },
    ],
  };
  const d = { ...deployment('w', 'x', { template: { spec: pod } }), metadata: { name: 'w', namespace: 'n' } };
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'b' },
    roleRef: { kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: 'n' }],
  };

  test('everything a pod and a binding name', () => {
    expect(needsOf(d).map((n) => `${keyOf(n.ref)}${n.optional ? '?' : ''}`)).toEqual([
      '/ConfigMap/n/cm',
      '/Secret/n/may?',
      '/Secret/n/sec',
      '/PersistentVolumeClaim/n/data',
      '/ConfigMap/n/proj',
      '/Secret/n/pull',
      '/ServiceAccount/n/robot',
    ]);
    expect(needsOf(binding).map((n) => keyOf(n.ref))).toEqual([
      'rbac.authorization.k8s.io/ClusterRole//view',
      '/ServiceAccount/n/robot',
    ]);
  });

  test('open are those that neither the set nor Kubernetes has', () => {
    const have = { ...configMap('cm'), metadata: { name: 'cm', namespace: 'n' } };
    const open = openNeeds([d, have, binding]).map((n) => n.ref.name);
    expect(open).not.toContain('cm');
    expect(open).not.toContain('view');
    expect(open).toContain('data');
  });
});

describe('diff', () => {
  test('lists by key, quantities by amount, Secrets hidden, owners named', () => {
    const live: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        resourceVersion: '1',
        managedFields: [
          {
            manager: 'edit',
            operation: 'Update',
            apiVersion: 'v1',
            fieldsV1: { 'f:spec': { 'f:containers': { 'k:{"name":"b"}': { 'f:image': {} } } } },
          },
        ],
      },
      spec: {
        containers: [
          { name: 'b', image: 'b:1', resources: { limits: { cpu: '1000m' } } },
          { name: 'a', image: 'a:1' },
        ],
      },
    };
    const next: KubeObject = {
      ...live,
      metadata: { name: 'p', resourceVersion: '2' },
      spec: {
        containers: [
          { name: 'a', image: 'a:1' },
          { name: 'b', image: 'b:2', resources: { limits: { cpu: '1' } } },
        ],
      },
    };
    expect(diff(live, next)).toEqual([
      {
        path: 'spec.containers[name=b].image',
        from: 'b:1',
        to: 'b:2',
        owner: { manager: 'edit', operation: 'Update' },
      },
    ]);
    const secret = (v: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: { k: v },
    });
    expect(JSON.stringify(diff(secret('b2xk'), secret('bmV3')))).not.toMatch(/b2xk|bmV3/);
  });

  test('an object never differs from itself, whatever the order of its keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (spec) => {
        const a: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, spec };
        const b: KubeObject = { ...a, spec: Object.fromEntries(Object.entries(spec).toReversed()) };
        expect(diff(a, b)).toEqual([]);
      }),
      // Names that every object inherits are found in no table.
      { examples: [[{ toString: [{}] }], [{ constructor: [{}] }]] },
    );
  });

  test('quantities', () => {
    expect(sameQuantity('1024Mi', '1Gi')).toBe(true);
    expect(sameQuantity('1000m', 1)).toBe(true);
    expect(sameQuantity('1G', '1Gi')).toBe(false);
    expect(sameQuantity('soon', 'soon')).toBe(false);
  });
});

describe('health', () => {
  const d = (status: Record<string, unknown>): KubeObject => ({
    ...deployment('w', 'x'),
    metadata: { name: 'w', generation: 2 },
    status,
  });
  test('a controller that has not seen this generation is Progressing, whatever it says', () => {
    const done = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
    expect(health(d({ ...done, observedGeneration: 1 })).state).toBe('Progressing');
    expect(health(d({ ...done, observedGeneration: 2 })).state).toBe('Healthy');
    expect(health(d({})).state).toBe('Progressing');
    expect(health(undefined).state).toBe('Missing');
  });
  test('a pod that cannot pull says why', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      status: {
        phase: 'Pending',
        containerStatuses: [
          { name: 'c', state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } },
        ],
      },
    };
    expect(health(pod)).toEqual({ state: 'Degraded', message: 'c: ImagePullBackOff no such image' });
  });
  test('the worst wins', () => {
    const of = (state: 'Healthy' | 'Degraded' | 'Unknown') => ({ state, message: state });
    expect(fold([of('Healthy'), of('Degraded'), of('Unknown')]).state).toBe('Degraded');
    expect(fold([]).state).toBe('Unknown');
  });
});

describe('inventory', () => {
  const inv = {
    fleet: 'f',
    app: 'a',
    version: 'v',
    epoch: 3,
    plan: 'p',
    run: 'r',
    sealed: true,
    items: { 'apps/Deployment/n/w': { uid: 'u', hash: 'h', wave: 3, origin: 'created' as const, version: 'v' } },
  };
  test('there and back; an ApplySet parent', () => {
    const cm = inventoryObject(inv, 'n', 'applyset-x-v1');
    expect(readInventory(cm)).toEqual(inv);
    expect(cm.metadata.annotations?.['applyset.kubernetes.io/contains-group-kinds']).toBe('Deployment.apps');
  });
  test.each([
    ['cut', '{"format":1,"items":{"a'],
    ['newer', '{"format":2,"items":{},"epoch":1}'],
    ['half an entry', '{"format":1,"items":{"k":{"uid":"u"}},"epoch":1}'],
  ])('%s is TW3031', (_n, text) => {
    const cm = { ...inventoryObject(inv, 'n', 'x'), data: { 'inventory.json': text } };
    expect(code(() => readInventory(cm))).toMatch(/^TW3031/);
  });
  test('keys are read back as they were written', () => {
    for (const o of [configMap('a.b'), deployment('w', 'x')]) expect(refOfKey(keyOf(refOf(o)))).toEqual(refOf(o));
  });
});
