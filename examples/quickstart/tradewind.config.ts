// The smallest fleet: one cluster, one app, one name.
import { defineConfig } from '../../src/config/index.ts';

const registry = {
  registry: 'registry.tradewind.example',
  username: { value: 'sandbox' },
  password: { value: 'calm' },
};

export default defineConfig({
  fleet: 'quickstart',
  accounts: { aws: { account: '111122223333' } },
  clusters: { one: { cloud: 'aws', region: 'eu-west-1' } },
  dns: { zone: 'quick.tradewind.example' },
  apps: {
    hello: {
      manifests: ['hello.yaml'],
      pull: [registry],
      traffic: { host: 'hello.quick.tradewind.example', service: 'hello' },
    },
  },
});
