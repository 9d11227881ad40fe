import { randomUUID } from 'node:crypto';
import type { AppConfig, Config } from '../config/index.ts';
import { fault, type Problem, TwError } from '../kernel/index.ts';
import { fleetApply } from './applier.ts';
import { appsOf } from './apps.ts';
import { isSilence, kubeFault } from './faults.ts';
import { fenceOf, moveFence, type Put, take } from './fence.ts';
import type { FleetApp, FleetPlan } from './model.ts';
import { patient } from './patient.ts';
import { desire } from './plan/desired.ts';
import { ungraceful } from './plan/graceful.ts';
import { inventoryRef, readInventory } from './plan/inventory.ts';
import { keyOf, refOf, refOfKey, sayRef } from './plan/objects.ts';
import { missingRoom } from './plan/room.ts';
import { LABELS } from './plan/shape.ts';
import { fleetPlan } from './planner.ts';
import { type FleetPorts, type KubeApi, KubeError } from './ports.ts';
import { end } from './retire.ts';
import { type Found, find, type VersionOf, type VersionState, versionState } from './versionstate.ts';

export interface WorkloadsInput {
  config: Pick<Config, 'fleet' | 'clusters' | 'apps'>;
  /** Name of a released app. */
  app: string;
  /** The API of a cluster; `undefined`: nothing is known of it. */
  api(cluster: string): KubeApi | undefined;
  ports: FleetPorts;
  /** Ends what is under way. */
  signal?: AbortSignal;
}

const GONE = new Set(['TW3040', 'TW3050']);

/**
 * The versions of one released app, cluster by cluster. A write is `unknown` when no answer came and
 * `stale` when somebody else moved the fence or wrote the unit; what the cluster refuses is thrown.
 */
export class VersionedWorkloads {
  readonly #i: WorkloadsInput;
  readonly #app: AppConfig;
  readonly #signal: AbortSignal;

  constructor(input: WorkloadsInput) {
    const app = input.config.apps.find((a) => a.name === input.app);
    if (app?.release === undefined || app.traffic === undefined)
      throw fault('TW7006', { value: input.app, why: ['it has no release block'] });
    this.#i = input;
    this.#app = app;
    this.#signal = input.signal ?? new AbortController().signal;
  }

  /** Throws TW3012 when the cluster cannot be asked, TW3031. */
  async state(cluster: string, version: string): Promise<VersionState> {
    try {
      return await versionState(this.#api(cluster), this.#of(version));
    } catch (e) {
      throw kubeFault(e, cluster);
    }
  }

  /** Why a release would be unsafe here: objects from before the app was released. Throws TW3012. */
  async refuse(cluster: string): Promise<readonly string[]> {
    const { name, namespace, release, traffic } = this.#app;
    if (release?.driver !== 'httproute' || traffic === undefined) return [];
    const old = { group: '', kind: 'Service', namespace, name: traffic.service };
    try {
      const api = this.#api(cluster);
      const cm = await api.get(inventoryRef(name, namespace));
      if (cm === undefined || readInventory(cm).items[keyOf(old)] === undefined) return [];
      if ((await api.get(old)) === undefined) return [];
      return [`${sayRef(old)} from before releases answers with every version; confirm its deletion with tw up`];
    } catch (e) {
      throw kubeFault(e, cluster);
    }
  }

  /** Brings the version up with at least so many replicas, without waiting for their health. */
  makeGreen(cluster: string, version: string, replicas: number, fence: number): Promise<Put> {
    return this.#guarded(cluster, async (api) => {
      const found = await find(api, this.#of(version));
      if (found.fence !== fence) return 'stale';
      const run = randomUUID();
      const moved = await this.#move(api, cluster, found, { fence: fence + 1, run });
      if (moved !== 'ok') return moved;
      const put = await this.#apply(api, cluster, version, replicas);
      if (put !== 'ok') return put;
      const made = await find(api, this.#of(version));
      const fresh = { ...made, deployments: made.deployments.filter((d) => fenceOf(d) <= fence) };
      return this.#moveAll(api, cluster, fresh, { fence: fence + 1, run });
    });
  }

  /** Ends the version: its fence first, then its objects. A version that is not there is `ok`. */
  retire(cluster: string, version: string, fence: number): Promise<Put> {
    return this.#guarded(cluster, async (api) => {
      const of = this.#of(version);
      const found = await find(api, of);
      const { deployments, parent } = found;
      if (deployments.length === 0 && parent === undefined) return 'ok';
      if (found.fence !== fence) return 'stale';
      if (parent === undefined)
        throw fault('TW3031', {
          value: version,
          where: deployments.map((d) => ({ cluster, resource: sayRef(refOf(d)) })),
          why: ['the inventory of this version is gone, so nothing says what belongs to it'],
          fix: [{ say: 'Let it be written again, or delete its objects by hand.' }],
        });
      const run = randomUUID();
      const moved = await this.#move(api, cluster, found, { fence: fence + 1, run });
      if (moved !== 'ok') return moved;
      const { ports, config } = this.#i;
      const unit = this.#unit(cluster, version, 0);
      const x = { api, cluster, clock: ports.clock, signal: this.#signal, run, fleet: config.fleet };
      return end(x, unit.name, of, parent.inventory);
    });
  }

