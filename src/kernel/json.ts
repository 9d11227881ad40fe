import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** A value that JSON can carry without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Canonical JSON (RFC 8785): same value, same bytes, whatever the key order. */
export function canonical(value: Json): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('value has no JSON form');
  return text;
}

/** `sha256:<hex>` over the canonical JSON of `value`. */
export function digest(value: Json): string {
  return `sha256:${createHash('sha256').update(canonical(value)).digest('hex')}`;
}

/** A copy without `undefined` members, typed as JSON; throws on functions, symbols and bigints. */
export function toJson(value: unknown): Json {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError('value has no JSON form');
  return JSON.parse(text) as Json;
}

/** A table's own entry: `toString` and its kin, which every object inherits, are none. For keys that come from outside. */
export const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;
