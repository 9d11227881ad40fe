import { digest } from '../../kernel/index.ts';

const LONGEST = 63;
const SLUG = 24;
const HASH = 6;

const hash = (...of: readonly string[]): string => digest([...of]).slice('sha256:'.length, 'sha256:'.length + HASH);
const tidy = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
/** The first `most` characters, without dashes at the end. */
const cut = (text: string, most: number): string => text.slice(0, Math.max(0, most)).replace(/-+$/, '');

/**
 * A version as part of a name: itself when it is made of lower case letters and digits only, else cleaned and
 * with a short hash. A version with a dash has the hash too: else `a` of `b-c` and `a-b` of `c` would be one name.
 */
export function versionSlug(version: string): string {
  if (/^[a-z0-9]+$/.test(version) && version.length <= SLUG) return version;
  return [cut(tidy(version), SLUG - HASH - 1), hash(version)].filter((p) => p !== '').join('-');
}

/** Name of an object that exists once per version, `<name>-<slug>`: a DNS-1035 label of at most 63 characters. */
export function versionedName(name: string, version: string): string {
  const slug = versionSlug(version);
  const plain = `${name}-${slug}`;
  if (plain.length <= LONGEST && /^[a-z][a-z0-9-]*$/.test(name)) return plain;
  const clean = tidy(name);
  const stem = /^[a-z]/.test(clean) ? clean : `x${clean}`;
  const tail = `${slug}-${hash(name, version)}`;
  return `${cut(stem, LONGEST - tail.length - 1)}-${tail}`;
}
