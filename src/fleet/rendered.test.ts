import { describe, expect, test } from 'vitest';
import type { AppConfig } from '../config/index.ts';
import { CONFIG, configMap, ports, service } from './fixtures.ts';
import { renderedService } from './rendered.ts';

const APP = {
  name: 'guestbook',
  namespace: 'guestbook',
  version: 'v1',
  manifests: ['manifests'],
  placement: {},
  replicas: 'same',
  pull: [],
  traffic: { service: 'web' },
  overrides: [
    {
      on: { clusters: ['sao'] },
      target: { kind: 'Service', name: 'web' },
      annotations: { cluster: '${cluster.name}' },
    },
  ],
} as unknown as AppConfig;
const origin = { file: 'web.yaml' };
const renderer = {
  render: async () => ({
    objects: [configMap('settings'), service('web', { type: 'LoadBalancer' })].map((body) => ({ body, origin })),
    tool: 'none',
    inputHash: '',
  }),
};
const ask = (app: AppConfig, cluster: string) =>
  renderedService({ config: CONFIG, app, cluster, ports: { ...ports(), renderer } });

describe('the Service of an app as one cluster would get it', () => {
  test('has its namespace, the overrides of that cluster, and no mark that a prune would follow', async () => {
    const sao = await ask(APP, 'sao');
    expect(sao).toMatchObject({
      kind: 'Service',
      metadata: { name: 'web', namespace: 'guestbook' },
      spec: { type: 'LoadBalancer' },
    });
    expect(sao.metadata.annotations).toEqual({ cluster: 'sao' });
    expect(Object.keys(sao.metadata.labels ?? {})).not.toContain('applyset.kubernetes.io/part-of');
    expect((await ask(APP, 'mtl')).metadata.annotations).toBeUndefined();
  });

  test('a Service that the manifests do not have is TW7003 with its name', async () => {
    const app = { ...APP, traffic: { service: 'wbe' } } as AppConfig;
    await expect(ask({ ...app, overrides: [] }, 'sao')).rejects.toThrow(/TW7003.*wbe/);
  });
});
