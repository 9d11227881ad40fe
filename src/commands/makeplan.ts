import { appsOf, type FleetApp, type FleetPlan, fleetPlan } from '../fleet/index.ts';
import { infraPlan, type Outputs, type Presence, refusedBy } from '../infra/index.ts';
import { type Plan, planOf } from './plan.ts';
import type { Engine } from './ports.ts';

/** Apps of the config and the product's own. */
export function allApps(e: Engine, outputs: Outputs): FleetApp[] {
  const own = e.traffic.systemApp(outputs);
  return own === undefined ? appsOf(e.config) : [own, ...appsOf(e.config)];
}

export interface PlanScope {
  /** Clusters by name; all of the fleet when absent. */
  only?: readonly string[];
  signal: AbortSignal;
  /** Id of the plan a person confirmed: its deletions may be done. */
  confirmed?: string | undefined;
}

/** Who each cluster was when it was last written to; a cluster that is gone is forgotten. */
function identities(e: Engine): Record<string, string> {
  const known: Record<string, string> = {};
  for (const f of e.infra.journal.read()) {
    if (f.cluster === undefined) continue;
    const d = f.data as { uid?: string; state?: string };
    if (f.kind === 'fleet.identity' && d.uid !== undefined) known[f.cluster] = d.uid;
    if (f.kind === 'infra.state' && d.state === 'gone') delete known[f.cluster];
  }
  return known;
}

interface FleetScope {
  only?: readonly string[] | undefined;
  /** Clusters that were made by this command: nobody knew them before. */
  born?: boolean;
  /** Id of the fleet plan whose deletions were confirmed. */
  deletes?: string;
}

const stop = (signal: AbortSignal): { stop: AbortSignal } => ({ stop: signal });

/** The plan of the fleet's objects, for clusters of these presences. */
export async function planFleet(
  e: Engine,
  outputs: Outputs,
  presence: Readonly<Record<string, Presence>>,
  scope: FleetScope = {},
): Promise<FleetPlan> {
  const clusters = e.config.clusters
    .filter((c) => scope.only === undefined || scope.only.includes(c.name))
    .map((c) => {
      const api = e.kube(c.name, outputs);
      return {
        name: c.name,
        presence: presence[c.name] ?? (c.cloud === 'existing' ? 'present' : 'absent'),
        ...(api === undefined ? {} : { api }),
      };
    });
  return await fleetPlan(
    {
      config: e.config,
      apps: allApps(e, outputs),
      clusters,
      complete: true,
      ...(scope.born === true ? {} : { identities: identities(e) }),
      ...(scope.deletes === undefined ? {} : { allow: { deletes: scope.deletes } }),
    },
    e.fleet,
  );
}

const withheld = (p: FleetPlan): boolean =>
  p.clusters.some((c) => c.apps.some((a) => a.problems.some((x) => x.code === 'TW3030')));

/** Plans clouds, clusters and DNS into one value. Throws the faults of what a person wrote. */
export async function makePlan(e: Engine, scope: PlanScope): Promise<Plan> {
  const refused = refusedBy((await e.preflight?.(await e.outputs(), scope.only)) ?? []);
  const infra = await infraPlan(
    { ...e.infra, refused, ...(scope.only === undefined ? {} : { only: scope.only }) },
    stop(scope.signal),
  );
  const outputs = await e.outputs();
  const { only } = scope;
  const [fleet, traffic] = await Promise.all([
    planFleet(e, outputs, infra.presence, { only }),
    e.config.dns === undefined ? Promise.resolve(undefined) : e.traffic.plan(outputs),
  ]);
  const plan = planOf(infra, fleet, traffic);
  if (scope.confirmed !== plan.id || !withheld(fleet)) return plan;
  return planOf(infra, await planFleet(e, outputs, infra.presence, { only, deletes: fleet.id }), traffic);
}
