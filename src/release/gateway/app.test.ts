import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Config, checkConfig } from '../../config/index.ts';
import type { FleetApp, KubeObject } from '../../fleet/index.ts';
import { gatewayParts, placeholderCertificate } from '../adapters/gateway-parts.ts';
import { gatewayApp } from './app.ts';

const parts = gatewayParts('a secret of the fleet');

function config(app: object, more: object = {}): Config {
  const input = {
    fleet: 'demo',
    dns: { zone: 'example.org' },
    accounts: {
      aws: { account: '111122223333' },
      azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '99999999-8888-4777-8666-555555555555' },
    },
    clusters: {
      sao: { cloud: 'aws', region: 'sa-east-1', network: { nodes: '10.10.0.0/16' } },
      mtl: { cloud: 'azure', region: 'canadacentral', network: { nodes: '10.20.0.0/16' } },
    },
    apps: { shop: { manifests: ['m'], traffic: { host: 'shop.example.org', service: 'web' }, ...app } },
    ...more,
  };
  return checkConfig(input, '/x/tradewind.yaml', '');
}
const made = (c: Config): FleetApp | undefined => gatewayApp(c, () => parts);

function objectsOf(app: FleetApp | undefined, cluster: string): readonly KubeObject[] {
  if (app === undefined || !('objects' in app.source)) throw new Error('no gateway');
  return [...app.source.objects, ...(app.source.perCluster?.[cluster] ?? [])];
}
const find = (all: readonly KubeObject[], kind: string, name?: string): KubeObject => {
  const found = all.find((o) => o.kind === kind && (name === undefined || o.metadata.name === name));
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
};

test('no gateway without a released app, with the service driver, or where the clusters bring one', () => {
  expect(made(config({}))).toBeUndefined();
  expect(made(config({ release: { driver: 'service' } }))).toBeUndefined();
  expect(made(config({ release: {} }, { gateway: { install: 'none' } }))).toBeUndefined();
  expect(made(config({ release: {} }))?.placement).toEqual({ clusters: ['sao', 'mtl'] });
  expect(made(config({ release: {}, placement: { clouds: ['azure'] } }))?.placement).toEqual({ clusters: ['mtl'] });
});

test('the Service bears the name of the Gateway and is public on AWS', () => {
  const app = made(config({ release: {} }, { gateway: { namespace: 'edge', name: 'door' } }));
  const service = find(objectsOf(app, 'sao'), 'Service');
  expect(service.metadata).toMatchObject({ name: 'door', namespace: 'edge' });
  expect(find(objectsOf(app, 'sao'), 'Gateway').metadata).toMatchObject({ name: 'door', namespace: 'edge' });
  expect(Object.values(service.metadata.annotations ?? {})).toEqual(['internet-facing']);
  expect(find(objectsOf(app, 'mtl'), 'Service').metadata.annotations).toEqual({});
  expect(service['spec']).toMatchObject({ externalTrafficPolicy: 'Local', ports: [{ port: 80, targetPort: 'web' }] });
});

test('the listener finds its entry point, and pods become ready only by a route of the Gateway', () => {
  const all = objectsOf(made(config({ release: {} })), 'sao');
  const listener = (find(all, 'Gateway')['spec'] as { listeners: { port: number }[] }).listeners[0];
  const { spec } = (find(all, 'Deployment')['spec'] as { template: { spec: { containers: Container[] } } }).template;
  const [c] = spec.containers;
  expect(c?.args).toContain(`--entrypoints.web.address=:${listener?.port}`);
  const route = find(all, 'HTTPRoute', 'ready')['spec'] as { hostnames: string[]; parentRefs: { name: string }[] };
  expect(c?.readinessProbe.httpGet).toMatchObject({
    port: 'web',
    httpHeaders: [{ name: 'Host', value: route.hostnames[0] }],
  });
  expect(c?.lifecycle.preStop.sleep.seconds).toBeGreaterThanOrEqual(5);
  expect(find(all, 'Deployment').metadata.annotations).toEqual({ 'tradewind.dev/wave': '1' });
});
interface Container {
  args: string[];
  readinessProbe: { httpGet: { port: string; httpHeaders: { name: string; value: string }[] } };
  lifecycle: { preStop: { sleep: { seconds: number } } };
}

test('definitions and the class are used as they are where another hand brought them', () => {
  const all = objectsOf(made(config({ release: {} })), 'sao');
  const shared = all.filter((o) => o.metadata.annotations?.['tradewind.dev/found'] === 'use').map((o) => o.kind);
  expect(new Set(shared)).toEqual(new Set(['CustomResourceDefinition', 'GatewayClass']));
  expect(shared.filter((k) => k === 'CustomResourceDefinition')).toHaveLength(7);
});

test('the placeholder certificate is the same in every plan, other in another fleet, and valid', () => {
  const { cert, key } = placeholderCertificate('one');
  expect(placeholderCertificate('one')).toEqual({ cert, key });
  expect(placeholderCertificate('two').cert).not.toBe(cert);
  const read = new X509Certificate(cert);
  expect(read.verify(read.publicKey)).toBe(true);
});
