import type { KubeObject } from '../../fleet/index.ts';
import { type ClusterName, LABEL_PREFIX } from '../../kernel/index.ts';
import { NAME, NAMESPACE, PORTS, peerService } from '../model.ts';

const LABELS = { 'app.kubernetes.io/name': `${NAME}-peer`, 'app.kubernetes.io/part-of': 'tradewind' };
const PORT = { name: 'peer', port: PORTS.peer, protocol: 'TCP' };
const IPV4 = /^\d+(\.\d+){3}$/;

/**
 * What gives a member its name in another cluster: a Service without pods that stands for the load balancer of the
 * member, by its host name or by its addresses.
 */
export function peerObjects(peer: ClusterName, addresses: readonly string[]): KubeObject[] {
  const name = peerService(peer);
  const metadata = { name, namespace: NAMESPACE, labels: LABELS };
  const host = addresses.find((a) => !IPV4.test(a));
  const service = (spec: Record<string, unknown>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec,
  });
  if (host !== undefined) return [service({ type: 'ExternalName', externalName: host, ports: [PORT] })];
  const slice: KubeObject = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...metadata,
      labels: {
        ...LABELS,
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': LABEL_PREFIX,
      },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [...addresses], conditions: { ready: true } }],
    ports: [PORT],
  };
  return [service({ type: 'ClusterIP', clusterIP: 'None', ports: [PORT] }), slice];
}
