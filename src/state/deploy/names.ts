// What the data plane of one app is called inside its clusters.
import type { ClusterName } from '../../kernel/index.ts';
import type { AppId } from '../model.ts';

/** Namespace of its own: nothing of it comes or goes with the pods of the app. */
export const namespaceOf = (app: AppId): string => `state-${app}`;
/** Where the app's keys lie in the store. */
export const prefixOf = (app: AppId): string => `state/${app}/`;

/** Where the volume of the data is, for Redis and for its agent. */
export const DATA = '/data';
/** StatefulSet and Service of the Redis with its agent. */
export const REDIS = 'redis';
export const AGENT_POD = `${REDIS}-0`;
/** Load balancer of the streams between clusters. */
export const WIRE = 'wire';
export const GATEWAY = 'gateway';
/** Service without an address, through which the gateways of a cluster find each other. */
export const GATEWAY_PEERS = 'gateway-peers';
/** Secret of the processes, and their settings. */
export const KEYS = 'state-keys';
export const SETTINGS = 'state-settings';
export const WRITE_SERVICE = 'redis-write';
export const READ_SERVICE = 'redis-read';

export const PORTS = { redis: 6379, wire: 7379, write: 6380, read: 6381, peers: 6382, http: 8054 } as const;

/** Name of another cluster's wire. */
export const peerService = (cluster: ClusterName): string => `wire-${cluster}`;
export const peerHost = (app: AppId, cluster: ClusterName): string => `${peerService(cluster)}.${namespaceOf(app)}.svc`;
export const redisHost = (app: AppId): string => `${REDIS}.${namespaceOf(app)}.svc`;
export const gatewaysHost = (app: AppId): string => `${GATEWAY_PEERS}.${namespaceOf(app)}.svc`;
