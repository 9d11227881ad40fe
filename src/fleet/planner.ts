import type { Config } from '../config/index.ts';
import { fault, type Problem, TwError } from '../kernel/index.ts';
import { applysetId } from './applyset.ts';
import { kubeFault } from './faults.ts';
import { keepOld, type Left, type Move } from './migrate.ts';
import type {
  AppPlan,
  ClusterFacts,
  ClusterPlan,
  Decision,
  DesiredSet,
  Division,
  FleetApp,
  FleetPlan,
  Presence,
  Rendered,
  UnitOf,
} from './model.ts';
import { patient } from './patient.ts';
import { appName, desire, missFault, nothing } from './plan/desired.ts';
import { type Allow, type FoldContext, foldItem, foldLeftovers, type Reading } from './plan/fold.ts';
import { keepFound } from './plan/found.ts';
import { keyOf, sayRef } from './plan/objects.ts';
import { idleOverrides } from './plan/override.ts';
import { place } from './plan/placement.ts';
import { guardDeletes } from './plan/policy.ts';
import { divisionOf } from './plan/replicas.ts';
import { blastOf, planId } from './plan/summary.ts';
import type { FleetPorts, KubeApi } from './ports.ts';
import { checkReferences, type Held, heldOf, readLeftovers, readSet, type Survey, survey } from './survey.ts';

export interface PlanCluster {
  name: string;
  presence: Presence;
  api?: KubeApi;
}
export interface PlanInput {
  config: Pick<Config, 'fleet' | 'clusters'>;
  apps: readonly FleetApp[];
  /** Those to plan for; placement and division always see every cluster of the config. */
  clusters: readonly PlanCluster[];
  /** Names of the units of `apps` that are planned; the others still count for placement and division. */
  only?: readonly string[];
  /** `apps` is every app of the fleet, so what the inventories hold of others is left over. */
  complete?: boolean;
  /** uid of kube-system by cluster, as last seen. */
  identities?: Readonly<Record<string, string>>;
  allow?: Allow;
}

export const managerOf = (app: string): string => `tw-${app}`;

interface Contact {
  cluster: PlanCluster;
  facts: ClusterFacts;
  survey?: Survey;
  skipped?: Problem;
}
interface Draft {
  input: PlanInput;
  ports: FleetPorts;
  contacts: readonly Contact[];
  rendered: ReadonlyMap<string, readonly Rendered[]>;
  decisions: readonly Decision[];
  divisions: ReadonlyMap<string, ReadonlyMap<string, Division>>;
  warnings: string[];
}

const isUnborn = (p: Presence): boolean => p === 'absent' || p === 'not-yet' || p === 'rebuilding';

async function renderApp(app: FleetApp, ports: FleetPorts): Promise<readonly Rendered[]> {
  if ('objects' in app.source) {
    const origin = { file: `(app ${app.name})` };
    return app.source.objects.map((body) => ({ body, origin }));
  }
  const { objects } = await ports.renderer.render(app.name, app.source.manifests);
  if (objects.length === 0)
    throw fault('TW3002', {
      value: app.name,
      where: app.source.manifests.map((file) => ({ file })),
      why: ['there is no object in it'],
    });
  return objects;
}

/** The rendered objects plus what the app has for this cluster alone. */
function renderedFor(d: Draft, app: FleetApp, cluster: string): readonly Rendered[] {
  const extra = (app.extra ?? []).map((body) => ({ body, origin: { file: `(state of ${app.name})` } }));
  const common = [...(d.rendered.get(appName(app)) ?? []), ...extra];
  if (!('objects' in app.source)) return common;
  const own = app.source.perCluster?.[cluster] ?? [];
  return [...common, ...own.map((body) => ({ body, origin: { file: `(app ${app.name}, ${cluster})` } }))];
}

