import { own } from '../../kernel/index.ts';
import type { Dict } from './objects.ts';

/** One step of a path: a field, an item of a keyed list, or a position in an atomic one. */
export type Step = { field: string } | { key: Dict } | { index: number };

const BY_NAME: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  conditions: ['type'],
  ownerReferences: ['uid'],
  webhooks: ['name'],
  listeners: ['name'],
};
const SETS = new Set(['finalizers']);

/**
 * Keys of a list for server-side apply, `'set'` for a set of values, nothing for an atomic list.
 * The kinds of Kubernetes itself; lists of custom resources count as atomic here, and the server decides.
 */
export function listKeys(kind: string, path: readonly Step[]): readonly string[] | 'set' | undefined {
  const fields = path.flatMap((s) => ('field' in s ? [s.field] : []));
  const last = fields.at(-1) ?? '';
  if (SETS.has(last)) return 'set';
  if (last === 'ports') {
    if (kind === 'Service') return ['port', 'protocol'];
    return fields.some((f) => /[cC]ontainers$/.test(f)) ? ['containerPort', 'protocol'] : undefined;
  }
  return own(BY_NAME, last);
}

const DEFAULTS: Readonly<Record<string, string>> = { protocol: 'TCP' };

/** The key of a list item with the server's defaults; undefined when a key is missing. */
export function itemKey(item: Dict, keys: readonly string[]): Dict | undefined {
  const out: Dict = {};
  for (const k of keys) {
    const value = item[k] ?? DEFAULTS[k];
    if (value === undefined) return undefined;
    out[k] = value;
  }
  return out;
}

/** `spec.containers[name=web].image` */
export function sayPath(path: readonly Step[]): string {
  let out = '';
  for (const s of path) {
    if ('index' in s) out += `[${s.index}]`;
    else if ('key' in s) {
      const { protocol, ...rest } = s.key;
      const key = protocol === 'TCP' && Object.keys(rest).length > 0 ? rest : s.key;
      out += `[${Object.entries(key)
        .map(([k, v]) => `${k}=${String(v)}`)
        .join(',')}]`;
    } else if (/^[A-Za-z0-9_-]+$/.test(s.field)) out += out === '' ? s.field : `.${s.field}`;
    else out += `["${s.field}"]`;
  }
  return out;
}
