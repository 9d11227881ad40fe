import { type Clock, fault } from '../../../kernel/index.ts';
import type { BuiltCloud, CloudPort, Spot } from '../../cloud.ts';
import { clusterRoot, type Place, type Root } from '../../model.ts';
import type { LeftoverPort, RootStore } from '../../ports.ts';
import { merged } from '../credentials/identity.ts';
import type { Reach } from './http.ts';

export type Clouds = (cloud: BuiltCloud) => Promise<CloudPort>;

/** The clouds' own APIs in one place, each loaded when first asked. */
export function openClouds(
  place: Place,
  clock: Clock,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Clouds {
  const reach: Reach = {
    env: merged(env, place.env),
    endpoints: place.endpoints,
    ...(place.proxyUrl === undefined ? {} : { proxyUrl: place.proxyUrl }),
    clock,
  };
  return async (cloud) => {
    if (cloud === 'aws') return (await import('./aws.ts')).awsCloud(reach);
    return cloud === 'azure'
      ? (await import('./azure.ts')).azureCloud(reach)
      : (await import('./gcp.ts')).gcpCloud(reach);
  };
}

const CLOUD_OF: Readonly<Record<string, BuiltCloud>> = { 'aws-eks': 'aws', 'azure-aks': 'azure', 'gcp-gke': 'gcp' };

/** Where the cluster of a root was built; undefined for roots that build none. */
export function spotOf(root: Pick<Root, 'module' | 'vars' | 'cluster'>): Spot | undefined {
  const cloud = CLOUD_OF[root.module];
  if (cloud === undefined) return undefined;
  const text = (...names: string[]): string => {
    const v = names.map((n) => root.vars[n]).find((x) => x !== undefined && x !== null);
    return typeof v === 'string' ? v : '';
  };
  const [tenant, profile] = [text('tenant'), text('profile')];
  return {
    fleet: text('fleet'),
    cluster: root.cluster ?? text('cluster'),
    cloud,
    region: text('region'),
    account: text('account', 'subscription', 'project'),
    ...(tenant === '' ? {} : { tenant }),
    ...(profile === '' ? {} : { profile }),
  };
}

/**
 * The sweep of `tw down` over all clouds. A cluster is looked for where its root on disk says it was
 * built, not where the config would build it now; a root that is gone is remembered.
 */
export function cloudLeftovers(clouds: Clouds, roots: Pick<RootStore, 'load'>): LeftoverPort {
  const known = new Map<string, Spot>();
  const find = async (fleet: string, cluster: string): Promise<Spot> => {
    const root = await roots.load(clusterRoot(cluster), fleet);
    const spot = root === undefined ? undefined : spotOf(root);
    if (spot !== undefined) known.set(cluster, spot);
    const found = known.get(cluster);
    if (found === undefined)
      throw fault('TW2203', { value: cluster, why: ['nothing on disk says where it was built'] });
    return found;
  };
  return {
    leftovers: async (fleet, cluster) => {
      const spot = await find(fleet, cluster);
      return await (await clouds(spot.cloud)).leftovers(spot);
    },
    remove: async (l) => {
      const spot = known.get(l.cluster);
      if (spot !== undefined) await (await clouds(spot.cloud)).remove(spot, l);
    },
  };
}
