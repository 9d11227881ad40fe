import type { KubeObject, Rendered, UnitOf } from '../model.ts';
import { closureOf } from './closure.ts';
import { copy, dictOf, keyOf, podTemplateOf, refOf } from './objects.ts';
import { podLabels } from './select.ts';
import { LABELS } from './shape.ts';
import { unfit } from './unfit.ts';
import { ofVersion } from './versioned.ts';

export interface Split {
  /** What the unit brings. */
  objects: Rendered[];
  /** Keys of the objects, by their own names, that exist once per version or are the switch. */
  replaced: string[];
  /** Why the app cannot run in two versions; empty = it can. */
  reasons: string[];
}
/** Shared pods belong to no version. */
function unversioned(o: KubeObject): KubeObject {
  const labels = podLabels(o);
  if (labels[LABELS.version] === undefined) return o;
  const out = copy(o);
  delete dictOf(dictOf(podTemplateOf(out)?.['metadata'])['labels'])[LABELS.version];
  return out;
}

/**
 * The part of an app's finished objects (overrides and version are done) that one unit brings. The
 * Service is part of every version unit, or of none where it is the switch itself.
 */
export function splitUnit(all: readonly Rendered[], unit: UnitOf, namespace: string): Split {
  const bodies = all.map((r) => r.body);
  const c = closureOf(bodies, unit, namespace);
  const reasons = unfit(bodies, c, unit, namespace);
  const versioned = new Set<KubeObject>([...c.deployments, ...c.scalers, ...c.configs]);
  if (c.service !== undefined && unit.driver === 'httproute') versioned.add(c.service);
  const replaced = [...versioned, ...(c.service === undefined ? [] : [c.service])].map((o) => keyOf(refOf(o)));
  const { version } = unit;
  if (version === undefined) {
    const shared = all.filter((r) => !versioned.has(r.body) && r.body !== c.service);
    return {
      objects: shared.map((r) => ({ ...r, body: unversioned(r.body) })),
      replaced: [...new Set(replaced)],
      reasons,
    };
  }
  const names = new Set([...versioned].map((o) => `${o.kind}/${o.metadata.name}`));
  const own = all.filter((r) => versioned.has(r.body));
  const objects = own.map((r) => ({ ...r, body: ofVersion(r.body, { version, names }) }));
  return { objects, replaced: [...new Set(replaced)], reasons };
}
