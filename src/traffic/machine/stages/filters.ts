import type { Intent, Reason, Residency, Site, Stage, Verdict, World } from '../../model.ts';
import { targetOf } from '../../model.ts';
import { inRegion } from '../geo.ts';
import { contains, parseCidr } from '../ip.ts';
import type { Resolved } from '../map.ts';

export interface Case {
  world: World;
  intent: Intent;
  client: Resolved;
}
/** One filter of the ladder: undefined lets the site pass, a reason refuses it. */
export type Filter = (c: Case, site: Site) => Reason | undefined;

const held = (c: Case, site: Site, kind: 'drain' | 'brake'): Reason | undefined => {
  const hold = c.world.holds.find(
    (h) => h.cluster === site.cluster && h.kind === kind && (h.until === undefined || h.until > c.world.now),
  );
  if (hold === undefined) return undefined;
  return { stage: kind, say: `${kind} by ${hold.by}: ${hold.why}`, since: hold.since, by: hold.by };
};

const placed: Filter = ({ intent }, site) => {
  const edge = site.edges[intent.app];
  if (edge === undefined) return { stage: 'placed', say: `${intent.app} does not run here` };
  if (edge.v4.length + edge.v6.length > 0) return undefined;
  const what = edge.name === undefined ? 'no address is known' : `${edge.name} has not resolved to an address`;
  return { stage: 'placed', say: what };
};

const brake: Filter = (c, site) => held(c, site, 'brake');

const covers = (name: string, client: Resolved): boolean => {
  const fence = parseCidr(name);
  if (fence === undefined) return client.country !== undefined && inRegion(client.country, name);
  const row = client.prefix === null ? undefined : parseCidr(client.prefix);
  return row !== undefined && row.len >= fence.len && contains(fence, row.addr);
};

/** The first rule that names the client's prefix, country or group of countries. */
export function ruleFor(c: Case): Residency | undefined {
  return c.intent.residency.find((r) => r.from.some((name) => covers(name, c.client)));
}

const residency: Filter = (c, site) => {
  const rule = ruleFor(c);
  if (rule === undefined || rule.to.includes(site.cluster)) return undefined;
  const how = rule.strict ? 'must stay in' : 'prefer';
  return { stage: 'residency', say: `clients in ${c.client.country ?? c.client.prefix} ${how} ${rule.to.join(', ')}` };
};

/** Where an order is wanted, a cluster that may be alive keeps its place: the next one waits for a verdict. */
const counts = (v: Verdict, intent: Intent): boolean => v.state === 'down' || (v.lone && intent.serve.by !== 'order');

const health: Filter = ({ world, intent }, site) => {
  const verdict = world.health[targetOf(site.cluster, intent.app)];
  if (verdict === undefined || !counts(verdict, intent)) return undefined;
  if (verdict.state !== 'down') {
    const say = `not reached from here, and no other observer is heard: ${verdict.cause}`;
    return { stage: 'health', say, since: verdict.since };
  }
  const { down, of } = verdict.votes;
  const say = `down, ${down} of ${of} observers: ${verdict.cause}${verdict.unsure ? ' (unsure: last agreed)' : ''}`;
  return { stage: 'health', say, since: verdict.since };
};

const drain: Filter = (c, site) => {
  const hold = held(c, site, 'drain');
  if (hold !== undefined) return hold;
  const verdict = c.world.health[targetOf(site.cluster, c.intent.app)];
  return verdict?.held ? { stage: 'drain', say: 'the cluster itself asked to be taken out' } : undefined;
};

const capacity: Filter = (c, site) => {
  const limit = c.intent.capacity[site.cluster];
  const rate = c.world.load[site.cluster];
  if (limit === undefined || rate === undefined || rate <= limit) return undefined;
  return { stage: 'capacity', say: `${Math.round(rate)}/s of ${limit}/s` };
};

/** In the order in which a site meets them. */
export const FILTERS: readonly { stage: Stage; filter: Filter }[] = [
  { stage: 'placed', filter: placed },
  { stage: 'brake', filter: brake },
  { stage: 'residency', filter: residency },
  { stage: 'health', filter: health },
  { stage: 'drain', filter: drain },
  { stage: 'capacity', filter: capacity },
];
