import { expect, it } from 'vitest';
import { configOf } from './fixtures.ts';
import { nameserverApp } from './nameserver-app.ts';

const keys = { publicKey: 'PEM', hmac: 'abcd' };
const app = (cluster: string) =>
  nameserverApp({
    config: configOf(),
    cluster,
    nameserver: { ip: '198.18.1.101', ref: 'ref-1' },
    image: 'r.example/tradewind:1',
    keys,
  });
const of = (cluster: string, kind: string) => app(cluster).find((o) => o.kind === kind);

it('asks each cloud for the fixed address in its own words', () => {
  const notes = ['sao', 'mtl', 'syd'].map(
    (c) => Object.entries(of(c, 'Service')?.metadata.annotations ?? {}).find(([, v]) => v === 'ref-1')?.[0],
  );
  expect(notes).toEqual([
    'service.beta.kubernetes.io/aws-load-balancer-eip-allocations',
    'service.beta.kubernetes.io/azure-pip-name',
    'networking.gke.io/load-balancer-ip-addresses',
  ]);
  expect(of('mtl', 'Service')?.spec).toMatchObject({ loadBalancerIP: '198.18.1.101', externalTrafficPolicy: 'Local' });
});

it('may read the one object and nothing else, and never gets the private key', () => {
  expect(of('sao', 'Role')?.rules).toEqual([
    {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: ['tradewind-traffic'],
      verbs: ['get', 'list', 'watch'],
    },
  ]);
  expect(Object.keys(of('sao', 'Secret')?.data as object)).toEqual(['public.pem', 'hmac']);
});

it('rolls the pods when the keys change', () => {
  const note = (hmac: string) =>
    JSON.stringify(
      nameserverApp({ config: configOf(), cluster: 'sao', image: 'i', keys: { ...keys, hmac } }).find(
        (o) => o.kind === 'Deployment',
      ),
    );
  expect(note('abcd')).toBe(note('abcd'));
  expect(note('abcd')).not.toBe(note('ef01'));
});
