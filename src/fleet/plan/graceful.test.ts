import { expect, test } from 'vitest';
import type { KubeObject } from '../model.ts';
import { ungraceful } from './graceful.ts';

const PROBE = { httpGet: { path: '/readyz', port: 8080 } };
const good = { name: 'web', ports: [{ containerPort: 8080 }], readinessProbe: PROBE };
const stops = (preStop: object): object => ({ ...good, lifecycle: { preStop } });
const of = (container: object, pod: object = {}): string[] =>
  ungraceful({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'shop' },
    spec: { template: { spec: { containers: [container], ...pod } } },
  } as KubeObject).map((s) => s.replace('Deployment shop, container ', ''));

test('a container that waits before it stops, is asked whether it is ready and has time to end: nothing', () => {
  expect(of(stops({ sleep: { seconds: 5 } }))).toEqual([]);
  expect(of(stops({ exec: { command: ['sh', '-c', 'sleep 10'] } }))).toEqual([]);
  expect(of(stops({ exec: { command: ['/bin/sleep', '5'] } }))).toEqual([]);
  // A hook of the app's own is not judged.
  expect(of(stops({ httpGet: { path: '/drain', port: 8080 } }))).toEqual([]);
  // Nobody is sent to a container without a port.
  expect(of({ name: 'worker' })).toEqual([]);
});

test('each that is missing is said, with the figures', () => {
  expect(of({ ...good, readinessProbe: undefined, lifecycle: { preStop: { sleep: { seconds: 5 } } } })).toEqual([
    'web: has no readinessProbe: it gets users before it can serve them',
  ]);
  expect(of(good)).toEqual([expect.stringMatching(/^web: preStop waits 0 s, 5 s are wanted/)]);
  expect(of(stops({ sleep: { seconds: 2 } }))).toEqual([expect.stringMatching(/preStop waits 2 s/)]);
  expect(of(stops({ sleep: { seconds: 30 } }))).toEqual([
    expect.stringMatching(/terminationGracePeriodSeconds 30 leaves less than 5 s after a preStop of 30 s/),
  ]);
  expect(of(stops({ sleep: { seconds: 10 } }), { terminationGracePeriodSeconds: 12 })).toHaveLength(1);
});

test('init containers that look like a migration, and no others', () => {
  const sound = stops({ sleep: { seconds: 5 } });
  const init = (c: object): string[] => of(sound, { initContainers: [{ name: 'init', ...c }] });
  for (const c of [
    { command: ['rails', 'db:migrate'] },
    { image: 'flyway/flyway:10' },
    { args: ['-c', 'alembic upgrade head'] },
    { name: 'run-migrations' },
  ])
    expect(init(c), JSON.stringify(c)).toEqual([expect.stringMatching(/looks like a migration/)]);
  expect(init({ command: ['sh', '-c', 'until nc -z redis 6379; do sleep 1; done'] })).toEqual([]);
  expect(init({ name: 'migrator-proxy', restartPolicy: 'Always' })).toEqual([]);
});
