import type { ClusterConfig, Config } from '../config/index.ts';
import { fault, nearest } from '../kernel/index.ts';

function matches(c: ClusterConfig, wish: string): boolean {
  const [kind, value] = wish.includes(':') ? wish.split(':', 2) : ['name', wish];
  if (kind === 'cloud') return c.cloud === value;
  if (kind === 'region') return c.region === value;
  return kind === 'name' && c.name === value;
}

/** Clusters named by `--on`; none named = all. Throws TW6003. */
export function selectClusters(config: Config, on: readonly string[]): readonly ClusterConfig[] {
  if (on.length === 0) return config.clusters;
  for (const wish of on) {
    if (config.clusters.some((c) => matches(c, wish))) continue;
    const names = config.clusters.map((c) => c.name);
    const near = nearest(wish, names);
    throw fault('TW6003', {
      value: wish,
      why: [`clusters of this fleet: ${names.join(', ')}${near ? `; did you mean "${near}"?` : ''}`],
    });
  }
  return config.clusters.filter((c) => on.some((wish) => matches(c, wish)));
}

/** The app named, or the only one. Throws TW6004. */
export function selectApp(config: Config, name: string | undefined): Config['apps'][number] {
  const names = config.apps.map((a) => a.name);
  const [only] = config.apps;
  const found =
    name === undefined ? (config.apps.length === 1 ? only : undefined) : config.apps.find((a) => a.name === name);
  if (found !== undefined) return found;
  const near = name === undefined ? undefined : nearest(name, names);
  throw fault('TW6004', {
    value: name ?? '',
    why: [`apps of this fleet: ${names.join(', ') || 'none'}${near ? `; did you mean "${near}"?` : ''}`],
  });
}
