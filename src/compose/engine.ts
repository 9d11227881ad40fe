import { join } from 'node:path';
import type { Engine } from '../commands/index.ts';
import { type Config, readSecret } from '../config/index.ts';
import { openCluster, openKubeconfig } from '../fleet/adapters/kube-client.ts';
import { createRenderer } from '../fleet/adapters/render.ts';
import type { FleetPorts, KubeApi } from '../fleet/index.ts';
import {
  askClouds,
  type ClusterOutput,
  cloudLeftovers,
  credentialsFor,
  infraOutputs,
  type Outputs,
  openClouds,
  openTerraform,
  type Place,
} from '../infra/index.ts';
import { type Clock, fault, type Journal } from '../kernel/index.ts';
import { gatewayParts } from '../release/adapters/gateway-parts.ts';
import { gatewayApp } from '../release/gateway/app.ts';
import type { Known } from '../traffic/index.ts';
import { coordinationDoor, fleetStore } from './coordination.ts';
import { type FleetKeys, fleetKeys } from './keys.ts';
import { ROOT } from './place.ts';
import { releaseDoor } from './release.ts';
import { failoverOf, gateFor, stateDoor } from './state.ts';
import { rememberEpochs } from './state-remember.ts';
import { trafficDoor } from './traffic.ts';

export interface EngineWiring {
  config: Config;
  place: Place;
  journal: Journal;
  clock: Clock;
  stateDir: string;
  known: Known;
}

const IMAGE = 'registry.tradewind.example/tradewind:v0.1.0';

function open(cluster: string, o: ClusterOutput, w: EngineWiring): KubeApi {
  if (o.auth.kind === 'kubeconfig') return openKubeconfig({ kubeconfig: o.auth.file, context: o.auth.context });
  const source = credentialsFor(o, w.place, w.clock);
  const credentials = {
    get: async () => {
      const { token, expires } = await source.token();
      if (o.ca === null)
        throw fault('TW2115', { value: cluster, why: ['no certificate authority of the API server is known'] });
      return { url: o.endpoint, ca: o.ca, token, expiresAt: expires };
    },
  };
  return openCluster({
    cluster,
    credentials,
    clock: w.clock,
    ...(w.place.proxyUrl === undefined ? {} : { proxyUrl: w.place.proxyUrl }),
  });
}

/** Clients are opened once per cluster and endpoint. */
function kubeDoor(w: EngineWiring): { get: Engine['kube']; close(): Promise<void> } {
  const apis = new Map<string, KubeApi>();
  let closed = false;
  return {
    get: (cluster, outputs) => {
      const o = outputs[cluster];
      // What is opened after the end nobody closes.
      if (o === undefined || closed) return undefined;
      const key = `${cluster} ${o.endpoint}`;
      const api = apis.get(key) ?? open(cluster, o, w);
      apis.set(key, api);
      return api;
    },
    close: async () => {
      closed = true;
      await Promise.all([...apis.values()].map((api) => api.close()));
    },
  };
}

interface Doors extends Pick<Engine, 'fleet' | 'traffic' | 'release' | 'coordination' | 'state'> {
  close(): Promise<void>;
}

/** What works inside the clusters, over one client per cluster. */
function doorsOf(w: EngineWiring, keys: FleetKeys, kube: Engine['kube'], outputs: () => Promise<Outputs>): Doors {
  const { config, journal, clock } = w;
  const proxy = w.place.proxyUrl === undefined ? {} : { proxyUrl: w.place.proxyUrl };
  const common = { config, journal, clock, kube, ...proxy };
  const fleet: FleetPorts = {
    clock,
    renderer: createRenderer(),
    secret: (ref) => readSecret(ref, process.env),
    key: keys.values,
  };
  const traffic = trafficDoor({ ...common, keys: keys.traffic, outputs, image: IMAGE, known: w.known });
  const wiring = { config, clock, stateDir: w.stateDir, kube, outputs };
  const store = fleetStore(wiring);
  const sharing = { ...wiring, store, secret: keys.values, image: IMAGE, pinned: new Map() };
  const coordination = coordinationDoor(wiring, rememberEpochs(sharing));
  return {
    fleet,
    traffic,
    release: releaseDoor({
      ...common,
      store,
      fleet,
      brakes: traffic.brakes,
      gate: (x, now) => gateFor(sharing, x, now),
      failover: (app, now) => failoverOf(sharing, app, now),
    }),
    ...(coordination === undefined ? {} : { coordination }),
    state: stateDoor(sharing),
    close: async () => {
      await Promise.all([traffic.close(), store.close()]);
    },
  };
}

/** All adapters of one fleet in one place. */
export async function createEngine(w: EngineWiring): Promise<Engine> {
  const keys = fleetKeys(join(w.stateDir, 'keys.json'));
  const kube = kubeDoor(w);
  const clouds = openClouds(w.place, w.clock);
  const outputs = async (): Promise<Outputs> => await infraOutputs(w.config, w.place);
  const tf = await openTerraform({
    place: w.place,
    config: w.config,
    modulesDir: join(ROOT, 'terraform', 'modules'),
    journal: w.journal,
    clock: w.clock,
  });
  const doors = doorsOf(w, keys, kube.get, outputs);
  return {
    config: w.config,
    place: w.place,
    infra: { config: w.config, place: w.place, tf, journal: w.journal, clock: w.clock },
    ...doors,
    gateway: { systemApp: () => gatewayApp(w.config, () => gatewayParts(keys.values)) },
    outputs,
    kube: kube.get,
    kubeconfig: join(w.stateDir, 'kubeconfig'),
    leftovers: cloudLeftovers(clouds, tf.roots),
    preflight: async (known, only) =>
      await askClouds({
        config: w.config,
        clouds,
        standing: new Set(Object.keys(known)),
        built: async (cluster) => (await tf.roots.state(`cluster:${cluster}`).catch(() => undefined))?.nodes,
        ...(only === undefined ? {} : { only }),
      }),
    close: async () => {
      await Promise.all([kube.close(), doors.close()]);
    },
  };
}
