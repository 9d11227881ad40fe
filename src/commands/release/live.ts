import type { Versions } from '../../fleet/index.ts';
import type { Outputs } from '../../infra/index.ts';
import { type Problem, problemOf } from '../../kernel/index.ts';
import type { Engine } from '../ports.ts';
import { placedClusters } from './gather.ts';

export interface Live {
  /** By app and cluster, the live version first; a cluster without a switch has no entry. */
  versions: Versions;
  /** Clusters that stand and whose switch cannot be read: what runs there is not planned now. */
  blind: Readonly<Record<string, Problem>>;
}

/** What the switches say is live where. */
export async function liveVersions(e: Engine, outputs: Outputs): Promise<Live> {
  const versions: Record<string, Record<string, readonly string[]>> = {};
  const blind: Record<string, Problem> = {};
  await Promise.all(
    e.config.apps
      .filter((app) => app.release !== undefined)
      .map(async (app) => {
        const found: Record<string, readonly string[]> = {};
        const { switches } = e.release.ports(app.name, outputs);
        const standing = placedClusters({ e, app }).filter((c) => outputs[c] !== undefined);
        await Promise.all(
          standing.map(async (cluster) => {
            try {
              const sw = await switches.read(cluster);
              if (sw !== undefined) found[cluster] = [sw.live];
            } catch (error) {
              blind[cluster] = problemOf(error);
            }
          }),
        );
        versions[app.name] = found;
      }),
  );
  return { versions, blind };
}

export interface Switched {
  app: string;
  cluster: string;
  did: 'made' | 'there';
  problem?: Problem;
}

/** Makes the switch of every released app where there is none: its first version becomes live. */
export async function ensureSwitches(
  e: Engine,
  outputs: Outputs,
  only: readonly string[] | undefined,
): Promise<Switched[]> {
  const wanted = e.config.apps
    .filter((app) => app.release !== undefined)
    .flatMap((app) => placedClusters({ e, app }).map((cluster) => ({ app, cluster })))
    .filter(({ cluster }) => outputs[cluster] !== undefined && (only === undefined || only.includes(cluster)));
  return await Promise.all(
    wanted.map(async ({ app, cluster }): Promise<Switched> => {
      const base = { app: app.name, cluster };
      try {
        const { switches } = e.release.ports(app.name, outputs);
        if ((await switches.read(cluster)) !== undefined) return { ...base, did: 'there' };
        await switches.create(cluster, app.version);
        return { ...base, did: 'made' };
      } catch (error) {
        return { ...base, did: 'there', problem: problemOf(error) };
      }
    }),
  );
}
