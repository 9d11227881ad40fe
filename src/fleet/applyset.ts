import { createHash } from 'node:crypto';
import { inventoryName } from './plan/inventory.ts';

/**
 * ApplySet id of an app (KEP-3659): `applyset-` + unpadded base64url(sha256(name.namespace.kind.group))
 * + `-v1`; the group of a ConfigMap is empty and its dot stays.
 */
export function applysetId(app: string, namespace: string): string {
  const text = `${inventoryName(app)}.${namespace}.ConfigMap.`;
  return `applyset-${createHash('sha256').update(text).digest('base64url')}-v1`;
}
