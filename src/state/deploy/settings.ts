import type { ClusterName } from '../../kernel/index.ts';
import type { AppId, Setup } from '../model.ts';
import type { RedisSecrets } from '../redisconf.ts';

/** What the processes of one app are told in one cluster; a file, so that nothing is in an argument list. */
export interface Settings {
  fleet: string;
  app: AppId;
  cluster: ClusterName;
  mode: 'single-writer' | 'active-active';
  ack: 'quorum' | 'local';
  /** Clusters that have the data. */
  voters: readonly ClusterName[];
  /** Clusters with a Redis, while not only the voters have one; absent: the voters. */
  peers?: readonly ClusterName[];
  judges: Setup['judges'];
  /** Preferred first home. */
  home?: ClusterName;
  /** How long a command that was not sent waits for a home, milliseconds. */
  holdMs: number;
  /** Where the store is asked, the nearest member first; nobody where all clusters write. */
  store: { root: string; endpoints: readonly { name: string; url: string }[] };
}

/** Who has a Redis: the voters, and who is on the way to be one. */
export const peersIn = (s: Pick<Settings, 'voters' | 'peers'>): readonly ClusterName[] => s.peers ?? s.voters;

/** Files of the processes' Secret. */
export const FILES = {
  settings: 'settings.json',
  users: 'users.json',
  redis: 'redis.conf',
  wire: { ca: 'ca.crt', cert: 'tls.crt', key: 'tls.key' },
  store: { ca: 'store-ca.crt', cert: 'store-tls.crt', key: 'store-tls.key' },
} as const;

/** PEM. */
export interface Pems {
  ca: string;
  cert: string;
  key: string;
}
/** What the Secret of one cluster holds. */
export interface DataKeys {
  users: RedisSecrets;
  wire: Pems;
  /** Absent: the store is asked without TLS. */
  store?: Partial<Pems>;
}
