import type { Versions } from '../../fleet/index.ts';
import type { Outputs } from '../../infra/index.ts';
import { type Problem, problemOf } from '../../kernel/index.ts';
import { forget, registerOf } from '../../release/index.ts';
import type { Engine } from '../ports.ts';
import { answerOf } from './answer.ts';
import { placedClusters } from './gather.ts';

export interface Live {
  /** By app and cluster, the live version first; a cluster without a switch has no entry. */
  versions: Versions;
  /** Clusters that stand and whose switch cannot be read: what runs there is not planned now. */
  blind: Readonly<Record<string, Problem>>;
}

const PATIENCE_MS = 15_000;

/** What the switches say is live where. */
export async function liveVersions(e: Engine, outputs: Outputs, patienceMs = PATIENCE_MS): Promise<Live> {
  const versions: Record<string, Record<string, readonly string[]>> = {};
  const blind: Record<string, Problem> = {};
  await Promise.all(
    e.config.apps
      .filter((app) => app.release !== undefined)
      .map(async (app) => {
        const found: Record<string, readonly string[]> = {};
        const { switches, clock } = e.release.ports(app.name, outputs);
        const standing = placedClusters({ e, app }).filter((c) => outputs[c] !== undefined);
        await Promise.all(
          standing.map(async (cluster) => {
            try {
              const sw = await answerOf(clock, patienceMs, cluster, switches.read(cluster));
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

type Released = Engine['config']['apps'][number];

async function ensureOne(e: Engine, outputs: Outputs, app: Released, cluster: string): Promise<Switched> {
  const base = { app: app.name, cluster };
  try {
    const { switches } = e.release.ports(app.name, outputs);
    if ((await switches.read(cluster)) !== undefined) return { ...base, did: 'there' };
    await switches.create(cluster, app.version);
    return { ...base, did: 'made' };
  } catch (error) {
    return { ...base, did: 'there', problem: problemOf(error) };
  }
}

/** A release that was open in clusters that are all new belongs to clusters that are gone. */
async function forgetOld(e: Engine, outputs: Outputs, app: string): Promise<void> {
  const { store, journal, clock } = e.release.ports(app, outputs);
  await forget(registerOf(app, store, journal), clock);
}

/** Makes the switch of every released app where there is none: its first version becomes live. */
export async function ensureSwitches(
  e: Engine,
  outputs: Outputs,
  only: readonly string[] | undefined,
): Promise<Switched[]> {
  const standing = (c: string): boolean => outputs[c] !== undefined && (only === undefined || only.includes(c));
  const all = await Promise.all(
    e.config.apps
      .filter((app) => app.release !== undefined)
      .map(async (app) => {
        const placed = placedClusters({ e, app });
        const done = await Promise.all(placed.filter(standing).map((c) => ensureOne(e, outputs, app, c)));
        if (done.length === placed.length && done.every((d) => d.did === 'made')) await forgetOld(e, outputs, app.name);
        return done;
      }),
  );
  return all.flat();
}
