import type { ClusterName } from '../kernel/index.ts';
import type { ConfigFault } from './model.ts';
import type { ConfigParsed } from './schema.ts';

type Parsed = NonNullable<ConfigParsed['coordination']>['etcd'];
export type ExternalEtcd = Extract<Parsed, { endpoints: string[] }>;
/** `members`: clusters that run one, in the order of the config. */
export type CoordinationConfig =
  | { kind: 'members'; members: readonly ClusterName[] }
  | ({ kind: 'external' } & ExternalEtcd);

type Clusters = ConfigParsed['clusters'];

/**
 * The first cluster of every cloud; clusters that are there already are clouds of their own. Of an even number the last
 * one has none: with it no more losses would be borne.
 */
function onePerCloud(clusters: Clusters): ClusterName[] {
  const seen = new Set<string>();
  const all = Object.entries(clusters).flatMap(([name, c]) => {
    if (c.cloud !== 'existing' && seen.has(c.cloud)) return [];
    seen.add(c.cloud);
    return [name];
  });
  return all.length > 2 && all.length % 2 === 0 ? all.slice(0, -1) : all;
}

export function coordinationOf(parsed: ConfigParsed): CoordinationConfig | undefined {
  const etcd = parsed.coordination?.etcd;
  if (etcd === undefined) return undefined;
  if ('endpoints' in etcd) return { kind: 'external', ...etcd };
  const wanted = etcd.members ?? onePerCloud(parsed.clusters);
  return { kind: 'members', members: Object.keys(parsed.clusters).filter((c) => wanted.includes(c)) };
}

function* memberFaults(parsed: ConfigParsed, named: readonly string[]): Generator<ConfigFault> {
  const path = 'coordination.etcd.members';
  for (const name of named)
    if (parsed.clusters[name] === undefined) yield { path, message: `there is no cluster "${name}"` };
  const c = coordinationOf(parsed);
  if (c?.kind !== 'members' || c.members.length % 2 === 1) return;
  const { members } = c;
  const say = `${members.length} members (${members.join(', ')}) bear no more losses than ${members.length - 1}`;
  yield { path, message: `${say}: name one more place, or one less` };
}

export function* coordinationFaults(parsed: ConfigParsed): Generator<ConfigFault> {
  const etcd = parsed.coordination?.etcd;
  if (etcd === undefined) return;
  if (!('endpoints' in etcd)) yield* memberFaults(parsed, etcd.members ?? []);
  else if ((etcd.cert === undefined) !== (etcd.key === undefined))
    yield { path: 'coordination.etcd', message: 'cert and key belong together' };
}
