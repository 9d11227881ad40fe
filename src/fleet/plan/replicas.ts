import type { Replicas } from '../../config/index.ts';
import { digest, fault, toJson } from '../../kernel/index.ts';
import type { Division } from '../model.ts';
import { divide, type Member } from './division.ts';

/** Weights per cluster; `*` is the default, a cluster not listed has weight 0 when others are, else 1. */
function membersOf(replicas: Exclude<Replicas, 'same'>, clusters: readonly string[]): Member[] {
  const weights = replicas.weights ?? { '*': { weight: 1 } };
  return clusters.toSorted().map((name) => {
    const w = weights[name] ?? weights['*'] ?? { weight: 0 };
    return {
      name,
      weight: w.weight,
      ...(w.min === undefined ? {} : { min: w.min }),
      ...(w.max === undefined ? {} : { max: w.max }),
    };
  });
}

/**
 * The replicas of an app per placed cluster; nothing for `same`. `before`: what inventories say; the
 * division is sticky while weights, bounds and members are as before. Throws TW3005.
 */
export function divisionOf(
  app: string,
  replicas: Replicas,
  clusters: readonly string[],
  before: ReadonlyMap<string, Division>,
): Map<string, Division> {
  if (replicas === 'same') return new Map();
  const members = membersOf(replicas, clusters);
  const intent = digest(toJson(members));
  const sticky = members.every((m) => before.get(m.name)?.intent === intent);
  const current = members.map((m) => ({ ...m, current: before.get(m.name)?.count ?? 0 }));
  const divided = divide(replicas.total, current, sticky);
  if (!divided.ok)
    throw fault('TW3005', {
      value: app,
      where: [{ path: `apps.${app}.replicas` }],
      why: [divided.why],
    });
  return new Map(members.map((m) => [m.name, { intent, count: divided.counts[m.name] ?? 0 }]));
}
