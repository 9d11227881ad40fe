import type { PeerName } from '../../fleet/index.ts';
import type { ClusterName } from '../../kernel/index.ts';
import { NAME, NAMESPACE, PORTS, peerService } from '../model.ts';

/** What a member is called in the other clusters: its peers and its clients find it there. */
export const peerName = (peer: ClusterName): PeerName => ({
  namespace: NAMESPACE,
  name: peerService(peer),
  labels: { 'app.kubernetes.io/name': `${NAME}-peer`, 'app.kubernetes.io/part-of': 'tradewind' },
  ports: [
    { name: 'peer', port: PORTS.peer },
    { name: 'client', port: PORTS.client },
  ],
});
