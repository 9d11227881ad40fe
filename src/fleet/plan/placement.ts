import type { Placement } from '../../config/index.ts';
import { own } from '../../kernel/index.ts';
import type { ClusterFacts, Decision, Presence } from '../model.ts';

/** Returns the reason why the cluster does not fit, or nothing. */
type Predicate = (c: ClusterFacts, p: Placement) => string | undefined;

const byName: Predicate = (c, p) =>
  p.clusters === undefined || p.clusters.includes(c.name) ? undefined : `not among the named clusters`;

const byCloud: Predicate = (c, p) =>
  p.clouds === undefined || p.clouds.includes(c.cloud)
    ? undefined
    : `cloud ${c.cloud} is not one of ${p.clouds.join(', ')}`;

const byRegion: Predicate = (c, p) =>
  p.regions === undefined || p.regions.includes(c.region)
    ? undefined
    : `region ${c.region} is not one of ${p.regions.join(', ')}`;

const byLabels: Predicate = (c, p) => {
  for (const [key, want] of Object.entries(p.selector ?? {})) {
    const has = own(c.labels, key);
    if (has === undefined) return `has no label ${key}`;
    if (has !== want) return `label ${key} is ${has}, not ${want}`;
  }
  return undefined;
};

const PREDICATES: readonly Predicate[] = [byName, byCloud, byRegion, byLabels];

/** Every cluster with the decision and all reasons against it; sorted by name. */
export function place(
  app: string,
  placement: Placement,
  clusters: readonly { facts: ClusterFacts; presence: Presence }[],
): Decision[] {
  return clusters
    .map(({ facts, presence }) => {
      const reasons = PREDICATES.map((p) => p(facts, placement)).filter((r) => r !== undefined);
      if (presence === 'leaving') reasons.push('is being removed');
      return { app, cluster: facts.name, placed: reasons.length === 0, reasons };
    })
    .toSorted((a, b) => (a.cluster < b.cluster ? -1 : 1));
}

/** Of these clusters, those that carry the app by the words of its placement, in their order. */
export const placedOn = <C extends ClusterFacts>(
  app: { name: string; placement: Placement },
  clusters: readonly C[],
): C[] =>
  clusters.filter((facts) => place(app.name, app.placement, [{ facts, presence: 'present' }]).every((d) => d.placed));