async function contact(input: PlanInput, ports: FleetPorts, cluster: PlanCluster): Promise<Contact> {
  const facts = input.config.clusters.find((c) => c.name === cluster.name);
  if (facts === undefined) throw new TypeError(`cluster ${cluster.name} is not in the config`);
  if (isUnborn(cluster.presence)) return { cluster, facts };
  if (cluster.presence === 'unknown' || cluster.api === undefined) {
    const skipped = fault('TW3012', {
      value: cluster.name,
      where: [{ cluster: cluster.name }],
      why: ['nothing is known of this cluster now'],
    }).problem;
    return { cluster, facts, skipped };
  }
  try {
    const found = await survey(patient(cluster.api, { clock: ports.clock }), cluster.name, input.config.fleet);
    const known = input.identities?.[cluster.name];
    if (known === undefined || known === found.identity) return { cluster, facts, survey: found };
    const skipped = fault('TW3011', {
      value: cluster.name,
      where: [{ cluster: cluster.name }],
      why: [`known as ${known}, now ${found.identity}`],
      fix: [{ say: 'If it was rebuilt on purpose, let the fleet forget the old one first.' }],
    }).problem;
    return { cluster, facts, skipped };
  } catch (e) {
    if (!(e instanceof TwError)) throw e;
    return { cluster, facts, skipped: e.problem };
  }
}

function decide(input: PlanInput): Decision[] {
  // Over the whole fleet, whatever part of it is planned now: else a total would be divided over that part.
  const clusters = input.config.clusters.map((facts) => ({
    facts,
    presence: input.clusters.find((c) => c.name === facts.name)?.presence ?? ('present' as const),
  }));
  return input.apps.flatMap((app) => {
    const decisions = place(app.name, app.placement, clusters);
    // What is said of a whole app is said of its shared unit.
    if (app.unit?.version !== undefined) return decisions;
    if (decisions.some((d) => d.placed)) {
      const placed = clusters
        .map((c) => c.facts)
        .filter((f) => decisions.some((d) => d.placed && d.cluster === f.name));
      const idle = idleOverrides(app.overrides, placed);
      if (idle.length > 0) throw missFault(app.name, idle);
      return decisions;
    }
    throw fault('TW3005', {
      value: app.name,
      where: decisions.map((d) => ({ cluster: d.cluster })),
      why: decisions.map((d) => `${d.cluster}: ${d.reasons.join('; ')}`),
    });
  });
}

function divide(
  input: PlanInput,
  decisions: readonly Decision[],
  contacts: readonly Contact[],
): Map<string, Map<string, Division>> {
  return new Map(
    input.apps.map((app) => {
      // The total is divided over all clusters of the app, wherever the version of a unit runs.
      const placed = decisions.filter((d) => d.app === appName(app) && d.placed).map((d) => d.cluster);
      const before = contacts.flatMap((c) => {
        const division = heldOf(c.survey, app)?.inventory?.division;
        return division === undefined ? [] : [[c.cluster.name, division] as const];
      });
      return [app.name, divisionOf(appName(app), app.replicas, placed, new Map(before))];
    }),
  );
}

const isPlaced = (d: Draft, app: string, cluster: string): boolean =>
  d.decisions.some((x) => x.app === app && x.cluster === cluster && x.placed);

/** The app as this cluster has it: shared objects follow the live version, pinned replicas stay pinned. */
function asIn(app: FleetApp, c: Contact): FleetApp {
  const { unit } = app;
  if (unit === undefined) return app;
  if (unit.version === undefined) return { ...app, version: unit.live[c.cluster.name] ?? app.version };
  const atLeast = unit.atLeast ?? heldOf(c.survey, app)?.inventory?.atLeast;
  return atLeast === undefined ? app : { ...app, unit: { ...unit, atLeast } };
}

/** A version that is not asked for where its app runs is left to its release. */
function setWithout(d: Draft, app: FleetApp, cluster: string): DesiredSet | undefined {
  const { unit } = app;
  if (unit?.version === undefined) return nothing(app, cluster);
  if (isPlaced(d, unit.app, cluster)) return undefined;
  return nothing({ ...app, keep: { app: unit.app, version: unit.version } }, cluster);
}

