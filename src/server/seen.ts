import type { Json } from '../kernel/index.ts';

interface ClusterRow {
  name: string;
  reachable: boolean;
}
interface AppRow {
  name: string;
  clusters: ({ name: string } & Record<string, Json>)[];
}
/** The part of `tw status` that a silent cluster would empty. */
interface Answer {
  clusters: (ClusterRow & Record<string, Json>)[];
  apps: AppRow[];
}
/** What a cluster said when it last answered. */
interface Last {
  at: number;
  cluster: Answer['clusters'][number];
  apps: Readonly<Record<string, AppRow['clusters'][number]>>;
}
export type LastSeen = ReadonlyMap<string, Last>;

const onCluster = (a: Answer, name: string): Last['apps'] =>
  Object.fromEntries(
    a.apps.flatMap((app) => {
      const row = app.clusters.find((c) => c.name === name);
      return row === undefined ? [] : [[app.name, row]];
    }),
  );

/** A silent cluster as it was last seen: its problem is of now, nodes and version are of then. */
function recalled(now: Answer['clusters'][number], last: Last | undefined): Answer['clusters'][number] {
  if (last === undefined) return { ...now, lastSeen: null };
  const { nodes = null, nodesTotal = null, version = null } = last.cluster;
  return { ...now, nodes, nodesTotal, version, lastSeen: last.at };
}

/**
 * A cluster that does not answer keeps what it said last, and since when it is silent; `lastSeen` is absent while it
 * answers: that is the age of the whole look. `at`: Unix milliseconds of the look.
 */
export function withMemory<T extends Answer>(known: LastSeen, answer: T, at: number): { known: LastSeen; answer: T } {
  const next = new Map(known);
  for (const c of answer.clusters)
    if (c.reachable) next.set(c.name, { at, cluster: c, apps: onCluster(answer, c.name) });
  const silent = answer.clusters.filter((c) => !c.reachable).map((c) => c.name);
  const clusters = answer.clusters.map((c) => (c.reachable ? c : recalled(c, next.get(c.name))));
  const apps = answer.apps.map((a) => {
    const old = silent.flatMap((name) => {
      const last = next.get(name);
      const row = last?.apps[a.name];
      return last === undefined || row === undefined ? [] : [{ ...row, lastSeen: last.at }];
    });
    return { ...a, clusters: [...a.clusters.filter((c) => !silent.includes(c.name)), ...old] };
  });
  return { known: next, answer: { ...answer, clusters, apps } };
}
