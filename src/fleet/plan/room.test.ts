import { expect, it } from 'vitest';
import type { KubeObject } from '../model.ts';
import { missingRoom } from './room.ts';

const node = (name: string, cpu: string, memory: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: { allocatable: { cpu, memory, pods: '10' } },
});
const pod = (on: string | undefined, cpu: string, memory: string, phase = 'Running'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { ...(on === undefined ? {} : { nodeName: on }), containers: [{ resources: { requests: { cpu, memory } } }] },
  status: { phase },
});
const like = pod(undefined, '500m', '256Mi');

it('counts what the nodes have left, the scarcest resource first', () => {
  const nodes = [node('a', '2', '4Gi')];
  const pods = [pod('a', '1', '1Gi')];
  expect(missingRoom({ nodes, pods, like, count: 2, most: 1 })).toBe(0);
  expect(missingRoom({ nodes, pods, like, count: 3, most: 1 })).toBe(1);
  expect(missingRoom({ nodes, pods: [pod('a', '1', '3900Mi')], like, count: 2, most: 1 })).toBe(2);
});

it('a pod fits on one node, not on the sum of what two have left', () => {
  const nodes = [node('a', '1', '4Gi'), node('b', '1', '4Gi')];
  const pods = [pod('a', '600m', '1Mi'), pod('b', '600m', '1Mi')];
  expect(missingRoom({ nodes, pods, like, count: 1, most: 2 })).toBe(1);
});

it('nodes that may still be added count, ended pods and closed nodes do not', () => {
  const nodes = [node('a', '1', '4Gi')];
  expect(missingRoom({ nodes, pods: [pod('a', '1', '1Mi')], like, count: 4, most: 3 })).toBe(0);
  expect(missingRoom({ nodes, pods: [pod('a', '1', '1Mi', 'Succeeded')], like, count: 2, most: 1 })).toBe(0);
  const closed = [{ ...node('a', '4', '4Gi'), spec: { unschedulable: true } }];
  expect(missingRoom({ nodes: closed, pods: [], like, count: 1, most: 1 })).toBe(1);
});

it('a pod that asks for nothing takes a place only', () => {
  const nodes = [node('a', '1', '1Gi')];
  expect(missingRoom({ nodes, pods: [], like: pod(undefined, '0', '0'), count: 11, most: 1 })).toBe(1);
});
