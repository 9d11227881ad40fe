import { fault, LABEL_PREFIX } from '../../kernel/index.ts';
import type { Inventory, InventoryItem, Kept, KubeObject, Ref } from '../model.ts';
import { dictOf, isDict, refOfKey } from './objects.ts';
import { LABELS } from './shape.ts';

const APPLYSET = {
  id: 'applyset.kubernetes.io/id',
  tooling: 'applyset.kubernetes.io/tooling',
  kinds: 'applyset.kubernetes.io/contains-group-kinds',
  namespaces: 'applyset.kubernetes.io/additional-namespaces',
} as const;
export const INVENTORY_LABEL = `${LABEL_PREFIX}/inventory`;
const FORMAT = 1;
const LIMIT = 700 * 1024;
const DATA_KEY = 'inventory.json';

export const inventoryName = (app: string): string => `tw-${app}`;

/** Which version of which app an inventory is of, by its labels; nothing: of a whole app or its shared unit. */
export function keptBy(cm: KubeObject): Kept | undefined {
  const { [LABELS.app]: app, [LABELS.version]: version } = cm.metadata.labels ?? {};
  return app === undefined || version === undefined ? undefined : { app, version };
}

export function inventoryRef(app: string, namespace: string): Ref {
  return { group: '', kind: 'ConfigMap', namespace, name: inventoryName(app) };
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function groupKinds(keys: readonly string[]): string {
  const all = keys.map(refOfKey).map((r) => (r.group === '' ? r.kind : `${r.kind}.${r.group}`));
  return [...new Set(all)].toSorted(byText).join(',');
}

function otherNamespaces(keys: readonly string[], own: string): string {
  const all = keys.map((k) => refOfKey(k).namespace).filter((ns): ns is string => ns !== undefined && ns !== own);
  return [...new Set(all)].toSorted(byText).join(',');
}

/** The inventory as a ConfigMap that is an ApplySet parent too (KEP-3659). Throws TW3032 above 700 KiB. */
export function inventoryObject(inv: Inventory, namespace: string, part: string): KubeObject {
  const keys = Object.keys(inv.items);
  const text = JSON.stringify({ format: FORMAT, ...inv });
  if (text.length > LIMIT)
    throw fault('TW3032', {
      value: inv.app,
      why: [`${keys.length} objects need ${Math.round(text.length / 1024)} KiB, the limit is ${LIMIT / 1024} KiB`],
      fix: [{ say: 'Split the app.' }],
    });
  const extra = otherNamespaces(keys, namespace);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: inventoryName(inv.app),
      namespace,
      labels: {
        [APPLYSET.id]: part,
        [LABELS.fleet]: inv.fleet,
        [LABELS.app]: inv.keep?.app ?? inv.app,
        [INVENTORY_LABEL]: 'true',
        // The mark of a version unit: no plan of the app ends it.
        ...(inv.keep === undefined ? {} : { [LABELS.version]: inv.keep.version }),
      },
      annotations: {
        [APPLYSET.tooling]: 'tradewind/1',
        [APPLYSET.kinds]: groupKinds(keys),
        ...(extra === '' ? {} : { [APPLYSET.namespaces]: extra }),
      },
    },
    data: { [DATA_KEY]: text },
  };
}

function isItem(v: unknown): v is InventoryItem {
  return isDict(v) && typeof v['uid'] === 'string' && typeof v['hash'] === 'string' && typeof v['wave'] === 'number';
}

/** Reads it back; anything cut, foreign or newer is TW3031: then nothing may be deleted. */
export function readInventory(cm: KubeObject): Inventory {
  const broken = (why: string): Error =>
    fault('TW3031', {
      value: `${cm.metadata.namespace ?? ''}/${cm.metadata.name}`,
      why: [why],
      fix: [
        {
          say: 'Delete this ConfigMap: the objects stay and are known again by their labels; nothing else is deleted.',
        },
      ],
    });
  const text = dictOf(cm['data'])[DATA_KEY];
  if (typeof text !== 'string') throw broken('it has no data');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken('its data is cut or not JSON');
  }
  if (!isDict(value) || value['format'] !== FORMAT) throw broken('it was written by another version of Tradewind');
  const items = dictOf(value['items']);
  if (!isDict(value['items']) || !Object.values(items).every(isItem) || typeof value['epoch'] !== 'number')
    throw broken('an entry is not whole');
  const { format: _format, ...inventory } = value;
  return inventory as unknown as Inventory;
}
