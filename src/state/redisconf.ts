// The config file of the Redis of one cluster: it boots fenced (or closed), whatever is on its disk.

/** Passwords of the Redis users. They stay inside one cluster, but for `write`, `repl` and `sync`, which all clusters share. */
export interface RedisSecrets {
  /** `tw-w`: writes of the gateways, also of those in other clusters. */
  write: string;
  /** `tw-r`: local reads. */
  read: string;
  /** `tw-repl`: voters that follow. */
  repl: string;
  /** `tw-copy`: backup readers, never on a primary. */
  copy: string;
  /** `tw-agent`. */
  agent: string;
  /** `tw-sync`: senders of other clusters, where all clusters write. */
  sync: string;
}

export interface RedisConf {
  port: number;
  /** Address to listen on; default all. */
  bind?: string;
  /** Folder of the snapshot. */
  dir: string;
  secrets: RedisSecrets;
  /** Seconds between snapshots on disk; absent = only an orderly stop writes one. */
  saveEvery?: number;
  /** Bytes of the replication backlog, default 64 MiB. */
  backlog?: number;
  /** Lines that come last. */
  more?: readonly string[];
}

/** Where a fenced Redis points: nobody listens there. */
export const NOWHERE = { host: '127.0.0.1', port: 1 } as const;

const FOLLOWER = '+psync +replconf +ping +auth +sync';

/** Users, replication and memory: the same in every mode. */
function common(o: RedisConf): string[] {
  const s = o.secrets;
  return [
    `port ${o.port}`,
    `bind ${o.bind ?? '* -::*'}`,
    'protected-mode no',
    `dir ${o.dir}`,
    `user tw-w off >${s.write} ~* &* +@all -@admin +role`,
    `user tw-r on >${s.read} ~* &* +@all -@write -@admin +role`,
    `user tw-repl on >${s.repl} ${FOLLOWER}`,
    `user tw-copy off >${s.copy} ${FOLLOWER}`,
    `user tw-agent on >${s.agent} ~* &* +@all`,
    'masteruser tw-repl',
    `masterauth ${s.repl}`,
    'min-replicas-to-write 0',
    'repl-timeout 10',
    // Well below the time-out: an idle log is no lost primary.
    'repl-ping-replica-period 2',
    'repl-backlog-ttl 0',
    `repl-backlog-size ${o.backlog ?? 64 << 20}`,
    'repl-diskless-load disabled',
    'repl-diskless-sync yes',
    'repl-diskless-sync-delay 0',
    'maxmemory-policy noeviction',
    // Redis 7 ends a replica with a full disk at the next write, and all copies are as full: home would be alone.
    'replica-ignore-disk-write-errors yes',
  ];
}

/** The text of the file. Sources: redis.conf of Redis 7.0, state.md section 3.1. */
export function redisConf(o: RedisConf): string {
  return [
    ...common(o),
    'user default off',
    `replicaof ${NOWHERE.host} ${NOWHERE.port}`,
    'appendonly no',
    o.saveEvery === undefined ? 'save ""' : `save ${o.saveEvery} 1`,
    ...(o.more ?? []),
    '',
  ].join('\n');
}

/** What functions call is judged by the rights of who calls them: the commands of the library, and no others. */
const SYNC = '+@read +@write +auth +ping +select +time +fcall +fcall_ro -@dangerous +role';

export interface ActiveConf extends Omit<RedisConf, 'saveEvery'> {
  /** Every write goes to the disk's log at once, and is synced there each second. Default true. */
  persist?: boolean;
}

/** The same where all clusters write: it boots as a primary that nobody may write to, neither apps nor senders. */
export function activeConf(o: ActiveConf): string {
  return [
    ...common(o),
    // Transactions on the disk's log are replayed with the rights of `default`: without them they vanish. Nobody can log in as it.
    'user default off ~* &* +@all',
    `user tw-sync off >${o.secrets.sync} ~* &* ${SYNC}`,
    `appendonly ${o.persist === false ? 'no' : 'yes'}`,
    'appendfsync everysec',
    'save ""',
    ...(o.more ?? []),
    '',
  ].join('\n');
}
