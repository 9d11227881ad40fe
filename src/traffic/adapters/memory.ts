import type { Http, HttpRequest, Lookup, LookupAnswer, LookupQuestion, SnapshotStore } from '../ports.ts';

/** Twin of the objects in the clusters. Clusters in `cut` cannot be reached. */
export function memoryStore(
  clusters: readonly string[],
): SnapshotStore & { cut: Set<string>; data: Map<string, Record<string, string>> } {
  const data = new Map<string, Record<string, string>>();
  const cut = new Set<string>();
  const reach = (cluster: string): void => {
    if (cut.has(cluster) || !clusters.includes(cluster)) throw new Error(`${cluster} cannot be reached`);
  };
  return {
    cut,
    data,
    put: async (cluster, name, value, signal) => {
      signal?.throwIfAborted();
      reach(cluster);
      data.set(`${cluster}/${name}`, { ...value });
    },
    get: async (cluster, name, signal) => {
      signal?.throwIfAborted();
      reach(cluster);
      const found = data.get(`${cluster}/${name}`);
      return found && { ...found };
    },
  };
}

/** Twin of a network of DNS servers. */
export function memoryLookup(answer: (q: LookupQuestion) => LookupAnswer): Lookup {
  return {
    ask: async (q, signal) => {
      signal?.throwIfAborted();
      return answer(q);
    },
  };
}

/** Twin of HTTP servers. */
export function memoryHttp(answer: (r: HttpRequest) => { status: number; body: string }): Http {
  return {
    send: async (r, signal) => {
      signal?.throwIfAborted();
      return answer(r);
    },
  };
}
