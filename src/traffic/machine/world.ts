import { digest, toJson } from '../../kernel/index.ts';
import type { HealthView, LoadView, Site, Snapshot, World } from '../model.ts';

/** Addresses of edge names, resolved outside. */
export type Names = Readonly<Record<string, { v4: string[]; v6: string[] }>>;

export const snapshotId = (s: Snapshot): string => digest(toJson(s)).slice(0, 19);

/** Newer by (term, seq); between equals the greater id wins, so that all servers end with the same. */
export function isNewer(a: Snapshot, b: Snapshot | undefined): boolean {
  if (b === undefined || a.term !== b.term) return b === undefined || a.term > b.term;
  return a.seq === b.seq ? snapshotId(a) > snapshotId(b) : a.seq > b.seq;
}

function withNames(site: Site, names: Names): Site {
  const edges = Object.entries(site.edges).map(([app, edge]) => {
    const found = edge.name === undefined ? undefined : names[edge.name];
    if (found === undefined || edge.v4.length + edge.v6.length > 0) return [app, edge] as const;
    return [app, { ...edge, v4: found.v4, v6: found.v6 }] as const;
  });
  return { ...site, edges: Object.fromEntries(edges) };
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
