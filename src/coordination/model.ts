import type { ClusterName } from '../kernel/index.ts';

export const NAMESPACE = 'tradewind-coordination';
export const NAME = 'etcd';
export const ETCD_VERSION = '3.6.8';
export const PORTS = { client: 2379, peer: 2380, metrics: 2381 } as const;
/** Secrets: what a member shows, and what its clients show. */
export const MEMBER_SECRET = 'etcd-tls';
export const CLIENT_SECRET = 'etcd-client';
/** ConfigMap that says how a member starts whose disk is blank. */
export const START = 'etcd-start';
export const MEMBER_POD = `${NAME}-0`;
export const DATA_CLAIM = `data-${MEMBER_POD}`;
export const LABELS = { 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/part-of': 'tradewind' };
/** Service through which the other clouds reach a member. */
export const PEERS_SERVICE = 'etcd-peers';
/** Name of a member's clients' Service; it is in the certificate of every member. */
export const CLIENT_HOST = `${NAME}.${NAMESPACE}.svc`;

/** Service that names a member in the other clusters: `peer-syd`. */
export const peerService = (cluster: ClusterName): string => `peer-${cluster}`;
/** Host under which the other members know a member; it never changes, whatever its address is. */
export const peerHost = (cluster: ClusterName): string => `${peerService(cluster)}.${NAMESPACE}.svc`;

/** PEM. */
export interface Certificate {
  ca: string;
  cert: string;
  key: string;
}
