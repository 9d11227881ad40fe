import { addressIn, type Context, clusterOf, handedTo, type ServerPodDoor } from '../../commands/index.ts';
import type { KubeApi } from '../../fleet/index.ts';
import { fault } from '../../kernel/index.ts';
import { sandboxDir } from '../place.ts';
import { webFiles } from '../web.ts';
import { serverPodDoor } from './move.ts';
import { openWay, type Way } from './way.ts';

/** The API of the cluster that runs the server, with what this folder knows of it. Throws TW8043. */
async function apiOf(c: Context, cluster: string): Promise<KubeApi> {
  const e = await c.engine();
  const api = e.kube(cluster, await e.outputs());
  if (api !== undefined) return api;
  throw fault('TW8043', {
    value: addressIn(cluster),
    why: [`nothing is known here of the cluster ${cluster}`],
    fix: [
      {
        say: 'Work where it was built, or ask the server under its own address:',
        command: 'export TW_SERVER=https://…',
      },
    ],
  });
}

/** Throws TW8040. */
export async function podOf(c: Context): Promise<ServerPodDoor> {
  const wanted = (await c.config()).server?.in;
  const cluster = clusterOf(handedTo(c.stateDir) ?? '') ?? wanted;
  if (cluster === undefined)
    throw fault('TW8040', { fix: [{ say: "Name one in the config: server: { in: '<cluster>' }" }] });
  const engine = await c.engine();
  const sandbox = async () => {
    const [{ knownOf, sandboxDoor }, config] = await Promise.all([import('../sandbox.ts'), c.config()]);
    return knownOf(await sandboxDoor(sandboxDir(c.stateDir, process.env)).port.status(), config);
  };
  const known = engine.place.name === 'sandbox' ? await sandbox() : {};
  // The simulated registry shows the pod what was built here.
  if (engine.place.name === 'sandbox') await webFiles();
  const { stateDir, clock } = c;
  return serverPodDoor({ engine, known, stateDir, clock, cluster, api: async () => await apiOf(c, cluster) });
}

/** Ways into clusters, one each, until the context is closed. */
export class Ways {
  readonly #c: Context;
  readonly #open = new Map<string, Promise<Way>>();

  constructor(c: Context) {
    this.#c = c;
  }

  async to(cluster: string): Promise<Way> {
    const way = this.#open.get(cluster) ?? apiOf(this.#c, cluster).then(openWay);
    this.#open.set(cluster, way);
    return await way;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(async (w) => (await w.catch(() => undefined))?.close()));
  }
}
