import { join } from 'node:path';
import { type Config, checkConfig } from '../../../src/config/index.ts';

const CLUSTERS = {
  au: { cloud: 'gcp', region: 'australia-southeast1' },
  ca: { cloud: 'azure', region: 'canadacentral' },
  sa: { cloud: 'aws', region: 'sa-east-1' },
};
const ACCOUNTS = {
  aws: { account: '111122223333' },
  azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '99999999-8888-4777-8666-555555555555' },
  gcp: { project: 'demo' },
};
export const NAMES = Object.keys(CLUSTERS);

/** A fleet whose one app keeps its state in `where`; by default in three clouds. */
export const configOf = (
  dir: string,
  where: readonly string[] = NAMES,
  clusters: Readonly<Record<string, object>> = CLUSTERS,
): Config =>
  checkConfig(
    {
      fleet: 'demo',
      accounts: ACCOUNTS,
      clusters,
      coordination: { etcd: { members: Object.keys(clusters).slice(0, 3) } },
      apps: { app: { manifests: ['./k8s'], state: { mode: 'single-writer' }, placement: { clusters: where } } },
    },
    join(dir, 'tw.yaml'),
    '',
  );
