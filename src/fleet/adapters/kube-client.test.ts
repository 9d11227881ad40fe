import { setTimeout as delay } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { kubeContract } from '../kube.contract.ts';
import { openKubeconfig } from './kube-client.ts';

// A real API server: TW_TEST_KUBECONFIG names its kubeconfig, TW_TEST_PROXY an HTTP proxy in front of it.
const kubeconfig = process.env['TW_TEST_KUBECONFIG'];
const proxyUrl = process.env['TW_TEST_PROXY'];
if (kubeconfig === undefined) describe.skip('KubeApi: real API server', () => test('needs TW_TEST_KUBECONFIG'));
else
  kubeContract({
    name: 'real API server',
    open: async () => openKubeconfig({ kubeconfig, ...(proxyUrl === undefined ? {} : { proxyUrl }) }),
    settle: () => delay(2500),
  });
