import type { AppConfig, Config } from '../config/index.ts';
import { type ClusterName, fault } from '../kernel/index.ts';
import { appOf } from './apps.ts';
import type { KubeObject } from './model.ts';
import { desire, PART_OF } from './plan/desired.ts';
import type { FleetPorts } from './ports.ts';

export interface ServiceWanted {
  config: Pick<Config, 'fleet' | 'clusters'>;
  app: AppConfig;
  cluster: ClusterName;
  ports: Pick<FleetPorts, 'renderer' | 'key'>;
}

/**
 * The Service users reach, as the manifests and overrides have it for one cluster and without the marks of an
 * inventory: of an app whose switch is this Service, its release makes it. Throws TW3001 to TW3007, TW7003.
 */
export async function renderedService(x: ServiceWanted): Promise<KubeObject> {
  const { app, config } = x;
  const name = app.traffic?.service ?? '';
  const facts = config.clusters.find((c) => c.name === x.cluster);
  const { objects } = await x.ports.renderer.render(app.name, app.manifests);
  const all =
    facts === undefined
      ? []
      : desire({
          fleet: config.fleet,
          app: appOf(app),
          rendered: objects,
          cluster: facts,
          pull: [],
          part: '',
          key: x.ports.key,
        }).items;
  const found = all.find((i) => i.ref.kind === 'Service' && i.ref.group === '' && i.ref.name === name);
  if (found === undefined)
    throw fault('TW7003', {
      value: name,
      where: [{ cluster: x.cluster, path: `apps.${app.name}.traffic.service` }],
      why: [`the manifests of ${app.name} have no Service of this name`],
    });
  const { [PART_OF]: _, ...labels } = found.body.metadata.labels ?? {};
  return { ...found.body, metadata: { ...found.body.metadata, labels } };
}
