import { setTimeout as delay } from 'node:timers/promises';
import { describe } from 'vitest';
import { kubeContract } from '../kube.contract.ts';
import { openKubeconfig } from './kube-client.ts';

// A real API server: TW_TEST_KUBECONFIG names its kubeconfig, TW_TEST_PROXY an HTTP proxy in front of it.
const kubeconfig = process.env['TW_TEST_KUBECONFIG'];
const proxyUrl = process.env['TW_TEST_PROXY'];

describe.runIf(kubeconfig !== undefined)('with TW_TEST_KUBECONFIG', () => {
  kubeContract({
    name: 'real API server',
    open: async () => openKubeconfig({ kubeconfig: kubeconfig ?? '', ...(proxyUrl === undefined ? {} : { proxyUrl }) }),
    settle: () => delay(2500),
  });
});
