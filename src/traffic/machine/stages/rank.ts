import { km } from '../../../kernel/index.ts';
import type { Serve, Site } from '../../model.ts';
import { rttTo } from '../map.ts';
import type { Case } from './filters.ts';

/** The best by a cost takes all; unknown costs come last, ties go to the order of the sites. */
function best(sites: readonly Site[], cost: (s: Site) => number | undefined): number[] {
  const costs = sites.map((s) => cost(s) ?? Number.POSITIVE_INFINITY);
  const least = costs.indexOf(Math.min(...costs));
  return sites.map((_, i) => (i === least ? 1 : 0));
}

function byWeights(sites: readonly Site[], weights: Readonly<Record<string, number>>): number[] {
  const shares = sites.map((s) => weights[s.cluster] ?? 0);
  // Only clusters of weight 0 are left: they share evenly, since an answer is better than none.
  return shares.some((w) => w > 0) ? shares : sites.map(() => 1);
}

function byOrder(sites: readonly Site[], order: readonly (readonly string[])[]): number[] {
  const group = order.find((g) => sites.some((s) => g.includes(s.cluster)));
  return sites.map((s) => (group === undefined || group.includes(s.cluster) ? 1 : 0));
}

/** Shares (any scale) of the sites that passed every filter; not empty, in the same order. */
export function rank(c: Case, sites: readonly Site[]): number[] {
  if (sites.length === 0) return [];
  const serve: Serve = c.intent.serve;
  switch (serve.by) {
    case 'fastest':
      return best(sites, (s) => rttTo(c.world.map, c.client, s)?.ms);
    case 'nearest': {
      const place = c.client.place;
      return best(sites, (s) => (place === undefined ? rttTo(c.world.map, c.client, s)?.ms : km(place, s.place)));
    }
    case 'weights':
      return byWeights(sites, serve.weights);
    case 'order':
      return byOrder(sites, serve.order);
  }
}
