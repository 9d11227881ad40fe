import type { FieldChange, KubeObject, ManagedField, Owner } from '../model.ts';
import { itemKey, listKeys, type Step, sayPath } from './listkeys.ts';
import { type Dict, dictOf, equal, isDict } from './objects.ts';
import { sameQuantity } from './quantity.ts';

interface Change {
  path: readonly Step[];
  from: unknown;
  to: unknown;
}

/** The part of an object that people write: no status, no bookkeeping of the server. */
export function content(o: KubeObject): Dict {
  const { status: _status, metadata, ...rest } = o;
  const {
    managedFields: _m,
    resourceVersion: _r,
    generation: _g,
    uid: _u,
    creationTimestamp: _c,
    deletionTimestamp: _d,
    ...meta
  } = metadata;
  return { ...rest, metadata: meta };
}

const QUANTITY = /(^|\.)(requests|limits|capacity|hard)$/;

function walkDict(kind: string, a: Dict, b: Dict, path: readonly Step[]): Change[] {
  const quantities = QUANTITY.test(sayPath(path));
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted().flatMap((field) => {
    if (quantities && sameQuantity(a[field], b[field])) return [];
    return walk(kind, a[field], b[field], [...path, { field }]);
  });
}

function keyed(list: readonly unknown[], keys: readonly string[]): Map<string, { key: Dict; item: Dict }> | undefined {
  const out = new Map<string, { key: Dict; item: Dict }>();
  for (const item of list) {
    const key = isDict(item) ? itemKey(item, keys) : undefined;
    if (key === undefined || out.has(JSON.stringify(key))) return undefined;
    out.set(JSON.stringify(key), { key, item: item as Dict });
  }
  return out;
}

function walkList(kind: string, a: readonly unknown[], b: readonly unknown[], path: readonly Step[]): Change[] {
  const keys = listKeys(kind, path);
  if (keys === 'set') {
    const same = a.length === b.length && a.every((v) => b.includes(v));
    return same ? [] : [{ path, from: a, to: b }];
  }
  const left = keys === undefined ? undefined : keyed(a, keys);
  const right = keys === undefined ? undefined : keyed(b, keys);
  if (left === undefined || right === undefined) {
    if (a.length !== b.length) return equal(a, b) ? [] : [{ path, from: a, to: b }];
    return a.flatMap((v, index) => walk(kind, v, b[index], [...path, { index }]));
  }
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((k) => {
    const key = (left.get(k) ?? right.get(k))?.key ?? {};
    return walk(kind, left.get(k)?.item, right.get(k)?.item, [...path, { key }]);
  });
}

function walk(kind: string, a: unknown, b: unknown, path: readonly Step[]): Change[] {
  if (isDict(a) && isDict(b)) return walkDict(kind, a, b, path);
  if (Array.isArray(a) && Array.isArray(b)) return walkList(kind, a, b, path);
  return equal(a, b) ? [] : [{ path, from: a, to: b }];
}

function stepName(s: Step): string {
  if ('field' in s) return `f:${s.field}`;
  return 'key' in s ? `k:${JSON.stringify(s.key)}` : `i:${s.index}`;
}

function sameKey(name: string, key: Dict): boolean {
  if (!name.startsWith('k:')) return false;
  return equal(JSON.parse(name.slice(2)), key);
}

/** Whether `fieldsV1` of a manager owns the path or something below it. */
export function covers(fields: unknown, path: readonly Step[]): boolean {
  let at = dictOf(fields);
  for (const s of path) {
    const exact = at[stepName(s)];
    const loose = 'key' in s ? Object.keys(at).find((k) => sameKey(k, s.key)) : undefined;
    const next = exact ?? (loose === undefined ? undefined : at[loose]);
    if (next === undefined) return false;
    if (Object.keys(dictOf(next)).length === 0) return true;
    at = dictOf(next);
  }
  return true;
}

/** Managers that own the path or something below it, from `metadata.managedFields`. */
export function ownersOf(managed: readonly ManagedField[], path: readonly Step[]): Owner[] {
  return managed
    .filter((m) => covers(m.fieldsV1, path))
    .map((m) => ({
      manager: m.manager,
      operation: m.operation,
      ...(m.time === undefined ? {} : { time: m.time }),
      ...(m.subresource === undefined ? {} : { subresource: m.subresource }),
    }));
}

function mask(o: KubeObject, c: Change): { from: unknown; to: unknown } {
  const first = c.path[0];
  const secret =
    o.kind === 'Secret' && first !== undefined && 'field' in first && /^(data|stringData)$/.test(first.field);
  if (!secret) return { from: c.from, to: c.to };
  return { from: c.from === undefined ? undefined : '(hidden)', to: c.to === undefined ? undefined : '(changed)' };
}

/**
 * Field changes from the live object to what the server would store (its dry-run answer), so that
 * defaults and quantities never show. Secret values are hidden.
 */
export function diff(live: KubeObject, next: KubeObject, manager?: string): FieldChange[] {
  return walk(next.kind, content(live), content(next), []).map((c) => {
    const owner = ownersOf(live.metadata.managedFields ?? [], c.path).find((o) => o.manager !== manager);
    return { path: sayPath(c.path), ...mask(next, c), ...(owner === undefined ? {} : { owner }) };
  });
}

/** Live values at the places where `next` differs from `live`: what a later apply must find again. */
export function touched(live: KubeObject, next: KubeObject): { path: string; from: unknown }[] {
  return walk(next.kind, content(live), content(next), []).map((c) => ({
    path: sayPath(c.path),
    from: c.from ?? null,
  }));
}
