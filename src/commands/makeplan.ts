import { appsOf, type FleetApp, type FleetPlan, fleetPlan, type Versions } from '../fleet/index.ts';
import { type InfraPlan, infraPlan, type Outputs, type Presence, refusedBy } from '../infra/index.ts';
import { type Cloud, type Journal, problemOf, TwError, toJson } from '../kernel/index.ts';
import { stateNames } from '../state/index.ts';
import { differing, type Plan, planOf } from './plan.ts';
import type { Engine } from './ports.ts';
import { type Live, liveVersions } from './release/live.ts';

/** Apps of the config and the product's own. */
async function allApps(e: Engine, outputs: Outputs, versions: Versions): Promise<FleetApp[]> {
  const own = [e.traffic.systemApp(outputs), e.gateway.systemApp(), await e.coordination?.systemApp(outputs)];
  const state = await e.state.systemApps(outputs);
  return [...own.filter((a) => a !== undefined), ...state, ...appsOf(e.config, versions).map((a) => named(e, a))];
}

/** An app with shared state finds it under names of its own namespace. */
function named(e: Engine, unit: FleetApp): FleetApp {
  const app = e.config.apps.find((a) => a.name === unit.name);
  if (app === undefined || app.state.mode === 'isolated') return unit;
  return { ...unit, extra: stateNames({ ...app, state: app.state }) };
}

/** Throws what makes the state of an app impossible to have. */
async function refuseState(e: Engine, outputs: Outputs): Promise<void> {
  const [problem] = (await e.state.plans(outputs)).flatMap((p) => p.faults);
  if (problem !== undefined) throw new TwError(problem);
}

export interface PlanScope {
  /** Clusters by name; all of the fleet when absent. */
  only?: readonly string[];
  signal: AbortSignal;
  /** Nothing will be applied: a root that another run holds is told at once, with who holds it. */
  look?: boolean;
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
  /** Apps by name; all when absent. */
  apps?: readonly string[];
  /** What the switches say runs where; asked for when absent. */
  live?: Live;
}

const stop = (signal: AbortSignal): { stop: AbortSignal } => ({ stop: signal });

const firstGuess = (cloud: Cloud): Presence => (cloud === 'existing' ? 'present' : 'absent');

/** The plan of the fleet's objects, for clusters of these presences. */
export async function planFleet(
  e: Engine,
  outputs: Outputs,
  presence: Readonly<Record<string, Presence>>,
  scope: FleetScope = {},
): Promise<FleetPlan> {
  const { versions, blind } = scope.live ?? (await liveVersions(e, outputs));
  const clusters = e.config.clusters
    .filter((c) => scope.only === undefined || scope.only.includes(c.name))
    .map((c) => {
      const api = e.kube(c.name, outputs);
      return {
        name: c.name,
        presence: blind[c.name] === undefined ? (presence[c.name] ?? firstGuess(c.cloud)) : ('unknown' as const),
        ...(api === undefined ? {} : { api }),
      };
    });
  return await fleetPlan(
    {
      config: e.config,
      apps: await allApps(e, outputs, versions),
      clusters,
      complete: true,
      ...(scope.apps === undefined ? {} : { only: scope.apps }),
      ...(scope.born === true ? {} : { identities: identities(e) }),
      ...(scope.deletes === undefined ? {} : { allow: { deletes: scope.deletes } }),
    },
    e.fleet,
  );
}

const withheld = (p: FleetPlan): boolean =>
  p.clusters.some((c) => c.apps.some((a) => a.problems.some((x) => x.code === 'TW3030')));

type Presences = Readonly<Record<string, Presence>>;

/** What the state files say; terraform's plan may know better. */
function expected(e: Engine, outputs: Outputs): Presences {
  const built = (name: string): Presence => (outputs[name] === undefined ? 'absent' : 'present');
  return Object.fromEntries(
    e.config.clusters.filter((c) => c.cloud !== 'existing').map((c) => [c.name, built(c.name)]),
  );
}

/** The plan of a few apps in the clusters that stand, with what has to go there. */
export async function planApps(e: Engine, outputs: Outputs, apps: readonly string[]): Promise<FleetPlan> {
  const presence = expected(e, outputs);
  const plan = await planFleet(e, outputs, presence, { apps });
  return withheld(plan) ? await planFleet(e, outputs, presence, { apps, deletes: plan.id }) : plan;
}

/** Starts a part whose failure is told when its turn comes, not while others still work. */
function started<T>(work: Promise<T>): Promise<() => T> {
  return work.then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error;
    },
  );
}

/** A look is written down where that can be done, and is one without. */
const looking = (journal: Journal): Journal => ({
  ...journal,
  append: (entry) => {
    try {
      return journal.append(entry);
    } catch (error) {
      if (problemOf(error).code !== 'TW8010') throw error;
      return { ...entry, offset: 0, at: 0 };
    }
  },
});

const journalFor = (e: Engine, { look }: PlanScope): Journal =>
  look === true ? looking(e.infra.journal) : e.infra.journal;

/** Terraform plans every root that the clouds do not refuse; they are asked beside it. */
function planInfra(e: Engine, outputs: Outputs, scope: PlanScope): Promise<InfraPlan> {
  const refused = (e.preflight?.(outputs, scope.only) ?? Promise.resolve([])).then(refusedBy);
  refused.catch(() => undefined); // told by the plans that wait for it
  const only = scope.only === undefined ? {} : { only: scope.only };
  const lock = scope.look === true ? { lockSeconds: 0 } : {};
  return infraPlan({ ...e.infra, journal: journalFor(e, scope), refused, ...only, ...lock }, stop(scope.signal));
}

/** Plans clouds, clusters and DNS side by side into one value, and keeps what differs. Throws the faults of what a person wrote. */
export async function makePlan(e: Engine, scope: PlanScope): Promise<Plan> {
  const plan = await wholePlan(e, scope);
  journalFor(e, scope).append({ kind: 'command.plan', data: toJson({ plan: plan.id, differs: differing(plan) }) });
  return plan;
}

async function wholePlan(e: Engine, scope: PlanScope): Promise<Plan> {
  const { only } = scope;
  const outputs = await e.outputs();
  await refuseState(e, outputs);
  const guess = expected(e, outputs);
  // first the slowest: terraform works while this process loads what talks to the clusters
  const clouds = started(planInfra(e, outputs, scope));
  const objects = started(planFleet(e, outputs, guess, { only }));
  const names = started(e.config.dns === undefined ? Promise.resolve(undefined) : e.traffic.plan(outputs));
  const prices = started(e.state.prices(outputs));
  const infra = (await clouds)();
  const guessed = Object.keys(guess).every((name) => guess[name] === (infra.presence[name] ?? 'absent'));
  const early = (await objects)();
  const fleet = guessed ? early : await planFleet(e, outputs, infra.presence, { only });
  const plan = planOf(infra, fleet, (await names)(), (await prices)());
  if (scope.confirmed !== plan.id || !withheld(fleet)) return plan;
  return planOf(
    infra,
    await planFleet(e, outputs, infra.presence, { only, deletes: fleet.id }),
    plan.traffic,
    plan.state,
  );
}
