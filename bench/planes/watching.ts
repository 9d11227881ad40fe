// What each cluster serves, and since when, as seen in the clusters themselves.
import { dictOf, textOf } from '../../src/fleet/index.ts';
import type { Obj } from './local.ts';
import type { Plane } from './plane.ts';

export const PATHS = [
  '/apis/gateway.networking.k8s.io/v1/httproutes',
  '/api/v1/services',
  '/apis/apps/v1/replicasets',
] as const;
const HASH = 'rollouts-pod-template-hash';

const imageOf = (o: Obj): string => /"image":"web:([^"]*)"/.exec(JSON.stringify(o.spec))?.[1] ?? '';
const sets = (p: Plane, ns: string): Obj[] =>
  [...p.latest.values()].filter((o) => o.metadata.namespace === ns && o.spec?.['template'] !== undefined);

/** Version that a switch names; a Rollout's Service names the hash of a template. */
function named(p: Plane, ns: string, o: Obj): string | undefined {
  const ours = o.metadata.annotations?.['tradewind.dev/live'];
  if (ours !== undefined) return ours;
  const hash = textOf(dictOf(o.spec?.['selector'])[HASH]);
  if (hash === undefined) return undefined;
  const set = sets(p, ns).find((s) => s.metadata.labels?.[HASH] === hash);
  return set === undefined ? undefined : imageOf(set);
}
const isSwitch = (ns: string, o: Obj): boolean =>
  o.metadata.namespace === ns &&
  (o.metadata.name === 'active' ||
    (o.metadata.name === 'web' && o.metadata.annotations?.['tradewind.dev/live'] !== undefined)) &&
  o.spec?.['template'] === undefined;

export function live(p: Plane, ns: string): string {
  const found = [...p.latest.values()].find((o) => isSwitch(ns, o));
  return (found === undefined ? undefined : named(p, ns, found)) ?? '-';
}

/** Pods of that version are ready. */
export function serves(p: Plane, ns: string, version: string): boolean {
  const of = (s: Obj): string => s.metadata.labels?.['tradewind.dev/version'] ?? imageOf(s);
  return sets(p, ns).some((s) => of(s) === version && Number(s.status?.['readyReplicas'] ?? 0) > 0);
}

export interface Step {
  at: number;
  version: string;
}
/** Versions that were live in turn, since `from`; the first is what was live then. */
export function story(p: Plane, ns: string, from: number): Step[] {
  const all = p.changes
    .filter((c) => isSwitch(ns, c.object))
    .map((c) => ({ at: c.at, version: named(p, ns, c.object) ?? '-' }));
  const before = all.findLast((s) => s.at < from)?.version ?? 'v1';
  const steps: Step[] = [{ at: from, version: before }];
  for (const s of all.filter((x) => x.at >= from)) if (s.version !== steps.at(-1)?.version) steps.push(s);
  return steps;
}

/** Milliseconds in [from, to] in which the clusters did not all have the same version live. */
export function mixed(planes: readonly Plane[], ns: string, span: { from: number; to: number }): number {
  const stories = planes.map((p) => story(p, ns, span.from));
  const times = [...new Set([...stories.flat().map((s) => s.at), span.to])].filter((t) => t <= span.to);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (steps: readonly Step[], t: number): string => steps.findLast((s) => s.at <= t)?.version ?? '';
  return sorted.slice(1).reduce((sum, t, i) => {
    const began = sorted[i] ?? t;
    return new Set(stories.map((s) => at(s, began))).size > 1 ? sum + t - began : sum;
  }, 0);
}

/** From the first to the last cluster that got this version. NaN: not all did. */
export function skew(planes: readonly Plane[], ns: string, x: { from: number; version: string }): number {
  const at = planes.map((p) => story(p, ns, x.from).find((s, i) => i > 0 && s.version === x.version)?.at ?? Number.NaN);
  return Math.max(...at) - Math.min(...at);
}
