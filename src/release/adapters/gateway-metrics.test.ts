import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KubeTwin } from '../../fleet/adapters/kube-twin.ts';
import { KubeError } from '../../fleet/index.ts';
import { manualClock } from '../../kernel/index.ts';
import { GATEWAY_LABELS } from '../gateway/names.ts';
import { type GatewayMetricsInput, gatewayMetrics } from './gateway-metrics.ts';

const text = readFileSync(new URL('../gateway/testdata/flip.txt', import.meta.url), 'utf8');
const gateway = { install: 'traefik', namespace: 'edge', name: 'gateway', lag: 1500 } as const;

function world(more: Partial<GatewayMetricsInput> = {}) {
  const told = { text };
  const silent = new Set<string>();
  const asked: string[] = [];
  const twin = new KubeTwin('sao', {
    proxy: (at, path) => {
      asked.push(`${at.pod}:${at.port}${path}`);
      if (silent.has(at.pod)) throw new KubeError(503, 'ServiceUnavailable', 'no answer');
      return told.text;
    },
  });
  const pod = (name: string, ready: boolean): void => {
    const metadata = { name, namespace: 'edge', labels: { ...GATEWAY_LABELS } };
    twin.put({ apiVersion: 'v1', kind: 'Pod', metadata }, 'kubelet');
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
    twin.setStatus(
      { group: '', kind: 'Pod', namespace: 'edge', name },
      { phase: 'Running', podIP: '10.0.0.1', conditions },
    );
  };
  const app = { name: 'guestbook', namespace: 'guestbook', traffic: { service: 'guestbook' } as never };
  const metrics = gatewayMetrics({ config: { gateway }, app, api: () => twin, clock: manualClock(7), ...more });
  return { twin, pod, silent, asked, metrics, told };
}

test('all pods of the gateway together; a pod that is gone keeps its share', async () => {
  const w = world();
  w.pod('a', true);
  w.pod('b', true);
  expect(await w.metrics.read('sao', 'v2')).toMatchObject({ at: 7, requests: 2 * 5396, errors: 0 });
  expect(w.asked).toEqual(['a:8080/metrics', 'b:8080/metrics']);
  w.twin.vanish({ group: '', kind: 'Pod', namespace: 'edge', name: 'b' });
  expect(await w.metrics.read('sao', 'v1')).toMatchObject({ requests: 2 * 3251 });
});

test('a ready pod that does not answer is silence, not zero; one that starts may be silent', async () => {
  const w = world();
  w.pod('a', true);
  w.pod('b', false);
  w.silent.add('b');
  expect(await w.metrics.read('sao', 'v2')).toMatchObject({ requests: 5396 });
  w.silent.add('a');
  await expect(w.metrics.read('sao', 'v2')).rejects.toThrow(KubeError);
});

test('a gateway that is not ours is no source', async () => {
  const w = world({ config: { gateway: { ...gateway, install: 'none' } } });
  expect(await w.metrics.read('sao', 'v2')).toBeUndefined();
});

test('failures that no service counted before the first look are of the past; later ones count', async () => {
  const broken = readFileSync(new URL('../gateway/testdata/broken.txt', import.meta.url), 'utf8');
  const w = world();
  w.pod('a', true);
  w.told.text = broken;
  expect(await w.metrics.read('sao', 'v9')).toMatchObject({ requests: 0, errors: 0 });
  const more = broken.replace(
    /^(traefik_router_requests_total\{.*code="503".*\}) (\d+)$/m,
    (_, id: string, n: string) => {
      return `${id} ${Number(n) + 5}`;
    },
  );
  expect(more).not.toBe(broken);
  w.told.text = more;
  expect(await w.metrics.read('sao', 'v9')).toMatchObject({ requests: 5, errors: 5 });
});
