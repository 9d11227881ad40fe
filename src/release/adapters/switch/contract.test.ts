import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe } from 'vitest';
import { openKubeconfig } from '../../../fleet/adapters/kube-client.ts';
import { KubeTwin } from '../../../fleet/adapters/kube-twin.ts';
import type { KubeApi, KubeObject } from '../../../fleet/index.ts';
import { switchContract } from '../../switch.contract.ts';
import { makeNamespace, NS, routeRig, serviceRig } from './fixtures.ts';
import { SwitchTwin } from './twin.ts';

switchContract({
  name: 'twin',
  open: async () => {
    const one = new SwitchTwin();
    return { cluster: 'sao', a: one, b: one, close: async () => undefined };
  },
});

async function twin(): Promise<KubeApi> {
  const api = new KubeTwin();
  await makeNamespace(api);
  return api;
}
switchContract({ name: 'httproute over the API twin', open: async () => await routeRig(await twin()) });
switchContract({ name: 'service over the API twin', open: async () => await serviceRig(await twin()) });

/** The definitions of the Gateway API; the first line of the file is its licence. */
function definitions(): KubeObject[] {
  const file = new URL('../../gateway/crds.jsonl', import.meta.url);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((l) => l !== '');
  return lines.map((l) => JSON.parse(l) as KubeObject).filter((o) => o.kind === 'CustomResourceDefinition');
}

async function install(api: KubeApi): Promise<void> {
  for (const crd of definitions())
    await api.apply(crd, { manager: 'tests', dryRun: false, force: true, expect: 'any' });
  for (let i = 0; i < 100; i++) {
    const served = await api.list({ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }, {}).then(
      () => true,
      () => false,
    );
    if (served) return;
    await delay(100);
  }
}

// A real API server: TW_TEST_KUBECONFIG names its kubeconfig, TW_TEST_PROXY an HTTP proxy in front of it.
const kubeconfig = process.env['TW_TEST_KUBECONFIG'];
const proxyUrl = process.env['TW_TEST_PROXY'];
describe.runIf(kubeconfig !== undefined)('with TW_TEST_KUBECONFIG', () => {
  let api: KubeApi;
  beforeAll(async () => {
    api = openKubeconfig({ kubeconfig: kubeconfig ?? '', ...(proxyUrl === undefined ? {} : { proxyUrl }) });
    await install(api);
    await makeNamespace(api);
  });
  afterAll(async () => {
    const ref = { group: '', kind: 'Namespace', name: NS };
    const uid = (await api.get(ref))?.metadata.uid;
    if (uid !== undefined) await api.remove(ref, { uid, cascade: 'background' });
    await api.close();
  });
  switchContract({ name: 'httproute over a real API server', open: () => routeRig(api), timeoutMs: 400_000 });
  switchContract({ name: 'service over a real API server', open: () => serviceRig(api), timeoutMs: 400_000 });
});
