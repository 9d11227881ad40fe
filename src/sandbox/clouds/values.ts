import type { Data, Obj } from './model.ts';

/** The mark of a value that is known only after apply (sandbox/cmd/tw-provider/values.go). */
export const UNKNOWN: Data = { $unknown: true };

export function isUnknown(v: Data | undefined): boolean {
  return isObj(v) && v.$unknown === true;
}

export function isObj(v: Data | undefined): v is Obj {
  return v !== null && typeof v === 'object' && !Array.isArray(v);
}

export function hasUnknown(v: Data | undefined): boolean {
  if (v === undefined || v === null || typeof v !== 'object') return false;
  if (Array.isArray(v)) return v.some(hasUnknown);
  return isUnknown(v) || Object.values(v).some(hasUnknown);
}

/** The value at `a.b.c`; single blocks are lists of one, so a list is entered at its first element. */
export function at(v: Data | undefined, path: string): Data {
  let here: Data | undefined = v;
  for (const step of path.split('.')) {
    if (Array.isArray(here)) here = here[0];
    here = isObj(here) ? here[step] : undefined;
  }
  return here ?? null;
}

export function str(v: Data | undefined, path?: string): string {
  const x = path === undefined ? v : at(v, path);
  return typeof x === 'string' ? x : typeof x === 'number' ? String(x) : '';
}

export function num(v: Data | undefined, path: string): number | undefined {
  const x = at(v, path);
  return typeof x === 'number' ? x : undefined;
}

export function strings(v: Data | undefined, path?: string): string[] {
  const x = path === undefined ? v : at(v, path);
  return Array.isArray(x) ? x.filter((s): s is string => typeof s === 'string') : [];
}

/** A map of strings, without what is not one. */
export function stringMap(v: Data | undefined): Record<string, string> {
  if (!isObj(v)) return {};
  return Object.fromEntries(Object.entries(v).filter((e): e is [string, string] => typeof e[1] === 'string'));
}

export function same(a: Data | undefined, b: Data | undefined): boolean {
  return stable(a ?? null) === stable(b ?? null);
}

function stable(v: Data): string {
  if (Array.isArray(v)) return `[${v.map(stable).join(',')}]`;
  if (!isObj(v)) return JSON.stringify(v);
  const keys = Object.keys(v).toSorted();
  return `{${keys.map((k) => `${JSON.stringify(k)}:${stable(v[k] ?? null)}`).join(',')}}`;
}
