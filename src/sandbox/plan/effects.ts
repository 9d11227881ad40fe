import type { Chaos, Link } from '../model.ts';
import { isCloudKind, linkEnds, selectorOf, siteOf, type Topology } from './chaos.ts';

/** Names of the machines of a cluster, for `kill` and `pause`. */
export interface MachineNames {
  cluster: string;
  region: string;
  controlPlane: string;
  /** Kubernetes node name and machine name. */
  nodes: readonly { node: string; machine: string }[];
}
/** One order to tw-net: `wide` bends the ocean between two regions, for every site in them. */
export interface LinkOrder {
  from: string;
  to: string;
  both: boolean;
  wide: boolean;
  set: Partial<Link>;
}
/** What must hold in the world for a list of chaos; a plain value, so that healing is a difference of two. */
export interface Effects {
  dead: ReadonlySet<string>;
  paused: ReadonlySet<string>;
  /** WAN sites that reach no other. */
  cut: ReadonlySet<string>;
  /** Clusters whose machines reach only each other, with the addresses that are theirs. */
  apart: ReadonlyMap<string, { region: string; cidr: string }>;
  links: readonly LinkOrder[];
  clouds: readonly Chaos[];
}

function machinesOf(c: Chaos, all: readonly MachineNames[]): string[] {
  const { scope, name } = selectorOf(c.where);
  if (scope === 'node') return all.flatMap((m) => m.nodes.filter((n) => n.node === name).map((n) => n.machine));
  if (scope === 'process') return [name];
  return all
    .filter((m) => (scope === 'cluster' ? m.cluster : m.region) === name)
    .flatMap((m) => [m.controlPlane, ...m.nodes.map((n) => n.machine)]);
}

function sitesOf(c: Chaos, t: Topology): string[] {
  const { scope, name } = selectorOf(c.where);
  if (scope === 'operator' || scope === 'clouds') return [scope];
  return scope === 'cluster' ? [] : [siteOf(scope === 'users' ? `users-${name}` : name, t) ?? []].flat();
}

/** A region may hold several clusters; cutting one off leaves the others. */
function apartOf(list: readonly Chaos[], t: Topology): Effects['apart'] {
  const names = new Set(list.map((c) => c.where));
  const found = t.clusters.filter((c) => names.has(`cluster:${c.cluster}`));
  return new Map(found.map((c) => [c.cluster, { region: c.region, cidr: c.cidr }]));
}

/** `delay`, `jitter`, `loss`, `rate`, `cut` of a person → the fields of a link. */
const FIELDS: Readonly<Record<string, keyof Link>> = {
  delay: 'oneWayMs',
  jitter: 'jitterPct',
  loss: 'lossPct',
  rate: 'kbit',
  cut: 'cut',
};

function linksOf(list: readonly Chaos[], t: Topology): LinkOrder[] {
  return list.flatMap((c) => {
    const ends = c.kind === 'link' ? linkEnds(c.where, t) : { fault: '' };
    if ('fault' in ends) return [];
    const set = Object.fromEntries(
      Object.entries(c.args).flatMap(([k, v]) => (FIELDS[k] === undefined ? [] : [[FIELDS[k], v]])),
    );
    const wide = t.regions.includes(ends.from) && t.regions.includes(ends.to);
    return [{ ...ends, both: c.args['oneway'] !== true, wide, set }];
  });
}

/** The region table as the orders leave it, for `status`. */
export function bentLinks(base: readonly Link[], orders: readonly LinkOrder[]): Link[] {
  return base.map((link) =>
    orders
      .filter(
        (o) =>
          o.wide &&
          ((o.from === link.from && o.to === link.to) || (o.both && o.from === link.to && o.to === link.from)),
      )
      .reduce((l, o) => ({ ...l, ...o.set }), link),
  );
}

/** A list of chaos → the state it asks for. */
export function effectsOf(list: readonly Chaos[], t: Topology, machines: readonly MachineNames[]): Effects {
  const of = (kind: string): Chaos[] => list.filter((c) => c.kind === kind);
  return {
    dead: new Set(of('kill').flatMap((c) => machinesOf(c, machines))),
    paused: new Set(of('pause').flatMap((c) => machinesOf(c, machines))),
    cut: new Set(of('partition').flatMap((c) => sitesOf(c, t))),
    apart: apartOf(of('partition'), t),
    links: linksOf(list, t),
    clouds: list.filter((c) => isCloudKind(c.kind)),
  };
}
