import { nearest } from '../../kernel/index.ts';
import type { ClusterFacts } from '../model.ts';
import { isDict } from './objects.ts';

/** Variables of an override in one cluster: `cluster.name`, `cluster.labels.tier`, `app.version`, … */
export type Variables = Readonly<Record<string, string>>;

export function variablesOf(c: ClusterFacts, app: { name: string; namespace: string; version: string }): Variables {
  return {
    'cluster.name': c.name,
    'cluster.cloud': c.cloud,
    'cluster.region': c.region,
    ...Object.fromEntries(Object.entries(c.labels).map(([k, v]) => [`cluster.labels.${k}`, v])),
    'app.name': app.name,
    'app.namespace': app.namespace,
    'app.version': app.version,
  };
}

export interface Unknown {
  variable: string;
  near?: string;
}

/** Replaces `${…}` of the known families in a text; other `${…}` (a shell's) stay, `$${…}` is a literal `${…}`. */
function substitute(text: string, vars: Variables, unknown: Unknown[]): string {
  return text.replaceAll(/\$?\$\{((?:cluster|app)\.[^}]*)\}/g, (all, name: string) => {
    if (all.startsWith('$$')) return all.slice(1);
    const value = vars[name];
    if (value !== undefined) return value;
    const near = nearest(name, Object.keys(vars));
    unknown.push({ variable: name, ...(near === undefined ? {} : { near }) });
    return all;
  });
}

/** The same for every text inside a JSON value. */
export function substituteDeep<T>(value: T, vars: Variables, unknown: Unknown[]): T {
  if (typeof value === 'string') return substitute(value, vars, unknown) as T;
  if (Array.isArray(value)) return value.map((v) => substituteDeep<unknown>(v, vars, unknown)) as T;
  if (!isDict(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, substituteDeep(v, vars, unknown)])) as T;
}