  /** Gives the version the replicas of its manifests again; one that is not there is `ok`. */
  settle(cluster: string, version: string): Promise<Put> {
    return this.#guarded(cluster, async (api) => {
      const found = await find(api, this.#of(version));
      return found.parent === undefined ? 'ok' : this.#apply(api, cluster, version, 0);
    });
  }

  /** What is not graceful about the version's pods as rendered for the cluster, in words; the cluster is not asked. Throws TW3001 to TW3007. */
  async ungraceful(cluster: string, version: string): Promise<readonly string[]> {
    const facts = this.#i.config.clusters.find((c) => c.name === cluster);
    if (facts === undefined) return [];
    const { renderer, key } = this.#i.ports;
    const { objects } = await renderer.render(this.#app.name, this.#app.manifests);
    const app = this.#unit(cluster, version, 0);
    const { fleet } = this.#i.config;
    const { items } = desire({ fleet, app, rendered: objects, cluster: facts, pull: [], part: '', key });
    return items.filter((i) => i.ref.kind === 'Deployment').flatMap((i) => ungraceful(i.body));
  }

  /** How many pods of a second version as large as this one would find no place; 0 = none is certain. Throws TW3012. */
  async missingRoom(cluster: string, version: string): Promise<number> {
    try {
      const api = this.#api(cluster);
      const [nodes, pods] = await Promise.all([
        api.list({ group: '', kind: 'Node' }, {}),
        api.list({ group: '', kind: 'Pod' }, {}),
      ]);
      const { name, namespace } = this.#app;
      const own = pods.filter(
        (p) =>
          p.metadata.namespace === namespace &&
          p.metadata.labels?.[LABELS.app] === name &&
          p.metadata.labels?.[LABELS.version] === version,
      );
      const [like] = own;
      const most = this.#i.config.clusters.find((c) => c.name === cluster)?.nodes.max ?? nodes.length;
      return like === undefined ? 0 : missingRoom({ nodes, pods, like, count: own.length, most });
    } catch (e) {
      throw kubeFault(e, cluster);
    }
  }

  #api(cluster: string): KubeApi {
    const api = this.#i.api(cluster);
    if (api === undefined) throw new KubeError(0, 'Unreachable', 'there is no access to the cluster');
    return patient(api, { clock: this.#i.ports.clock, signal: this.#signal, tries: 2 });
  }

  #of(version: string): VersionOf {
    const { name, namespace, traffic, release } = this.#app;
    return {
      app: name,
      namespace,
      service: traffic?.service ?? name,
      driver: release?.driver ?? 'httproute',
      version,
    };
  }

  #units(cluster: string, version: string): FleetApp[] {
    return appsOf(
      { apps: [this.#app], clusters: this.#i.config.clusters },
      { [this.#app.name]: { [cluster]: [version] } },
    );
  }

  #unit(cluster: string, version: string, atLeast: number): FleetApp & { unit: object } {
    const found = this.#units(cluster, version).find((a) => a.unit?.version === version);
    if (found?.unit === undefined)
      throw fault('TW7006', { value: this.#app.name, where: [{ cluster }], why: ['the app is not placed there'] });
    return { ...found, unit: { ...found.unit, atLeast } };
  }

  async #guarded(cluster: string, work: (api: KubeApi) => Promise<Put>): Promise<Put> {
    try {
      return await work(this.#api(cluster));
    } catch (e) {
      if (e instanceof KubeError && isSilence(e)) return 'unknown';
      const known = kubeFault(e, cluster);
      if (GONE.has(known.code)) return 'stale';
      if (known.code === 'TW3012') return 'unknown';
      throw known;
    }
  }

  /** The Deployments decide who was first; then the other objects change hands too. */
  async #move(api: KubeApi, cluster: string, found: Found, to: { fence: number; run: string }): Promise<Put> {
    const moved = await this.#moveAll(api, cluster, found, to);
    if (moved !== 'ok') return moved;
    const keys = Object.keys(found.parent?.inventory.items ?? {}).filter((k) => !k.startsWith('apps/Deployment/'));
    for (const key of keys) {
      const o = await api.get(refOfKey(key));
      const put = o === undefined ? 'ok' : await take(api, cluster, o, to.run);
      if (put !== 'ok') return put;
    }
    return 'ok';
  }

  async #moveAll(api: KubeApi, cluster: string, found: Found, to: { fence: number; run: string }): Promise<Put> {
    for (const d of found.deployments) {
      const put = await moveFence(api, cluster, d, to);
      if (put !== 'ok') return put;
    }
    return 'ok';
  }

  /** Plans and applies exactly this version in this cluster. */
  async #apply(api: KubeApi, cluster: string, version: string, replicas: number): Promise<Put> {
    const unit = this.#unit(cluster, version, replicas);
    const apps = this.#units(cluster, version).map((a) => (a.name === unit.name ? (unit as FleetApp) : a));
    const { config, ports } = this.#i;
    const plan = await fleetPlan(
      { config, apps, only: [unit.name], clusters: [{ name: cluster, presence: 'present', api }] },
      ports,
    );
    const failed = plan.clusters[0]?.skipped ?? (await this.#run(plan, api));
    if (failed !== undefined) throw new TwError(failed);
    return 'ok';
  }

  async #run(plan: FleetPlan, api: KubeApi): Promise<Problem | undefined> {
    const input = { api: () => Promise.resolve(api), clock: this.#i.ports.clock, gateMs: 0 };
    let failed: Problem | undefined;
    for await (const e of fleetApply(plan, input, this.#signal)) if (e.type === 'end') failed = e.failed[0]?.problem;
    return failed;
  }
}
