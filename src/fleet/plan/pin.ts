import type { KubeObject } from '../model.ts';
import { dictOf, numberOf } from './objects.ts';

interface Scaled {
  /** The object and field that say how many there are at least. */
  spec: Record<string, unknown>;
  field: 'minReplicas' | 'replicas';
  own: number;
}

function scaledOf(d: KubeObject, scalers: readonly KubeObject[]): Scaled {
  const hpa = scalers.find((o) => dictOf(dictOf(o['spec'])['scaleTargetRef'])['name'] === d.metadata.name);
  const spec = dictOf((hpa ?? d)['spec']);
  const field = hpa === undefined ? 'replicas' : 'minReplicas';
  return { spec, field, own: Math.max(1, numberOf(spec[field]) ?? 1) };
}

/**
 * Raises the least replicas of a version's Deployments (of their autoscalers where they have one) to
 * `replicas` together, in proportion to their own; never lowers one. Changes the objects in place.
 */
export function pin(objects: readonly KubeObject[], replicas: number): void {
  const scalers = objects.filter((o) => o.kind === 'HorizontalPodAutoscaler');
  const all = objects.filter((o) => o.kind === 'Deployment').map((d) => scaledOf(d, scalers));
  const total = all.reduce((n, s) => n + s.own, 0);
  for (const s of all) {
    const wanted = Math.ceil((replicas * s.own) / total);
    if (wanted <= s.own) continue;
    s.spec[s.field] = wanted;
    const most = numberOf(s.spec['maxReplicas']);
    if (most !== undefined && most < wanted) s.spec['maxReplicas'] = wanted;
  }
}
