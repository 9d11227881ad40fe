import type { KubeObject } from '../../fleet/index.ts';
import type { ClusterName, Json } from '../../kernel/index.ts';
import { LABELS, NAMESPACE, PORTS, peerHost, START } from '../model.ts';

/** How a member starts whose disk is blank; one that has data reads nothing of it. */
export interface Start {
  state: 'new' | 'existing';
  /** etcd's `initial-cluster`. */
  cluster: string;
  /** uid of the volume that has this member's data; absent until it has joined. */
  volume?: string;
  /** The member it was added as, in hex, while it joins. */
  join?: string;
  /** The member alone is the whole cluster from its next start on; etcd reads it as true or false. */
  force?: string;
}

/** Names of the keys are those of the ConfigMap. */
const FIELDS = ['state', 'cluster', 'volume', 'join', 'force'] as const;

export const peerUrl = (cluster: ClusterName): string => `https://${peerHost(cluster)}:${PORTS.peer}`;
const listed = (members: readonly ClusterName[]): string => members.map((m) => `${m}=${peerUrl(m)}`).join(',');

/** The first start of all. */
export const genesis = (members: readonly ClusterName[]): Start => ({ state: 'new', cluster: listed(members) });

/**
 * There is a store already. A blank disk must not start by itself: under its old name it would vote as if it had
 * forgotten what it promised. With nobody to ask, etcd ends and waits to be started as a new member.
 */
export const standing = (me: ClusterName, volume?: string): Start => ({
  state: 'existing',
  cluster: listed([me]),
  ...(volume === undefined ? {} : { volume }),
});

/** As the new member `id` beside these. */
export const joining = (members: readonly ClusterName[], id: bigint): Start => ({
  state: 'existing',
  cluster: listed(members),
  join: id.toString(16),
});

/** Its next start makes a store of this member alone, with what is on its disk. */
export const forced = (s: Start): Start => ({ ...s, force: 'true' });

/** True once there is a store that a blank disk must not begin anew. */
export const hasBegun = (s: Start | undefined): boolean => s?.state === 'existing';

export function startOf(data: Readonly<Record<string, Json>>): Start | undefined {
  const { state, cluster, ...more } = data;
  if ((state !== 'new' && state !== 'existing') || typeof cluster !== 'string') return undefined;
  const said = (['volume', 'join', 'force'] as const).flatMap((f) => {
    const value = more[f];
    return typeof value === 'string' && value !== '' ? [[f, value] as const] : [];
  });
  return { state, cluster, ...Object.fromEntries(said) };
}

/** As an object of the cluster. */
export const startObject = (s: Start): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: START, namespace: NAMESPACE, labels: { ...LABELS } },
  // Every field, also those that say nothing: no earlier value of another writer stays.
  data: Object.fromEntries(FIELDS.map((f) => [f, s[f] ?? ''])),
});
