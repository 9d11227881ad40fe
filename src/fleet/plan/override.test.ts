import { describe, expect, test } from 'vitest';
import type { Override } from '../../config/index.ts';
import { CLUSTERS, deployment, service, webApp } from '../fixtures.ts';
import type { KubeObject } from '../model.ts';
import { jsonPatch } from './jsonpatch.ts';
import { containersOf, dictOf, listOf } from './objects.ts';
import { idleOverrides, override } from './override.ts';
import { place } from './placement.ts';
import { variablesOf } from './substitute.ts';

const [SAO, MTL, SYD] = CLUSTERS;

describe('placement', () => {
  const clusters = CLUSTERS.map((facts) => ({ facts, presence: 'present' as const }));
  test('every cluster left out has its reason', () => {
    const d = place('a', { selector: { tier: 'gold' }, clouds: ['aws'] }, clusters);
    expect(d.map((x) => [x.cluster, x.placed, x.reasons])).toEqual([
      ['mtl', false, ['cloud azure is not one of aws']],
      ['sao', true, []],
      ['syd', false, ['cloud gcp is not one of aws', 'has no label tier']],
    ]);
  });
});

describe('overrides', () => {
  const run = (overrides: Override[], cluster: (typeof CLUSTERS)[number] = SAO) =>
    override([deployment('web', 'x/guestbook:1'), service('web')], overrides, cluster, variablesOf(cluster, webApp()));
  const on = {};

  test('variables of the cluster and the app go into values; a shell’s own stay', () => {
    const { objects, misses } = run([
      {
        on: { clouds: ['aws'] },
        env: {
          AT: '${cluster.name}/${cluster.region}/${cluster.labels.tier}',
          V: '${app.version}',
          S: '${HOME} $${cluster.name}',
        },
      },
    ]);
    expect(misses).toEqual([]);
    const env = listOf(containersOf(objects[0] as KubeObject)[0]?.['env']);
    expect(env).toEqual([
      { name: 'AT', value: 'sao/sa-east-1/gold' },
      { name: 'V', value: 'v1' },
      { name: 'S', value: '${HOME} ${cluster.name}' },
    ]);
  });

  test.each<[string, Override[], RegExp, string | undefined]>([
    ['unknown variable', [{ on, env: { A: '${cluster.regon}' } }], /cluster.regon/, '${cluster.region}'],
    ['no such container', [{ on, image: { wbe: 'x' } }], /no container/, 'web'],
    ['no such object', [{ on, target: { kind: 'Deployment', name: 'wbe' }, replicas: 2 }], /no Deployment wbe/, 'web'],
    ['no storage class anywhere', [{ on, storageClass: 'fast' }], /no object/, undefined],
    [
      'a patch path that is not there',
      [{ on, target: { kind: 'Deployment' }, patch: [{ op: 'replace', path: '/spec/replcas', value: 1 }] }],
      /replcas/,
      '/spec/replicas',
    ],
  ])('%s', (_name, overrides, why, near) => {
    const { misses } = run(overrides);
    expect(misses[0]?.why).toMatch(why);
    expect(misses[0]?.near).toBe(near);
  });

  test('an override for no placed cluster is told; one that is not for this cluster is left', () => {
    const o: Override = { on: { clusters: ['syd'] }, replicas: 5 };
    expect(idleOverrides([o], [SAO, MTL])[0]?.path).toBe('overrides.0.on');
    expect(idleOverrides([o], [SAO, SYD])).toEqual([]);
    expect(run([o]).objects[0]).toEqual(deployment('web', 'x/guestbook:1'));
    expect(dictOf(run([o], SYD).objects[0]?.['spec'])['replicas']).toBe(5);
  });

  test('JSON Patch: the six operations, and nothing is changed in place', () => {
    const before = { a: [1, 2], b: { 'c/d': 1 } };
    const after = jsonPatch(before, [
      { op: 'test', path: '/a/0', value: 1 },
      { op: 'add', path: '/a/-', value: 3 },
      { op: 'remove', path: '/a/0' },
      { op: 'copy', from: '/b/c~1d', path: '/e' },
      { op: 'move', from: '/b/c~1d', path: '/f' },
      { op: 'replace', path: '/a/0', value: 9 },
    ]);
    expect(after).toEqual({ a: [9, 3], b: {}, e: 1, f: 1 });
    expect(before).toEqual({ a: [1, 2], b: { 'c/d': 1 } });
  });
});
