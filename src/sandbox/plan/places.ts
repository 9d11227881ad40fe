import { digest, nearest } from '../../kernel/index.ts';
import type { SandboxSpec, SandboxView } from '../model.ts';
import { selectorOf } from './chaos.ts';

/** tw-net takes machine names of at most 63 characters. */
function machineName(text: string): string {
  return text.length <= 63 ? text : `${text.slice(0, 54)}-${digest(text).slice(7, 15)}`;
}
export const controlPlaneName = (id: string): string => machineName(`cp-${id}`);
export const nodeName = (id: string, name: string): string => machineName(`node-${id}-${name}`);

/** `users:sao`, `node:<name>` … → the namespace of that place. */
export function namespaceOf(place: string, view: SandboxView, spec: SandboxSpec): { name: string } | { fault: string } {
  const places = new Map<string, string>([
    ['operator', 'operator'],
    ['clouds', 'clouds'],
    ...spec.regions.map((r): [string, string] => [`region:${r.name}`, r.name]),
    ...spec.users.map((u): [string, string] => [`users:${u.name}`, `users-${u.name}`]),
    ...view.clusters.map((c): [string, string] => [`cluster:${c.cluster}`, controlPlaneName(c.id)]),
    ...view.clusters.flatMap((c) => c.nodes.map((n): [string, string] => [`node:${n.name}`, nodeName(c.id, n.name)])),
  ]);
  const name = places.get(place);
  if (name !== undefined) return { name };
  const near = nearest(place, places.keys());
  const { scope } = selectorOf(place);
  const same = [...places.keys()].filter((p) => p.startsWith(`${scope}:`));
  const names = (same.length > 0 ? same : [...places.keys()]).join(', ');
  return { fault: near === undefined ? `places here: ${names}` : `did you mean ${near}?` };
}
