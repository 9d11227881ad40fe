// One guestbook in three clouds: users reach the fastest healthy cluster, and an entry is on two clouds before it is
// confirmed.
import { defineConfig } from '../../src/config/index.ts';

export default defineConfig({
  fleet: 'guestbook-demo',
  accounts: {
    aws: { account: '111122223333' },
    azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '99999999-8888-4777-8666-555555555555' },
    gcp: { project: 'tradewind-demo' },
  },
  clusters: {
    sao: { cloud: 'aws', region: 'sa-east-1', network: { nodes: '10.10.0.0/16' } },
    mtl: { cloud: 'azure', region: 'canadacentral', network: { nodes: '10.20.0.0/16' } },
    syd: { cloud: 'gcp', region: 'australia-southeast1', network: { nodes: '10.30.0.0/16' } },
  },
  dns: { zone: 'demo.tradewind.example' },
  // One member of etcd per cloud: where it is agreed who is home and what is released.
  coordination: { etcd: {} },
  apps: {
    guestbook: {
      version: 'v1',
      manifests: ['manifests'],
      overrides: [
        {
          target: { kind: 'Deployment', name: 'guestbook' },
          env: { CLUSTER_NAME: '${cluster.name}', REGION: '${cluster.region}', APP_VERSION: '${app.version}' },
        },
      ],
      // Literal values open the registry of the sandbox; a real registry takes {env} or {file}.
      pull: [
        {
          registry: 'registry.tradewind.example',
          username: { value: 'sandbox' },
          password: { value: 'fair-winds' },
        },
      ],
      traffic: {
        host: 'guestbook.demo.tradewind.example',
        service: 'guestbook',
        health: '/readyz',
        serve: 'fastest',
        ttl: 5,
      },
      // Short enough to watch; the defaults judge for 5 and 15 minutes and keep the old version for an hour.
      release: {
        strategy: 'atomic',
        soak: '20s',
        lastSoak: '20s',
        keepBlue: '30m',
        prepare: { timeout: '2m' },
      },
      // One cluster takes the writes; the app finds it as redis-master, wherever it is, and its own copy as redis-slave.
      state: { mode: 'single-writer', ack: 'quorum', home: 'auto' },
    },
  },
});