function setFor(d: Draft, whole: FleetApp, c: Contact): DesiredSet | undefined {
  const name = c.cluster.name;
  const app = asIn(whole, c);
  if (!isPlaced(d, app.name, name)) return setWithout(d, app, name);
  const division = d.divisions.get(app.name)?.get(name);
  const total = app.replicas === 'same' ? 0 : app.replicas.total;
  const first = d.input.apps.find((a) => a.namespace === app.namespace && isPlaced(d, a.name, name));
  return desire(
    {
      fleet: d.input.config.fleet,
      app,
      rendered: renderedFor(d, app, name),
      cluster: c.facts,
      pull: app.pull.map((p) => ({
        registry: p.registry,
        username: d.ports.secret(p.username),
        password: d.ports.secret(p.password),
      })),
      part: applysetId(app.name, app.namespace),
      key: d.ports.key,
      foreignNamespace: first?.name !== app.name,
      ...(division === undefined ? {} : { division }),
    },
    division === undefined || total === 0 ? 1 : division.count / total,
  );
}

/** Refuses one object in two apps of a cluster. Throws TW3003. */
function disjoint(sets: readonly DesiredSet[]): void {
  const seen = new Map<string, string>();
  for (const set of sets)
    for (const item of set.items) {
      const other = seen.get(keyOf(item.ref));
      if (other !== undefined)
        throw fault('TW3003', {
          value: sayRef(item.ref),
          where: [
            { cluster: set.cluster, resource: other },
            { cluster: set.cluster, resource: set.app, file: item.origin.file },
          ],
          why: [`apps ${other} and ${set.app} both bring it`],
        });
      seen.set(keyOf(item.ref), set.app);
    }
}

/** A version of an app that still runs here: its release ends it, whatever the config says meanwhile. */
function isKept(d: Draft, c: Contact, h: Held): boolean {
  const app = d.input.apps.find((a) => a.name === h.keep?.app && a.namespace === h.namespace);
  if (app === undefined || !isPlaced(d, app.name, c.cluster.name)) return false;
  if (app.unit === undefined)
    d.warnings.push(
      `${c.cluster.name}: ${h.app} still runs; ${app.name} has no release block any more, so nothing ends that version`,
    );
  return true;
}

/** Apps that the cluster holds and the fleet has no more. */
function retired(d: Draft, c: Contact): DesiredSet[] {
  if (d.input.complete !== true) return [];
  const known = new Set(d.input.apps.map((a) => `${a.namespace}/${a.name}`));
  return (c.survey?.held ?? [])
    .filter((h) => !known.has(`${h.namespace}/${h.app}`) && !isKept(d, c, h))
    .map(({ app: name, namespace, inventory, keep }) =>
      nothing(
        { name, namespace, version: inventory?.version ?? '', ...(keep === undefined ? {} : { keep }) },
        c.cluster.name,
      ),
    );
}

async function readings(d: Draft, c: Contact, set: DesiredSet): Promise<Map<string, Reading>> {
  const api = apiOf(d, c);
  if (api === undefined) return new Map(set.items.map((i) => [keyOf(i.ref), { at: 'absent', simulated: true }]));
  const allow = d.input.allow ?? {};
  const before = heldOf(c.survey, { name: set.app, namespace: set.namespace })?.inventory !== undefined;
  return readSet({ api, cluster: c.cluster.name, manager: managerOf(set.app), allow, before }, set);
}

function apiOf(d: Draft, c: Contact): KubeApi | undefined {
  const { presence, api } = c.cluster;
  return isUnborn(presence) || api === undefined ? undefined : patient(api, { clock: d.ports.clock });
}

const unitOf = (d: Draft, set: DesiredSet): UnitOf | undefined =>
  d.input.apps.find((a) => a.name === set.app && a.namespace === set.namespace)?.unit;

