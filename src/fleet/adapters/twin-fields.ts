import type { KubeObject } from '../model.ts';
import { itemKey, listKeys, type Step } from '../plan/listkeys.ts';
import { copy, type Dict, equal, isDict } from '../plan/objects.ts';

/** Fields a manager owns: the path as text → the path. Items of keyed lists count themselves. */
export type Fields = Map<string, readonly Step[]>;

const name = (path: readonly Step[]): string => JSON.stringify(path);

function leaf(out: Fields, path: readonly Step[]): void {
  out.set(name(path), path);
}

function collect(kind: string, v: unknown, path: readonly Step[], out: Fields): void {
  if (isDict(v) && Object.keys(v).length > 0) {
    for (const [field, x] of Object.entries(v)) collect(kind, x, [...path, { field }], out);
    return;
  }
  const keys = Array.isArray(v) ? listKeys(kind, path) : undefined;
  if (!Array.isArray(v) || keys === undefined || keys === 'set') leaf(out, path);
  else collectItems(kind, v, { path, keys }, out);
}

function collectItems(
  kind: string,
  v: readonly unknown[],
  at: { path: readonly Step[]; keys: readonly string[] },
  out: Fields,
): void {
  const { path, keys } = at;
  for (const item of v) {
    const key = isDict(item) ? itemKey(item, keys) : undefined;
    if (key === undefined) continue;
    leaf(out, [...path, { key }]);
    collect(kind, item, [...path, { key }], out);
  }
}

const IDENTITY = ['name', 'namespace', 'uid', 'resourceVersion', 'managedFields', 'generation', 'creationTimestamp'];

/** The fields an object sets, without its identity. */
export function fieldsOf(o: KubeObject): Fields {
  const { apiVersion: _a, kind, metadata, ...rest } = o;
  const meta = Object.fromEntries(Object.entries(metadata).filter(([k]) => !IDENTITY.includes(k)));
  const out: Fields = new Map();
  for (const [field, v] of Object.entries({ ...rest, ...(Object.keys(meta).length > 0 ? { metadata: meta } : {}) }))
    collect(kind, v, [{ field }], out);
  return out;
}

function stepIn(at: unknown, s: Step): unknown {
  if ('field' in s) return isDict(at) ? at[s.field] : undefined;
  if ('index' in s) return Array.isArray(at) ? at[s.index] : undefined;
  if (!Array.isArray(at)) return undefined;
  return at.find((x) => isDict(x) && equal(itemKey(x, Object.keys(s.key)), s.key));
}

export function valueAt(o: unknown, path: readonly Step[]): unknown {
  return path.reduce<unknown>(stepIn, o);
}

function mergeList(kind: string, a: readonly unknown[], b: readonly unknown[], path: readonly Step[]): unknown[] {
  const keys = listKeys(kind, path);
  if (keys === undefined) return copy([...b]);
  if (keys === 'set') return [...new Set([...a, ...b])];
  const out = [...a];
  for (const item of b) {
    const key = isDict(item) ? itemKey(item, keys) : undefined;
    if (key === undefined) continue;
    const i = out.findIndex((x) => isDict(x) && equal(itemKey(x, keys), key));
    if (i < 0) out.push(copy(item));
    else out[i] = merge(kind, out[i], item, [...path, { key }]);
  }
  return out;
}

/** Server-side apply's merge: keyed lists by key, atomic lists as a whole. */
export function merge(kind: string, a: unknown, b: unknown, path: readonly Step[] = []): unknown {
  if (isDict(a) && isDict(b)) {
    const out: Dict = { ...a };
    for (const [field, v] of Object.entries(b)) out[field] = merge(kind, a[field], v, [...path, { field }]);
    return out;
  }
  if (Array.isArray(a) && Array.isArray(b)) return mergeList(kind, a, b, path);
  return copy(b);
}

/** Removes what a manager let go: the field, or the item of a keyed list. */
export function removeAt(o: unknown, path: readonly Step[]): void {
  const parent = valueAt(o, path.slice(0, -1));
  const last = path.at(-1);
  if (last === undefined) return;
  if ('field' in last && isDict(parent)) delete parent[last.field];
  if ('key' in last && Array.isArray(parent)) {
    const i = parent.findIndex((x) => isDict(x) && equal(itemKey(x, Object.keys(last.key)), last.key));
    if (i >= 0) parent.splice(i, 1);
  }
}

/** As `fieldsV1` of metadata.managedFields. */
export function toFieldsV1(fields: Fields): Dict {
  const root: Dict = {};
  for (const path of fields.values()) {
    let at = root;
    for (const s of path) {
      const k = 'field' in s ? `f:${s.field}` : 'key' in s ? `k:${JSON.stringify(s.key)}` : `i:${s.index}`;
      at = (at[k] ??= {}) as Dict;
    }
    const last = path.at(-1);
    if (last !== undefined && 'key' in last) at['.'] = {};
  }
  return root;
}

/** `.spec.template.spec.containers[name="web"].image`, as the server names a conflicting field. */
export function serverPath(path: readonly Step[]): string {
  return path
    .map((s) => {
      if ('field' in s) return `.${s.field}`;
      if ('index' in s) return `[${s.index}]`;
      return `[${Object.entries(s.key)
        .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
        .join(',')}]`;
    })
    .join('');
}
