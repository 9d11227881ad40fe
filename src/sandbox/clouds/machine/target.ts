import type { Chaos, ChaosKind, CloudName, Obj, Selector, Verb, Who } from '../model.ts';
import { clusterLabel } from '../rules/rule.ts';
import { str, stringMap } from '../values.ts';

/** What a chaos selector can look at. */
export interface Target {
  cloud: CloudName;
  region: string;
  cluster: string;
  type: string;
  name: string;
  verb: Verb;
}

/** Region of an object: its own attribute, its location, else the caller's. */
export function regionOf(attrs: Obj, who: Who): string {
  const place = str(attrs.location) || str(attrs.region);
  if (who.cloud === 'gcp') return place.replace(/-[a-z]$/, '') || who.region;
  return place || who.region;
}

const NAMES = ['name', 'node_group_name', 'account_id', 'addon_name', 'cluster_name', 'resource_group_name'] as const;

export function nameOf(attrs: Obj): string {
  for (const n of NAMES) if (str(attrs[n])) return str(attrs[n]);
  return '';
}

export function targetOf(o: { who: Who; type: string; attrs: Obj; verb: Verb; id: string }): Target {
  const tags = {
    ...o.who.tags,
    ...stringMap(o.attrs.tags),
    ...stringMap(o.attrs.labels),
    ...stringMap(o.attrs.resource_labels),
  };
  const owner =
    str(o.attrs.cluster_name) || str(o.attrs.cluster) || str(o.attrs.kubernetes_cluster_id) || nameOf(o.attrs);
  const cluster = clusterLabel(tags) ?? owner.slice(owner.lastIndexOf('/') + 1);
  return {
    cloud: o.who.cloud,
    region: regionOf(o.attrs, o.who),
    cluster,
    type: o.type,
    name: nameOf(o.attrs) || o.id,
    verb: o.verb,
  };
}

function fits(where: Selector, t: Target): boolean {
  const keys = ['cloud', 'region', 'type', 'name', 'verb'] as const;
  return fitsCluster(where.cluster, t) && keys.every((k) => where[k] === undefined || where[k] === t[k]);
}

/** A cluster may be named as in the config (`sao`) or as its resource (`guestbook-demo-sao`). */
const fitsCluster = (wanted: string | undefined, t: Target): boolean =>
  wanted === undefined || t.cluster === wanted || t.cluster.endsWith(`-${wanted}`);

/** The first chaos of a kind that is in force for this target. */
export function inForce(chaos: readonly Chaos[], what: ChaosKind, t: Target, now: number): Chaos | undefined {
  return chaos.find(
    (c) => c.what === what && now >= c.from && (c.until === undefined || now < c.until) && fits(c.where, t),
  );
}
