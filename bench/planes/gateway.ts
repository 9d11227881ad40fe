// The definitions of the Gateway API as the product installs them; no gateway.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeApi, KubeObject } from '../../src/fleet/index.ts';
import { until } from '../lib/child.ts';
import { ROOT } from '../lib/measure.ts';

export async function installGateway(api: KubeApi): Promise<void> {
  const text = readFileSync(join(ROOT, 'src', 'release', 'gateway', 'crds.jsonl'), 'utf8');
  const all = text
    .split('\n')
    .filter((l) => l !== '')
    .map((l) => JSON.parse(l) as KubeObject);
  for (const crd of all.filter((o) => o.kind === 'CustomResourceDefinition'))
    await api.apply(crd, { manager: 'bench', dryRun: false, force: true, expect: 'any' });
  const routes = () => api.list({ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }, {});
  await until('HTTPRoutes are served', () => routes().then(() => true), 30_000);
}
