import type { ClusterName } from '../../kernel/index.ts';
import { digest, toJson } from '../../kernel/index.ts';
import type { Edge, HealthSpec, HealthView, LoadView, Site, Snapshot, World } from '../model.ts';
import { targetOf } from '../model.ts';

/** Addresses of edge names, resolved outside. */
export type Names = Readonly<Record<string, { v4: string[]; v6: string[] }>>;

/** Canonical JSON of a large map takes long; a snapshot is never changed once made. */
const ids = new WeakMap<Snapshot, string>();

export function snapshotId(s: Snapshot): string {
  const id = ids.get(s) ?? digest(toJson(s)).slice(0, 19);
  ids.set(s, id);
  return id;
}

/** Newer by (term, seq); between equals the greater id wins, so that all servers end with the same. */
export function isNewer(a: Snapshot, b: Snapshot | undefined): boolean {
  if (b === undefined || a.term !== b.term) return b === undefined || a.term > b.term;
  return a.seq === b.seq ? snapshotId(a) > snapshotId(b) : a.seq > b.seq;
}

/** The edge with its addresses: fixed ones, else those its name resolved to. */
function resolved(edge: Edge, names: Names): Edge {
  const found = edge.name === undefined ? undefined : names[edge.name];
  if (found === undefined || edge.v4.length + edge.v6.length > 0) return edge;
  return { ...edge, v4: found.v4, v6: found.v6 };
}

function withNames(site: Site, names: Names): Site {
  const edges = Object.entries(site.edges).map(([app, edge]) => [app, resolved(edge, names)]);
  return { ...site, edges: Object.fromEntries(edges) };
}

/** One edge to probe. */
export interface Target {
  key: string;
  cluster: ClusterName;
  host: string;
  edge: Edge;
  health: HealthSpec;
}

/** Every app's edge in every cluster it runs in. */
export function targetsOf(s: Snapshot, names: Names): Target[] {
  return s.sites.flatMap((site) =>
    s.intents.flatMap((intent): Target[] => {
      const edge = site.edges[intent.app];
      if (edge === undefined) return [];
      const key = targetOf(site.cluster, intent.app);
      return [{ key, cluster: site.cluster, host: intent.host, edge: resolved(edge, names), health: intent.health }];
    }),
  );
}

export interface Live {
  health: HealthView;
  names: Names;
  load: LoadView;
  now: number;
}

/** What `evaluate` decides on: the signed snapshot plus what was observed since. */
export function worldOf(s: Snapshot, live: Live): World {
  return {
    snapshot: snapshotId(s),
    intents: s.intents,
    sites: s.sites.map((site) => withNames(site, live.names)),
    map: s.map,
    health: live.health,
    load: live.load,
    holds: s.holds,
    now: live.now,
  };
}
