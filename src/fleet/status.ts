import { type Clock, type Problem, TwError } from '../kernel/index.ts';
import { applysetId } from './applyset.ts';
import { type AppStatus, appStatus, type StatusApp } from './appstatus.ts';
import { kubeFault } from './faults.ts';
import type { KubeObject, Ref } from './model.ts';
import { patient } from './patient.ts';
import { PART_OF } from './plan/desired.ts';
import { dictOf, listOf, numberOf, refOf, textOf } from './plan/objects.ts';
import type { KubeApi } from './ports.ts';
import { survey } from './survey.ts';

export interface ClusterStatus {
  name: string;
  /** The API answers and at least one node is ready. */
  ready: boolean;
  /** False = nothing below is known now. */
  reachable: boolean;
  nodes: { ready: number; total: number };
  /** Version of the API server. */
  version?: string;
  apps: readonly AppStatus[];
  problem?: Problem;
}
export interface StatusInput {
  fleet: string;
  clusters: readonly { name: string; api?: KubeApi }[];
  /** As `appsOf` gives them: units of versions are folded into their app. */
  apps: readonly StatusApp[];
  clock: Clock;
}

function isReady(node: KubeObject): boolean {
  return listOf(dictOf(node['status'])['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True');
}

async function clusterStatus(c: { name: string; api?: KubeApi }, input: StatusInput): Promise<ClusterStatus> {
  const blank = { name: c.name, ready: false, reachable: false, nodes: { ready: 0, total: 0 }, apps: [] };
  if (c.api === undefined) return blank;
  const api = patient(c.api, { clock: input.clock, tries: 1 });
  try {
    const [found, nodes] = await Promise.all([
      survey(api, c.name, input.fleet),
      api.list({ group: '', kind: 'Node' }, {}),
    ]);
    const apps = input.apps.filter((a) => a.unit?.version === undefined);
    const told = await Promise.all(apps.map((a) => appStatus({ api, cluster: c.name, found }, a)));
    const ready = nodes.filter(isReady).length;
    return {
      name: c.name,
      ready: ready > 0,
      reachable: true,
      nodes: { ready, total: nodes.length },
      version: found.serverVersion,
      apps: told,
    };
  } catch (e) {
    return { ...blank, problem: (e instanceof TwError ? e : kubeFault(e, c.name)).problem };
  }
}

/** One record per cluster, in parallel; a cluster that does not answer never empties the others. */
export function fleetStatus(input: StatusInput): Promise<ClusterStatus[]> {
  return Promise.all(input.clusters.map((c) => clusterStatus(c, input)));
}

export interface LoadBalancer {
  service: Ref;
  addresses: readonly string[];
  ports: readonly number[];
}

/** Addresses of the app's own Services of type LoadBalancer in one cluster: IPs or host names. Throws KubeError. */
export async function loadBalancers(api: KubeApi, app: { name: string; namespace: string }): Promise<LoadBalancer[]> {
  const labels = { [PART_OF]: applysetId(app.name, app.namespace) };
  const services = await api.list({ group: '', kind: 'Service' }, { labels });
  return services.filter((s) => dictOf(s['spec'])['type'] === 'LoadBalancer').map(loadBalancerOf);
}

const loadBalancerOf = (s: KubeObject): LoadBalancer => ({
  service: refOf(s),
  addresses: listOf(dictOf(dictOf(s['status'])['loadBalancer'])['ingress'])
    .map((i) => textOf(i['ip']) ?? textOf(i['hostname']))
    .filter((a) => a !== undefined),
  ports: listOf(dictOf(s['spec'])['ports']).map((p) => numberOf(p['port']) ?? 0),
});

/** The same of one Service, whoever made it; `undefined` when there is none of this name. Throws KubeError. */
export async function loadBalancerAt(
  api: KubeApi,
  at: { namespace: string; name: string },
): Promise<LoadBalancer | undefined> {
  const found = await api.get({ group: '', kind: 'Service', namespace: at.namespace, name: at.name });
  return found === undefined ? undefined : loadBalancerOf(found);
}
