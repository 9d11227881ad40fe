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
}

const stop = (signal: AbortSignal): { stop: AbortSignal } => ({ stop: signal });

/** The plan of the fleet's objects, for clusters of these presences. */
export async function planFleet(
  e: Engine,
  outputs: Outputs,
  presence: Readonly<Record<string, Presence>>,
  only?: readonly string[],
): Promise<FleetPlan> {
  const clusters = e.config.clusters
    .filter((c) => only === undefined || only.includes(c.name))
    .map((c) => {
      const api = e.kube(c.name, outputs);
      return {
        name: c.name,
        presence: presence[c.name] ?? (c.cloud === 'existing' ? 'present' : 'absent'),
        ...(api === undefined ? {} : { api }),
      };
    });
  return await fleetPlan({ config: e.config, apps: allApps(e, outputs), clusters, complete: true }, e.fleet);
}

/** Plans clouds, clusters and DNS into one value. Throws the faults of what a person wrote. */
export async function makePlan(e: Engine, scope: PlanScope): Promise<Plan> {
  const refused = refusedBy((await e.preflight?.(await e.outputs(), scope.only)) ?? []);
  const infra = await infraPlan(
    { ...e.infra, refused, ...(scope.only === undefined ? {} : { only: scope.only }) },
    stop(scope.signal),
  );
  const outputs = await e.outputs();
  const [fleet, traffic] = await Promise.all([
    planFleet(e, outputs, infra.presence, scope.only),
    e.config.dns === undefined ? Promise.resolve(undefined) : e.traffic.plan(outputs),
  ]);
  return planOf(infra, fleet, traffic);
}
