import type { ClusterConfig, Config } from '../../config/index.ts';
import type { Args, CommandSpec } from '../model.ts';
import { selectApp, selectClusters } from '../select.ts';
import type { Target } from './model.ts';

const placeOf = (c: ClusterConfig): Target['clusters'][number] => ({ name: c.name, cloud: c.cloud, region: c.region });

/** The app an argument names: `guestbook` or `guestbook@v2`; the only app where it may be left out. Throws TW6004. */
function appOf(spec: CommandSpec, args: Args, config: Config): string | undefined {
  const arg = spec.args.find((a) => a.from === 'app');
  if (arg === undefined) return undefined;
  const typed = args[arg.name] as string | undefined;
  if (typed === undefined && config.apps.length !== 1) return undefined;
  return selectApp(config, typed?.split('@', 1)[0]).name;
}

function clustersOf(spec: CommandSpec, args: Args, config: Config): readonly ClusterConfig[] {
  const one = spec.args.find((a) => a.from === 'cluster' && a.position !== undefined);
  if (one !== undefined) return selectClusters(config, [args[one.name] as string]);
  return selectClusters(config, (args['on'] as readonly string[] | undefined) ?? []);
}

/** What a command would touch: the narrowest that its arguments say. Throws TW6003, TW6004. */
export function targetOf(spec: CommandSpec, args: Args, config: Config): Target {
  return {
    fleet: config.fleet,
    app: appOf(spec, args, config),
    clusters: clustersOf(spec, args, config).map(placeOf),
  };
}

/** What a vote, or a command that waits, is about; clusters that left the config are left out. */
export function targetOfPlace(a: { app: string | null; clusters: readonly string[] }, config: Config): Target {
  const clusters = config.clusters.filter((c) => a.clusters.includes(c.name)).map(placeOf);
  return { fleet: config.fleet, app: a.app ?? undefined, clusters };
}
