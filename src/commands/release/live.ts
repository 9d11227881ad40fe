import type { Versions } from '../../fleet/index.ts';
import type { Outputs } from '../../infra/index.ts';
import { type Problem, problemOf } from '../../kernel/index.ts';
import { forget, registerOf, wantedLive } from '../../release/index.ts';
import type { Engine } from '../ports.ts';
import { ASK_MS, answerOf } from './answer.ts';
import { placedClusters } from './gather.ts';

export interface Live {
  /** By app and cluster, the live version first; a cluster without a switch has no entry. */
  versions: Versions;
  /** Clusters that stand and whose switch cannot be read: what runs there is not planned now. */
  blind: Readonly<Record<string, Problem>>;
}

/**
 * A cluster without a switch beside others that have one was built anew, or lost it: it gets what the last release
 * wants there. Where no cluster has one, everything begins as the config says.
 */
async function asReleased(
  e: Engine,
  outputs: Outputs,
  app: string,
  x: { found: Record<string, readonly string[]>; bare: readonly string[] },
): Promise<void> {
  if (x.bare.length === 0 || Object.keys(x.found).length === 0) return;
  const { store, journal } = e.release.ports(app, outputs);
  const { record } = await registerOf(app, store, journal).read();
  for (const cluster of x.bare) {
    const wanted = record === undefined ? undefined : wantedLive(record, cluster);
    if (wanted !== undefined) x.found[cluster] = [wanted];
  }
}

/** What the switches say is live where. */
export async function liveVersions(e: Engine, outputs: Outputs, patienceMs = ASK_MS): Promise<Live> {
  const versions: Record<string, Record<string, readonly string[]>> = {};
  const blind: Record<string, Problem> = {};
  await Promise.all(
    e.config.apps
      .filter((app) => app.release !== undefined)
      .map(async (app) => {
        const found: Record<string, readonly string[]> = {};
        const { switches, clock } = e.release.ports(app.name, outputs);
        const standing = placedClusters({ e, app }).filter((c) => outputs[c] !== undefined);
        const bare: string[] = [];
        await Promise.all(
          standing.map(async (cluster) => {
            try {
              const sw = await answerOf(clock, patienceMs, cluster, switches.read(cluster));
              if (sw === undefined) bare.push(cluster);
              else found[cluster] = [sw.live];
            } catch (error) {
              blind[cluster] = problemOf(error);
            }
          }),
        );
        await asReleased(e, outputs, app.name, { found, bare });
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

interface Ensured {
  e: Engine;
  outputs: Outputs;
  /** Asked for once, when a switch is missing. */
  live(): Promise<Versions>;
}

async function ensureOne({ e, outputs, live }: Ensured, app: Released, cluster: string): Promise<Switched> {
  const base = { app: app.name, cluster };
  try {
    const { switches } = e.release.ports(app.name, outputs);
    if ((await switches.read(cluster)) !== undefined) return { ...base, did: 'there' };
    await switches.create(cluster, (await live())[app.name]?.[cluster]?.[0] ?? app.version);
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

/** Makes the switch of every released app where there is none: what was released there becomes live, else its first version. */
export async function ensureSwitches(
  e: Engine,
  outputs: Outputs,
  only: readonly string[] | undefined,
): Promise<Switched[]> {
  let asked: Promise<Versions> | undefined;
  const live = (): Promise<Versions> => (asked ??= liveVersions(e, outputs).then((l) => l.versions));
  const standing = (c: string): boolean => outputs[c] !== undefined && (only === undefined || only.includes(c));
  const all = await Promise.all(
    e.config.apps
      .filter((app) => app.release !== undefined)
      .map(async (app) => {
        const placed = placedClusters({ e, app });
        const done = await Promise.all(placed.filter(standing).map((c) => ensureOne({ e, outputs, live }, app, c)));
        if (done.length === placed.length && done.every((d) => d.did === 'made')) await forgetOld(e, outputs, app.name);
        return done;
      }),
  );
  return all.flat();
}