async function leftOf(m: Move, context: FoldContext): Promise<Left> {
  const { inventory } = context;
  return keepOld(m, foldLeftovers(await readLeftovers(m.api, inventory, m.all), context), inventory);
}

async function planApp(
  d: Draft,
  c: Contact,
  set: DesiredSet,
  all: readonly DesiredSet[],
): Promise<AppPlan | undefined> {
  const api = apiOf(d, c);
  const { inventory, problem } = heldOf(c.survey, { name: set.app, namespace: set.namespace }) ?? {};
  if (set.items.length === 0 && inventory === undefined) return undefined;
  d.warnings.push(...(await checkReferences(set, all, api)));
  const context = {
    cluster: c.cluster.name,
    fleet: d.input.config.fleet,
    app: set.app,
    part: applysetId(set.app, set.namespace),
    manager: managerOf(set.app),
    inventory,
    allow: d.input.allow ?? {},
  };
  const read = await readings(d, c, set);
  const ops = set.items.map((i) => foldItem(i, read.get(keyOf(i.ref)) ?? { at: 'absent', simulated: true }, context));
  const left =
    api === undefined ? { ops: [], withheld: [] } : await leftOf({ api, set, unit: unitOf(d, set), all }, context);
  return keepFound({
    app: set.app,
    namespace: set.namespace,
    version: set.version,
    epoch: inventory?.epoch ?? 0,
    ops: [...ops, ...left.ops],
    desired: set,
    ...(inventory === undefined ? {} : { inventory }),
    withheld: left.withheld,
    problems: problem === undefined ? [] : [problem],
  });
}

async function planCluster(d: Draft, c: Contact, sets: readonly DesiredSet[]): Promise<ClusterPlan> {
  const name = c.cluster.name;
  if (c.skipped !== undefined) return { name, identity: 'unknown', apps: [], skipped: c.skipped };
  try {
    const apps = await Promise.all(sets.map((set) => planApp(d, c, set, sets)));
    return { name, identity: c.survey?.identity ?? 'not-yet', apps: apps.filter((a) => a !== undefined) };
  } catch (e) {
    // What a person wrote is thrown; what the cluster says concerns this cluster alone.
    if (e instanceof TwError) throw e;
    return { name, identity: 'unknown', apps: [], skipped: kubeFault(e, name).problem };
  }
}

/**
 * What would have to be done so that every cluster holds its apps: read only, real diffs per cluster.
 * A cluster that does not exist yet gets creates only and is not contacted; one that does not answer
 * is skipped with its reason. Throws TW3001-TW3007 for what a person wrote.
 */
export async function fleetPlan(input: PlanInput, ports: FleetPorts): Promise<FleetPlan> {
  const decisions = decide(input);
  const planned = input.apps.filter((a) => input.only?.includes(a.name) !== false);
  const sources = new Map(planned.map((a) => [appName(a), a]));
  const [objects, contacts] = await Promise.all([
    Promise.all([...sources].map(async ([name, a]) => [name, await renderApp(a, ports)] as const)),
    Promise.all(input.clusters.map((c) => contact(input, ports, c))),
  ]);
  const draft: Draft = {
    input,
    ports,
    contacts,
    rendered: new Map(objects),
    decisions,
    divisions: divide(input, decisions, contacts),
    warnings: [],
  };
  const sets = contacts.map((c) => [
    ...planned.map((a) => setFor(draft, a, c)).filter((s) => s !== undefined),
    ...retired(draft, c),
  ]);
  sets.forEach(disjoint);
  const clusters = await Promise.all(contacts.map((c, i) => planCluster(draft, c, sets[i] ?? [])));
  const id = planId(input.config.fleet, clusters, decisions);
  const guarded = clusters.map((c) => ({
    ...c,
    apps: c.apps.map((a) => guardDeletes(c.name, a, id, input.allow?.deletes)),
  }));
  return {
    id,
    fleet: input.config.fleet,
    clusters: guarded,
    placement: decisions,
    blast: blastOf(guarded),
    warnings: draft.warnings,
  };
}
