import type { KubeObject, Op } from './model.ts';
import { covers } from './plan/diff.ts';
import { type Dict, dictOf } from './plan/objects.ts';
import type { KubeApi } from './ports.ts';

const KEEPER = 'tw-handover';
const REPLICAS = [{ field: 'spec' }, { field: 'replicas' }] as const;

/**
 * With an autoscaler on the target, `replicas` leaves our set in two steps: a second manager applies
 * the live value first. Dropped alone, the field would fall back to 1. Returns the object to expect.
 */
export async function yieldFields(api: KubeApi, op: Op, live: KubeObject): Promise<KubeObject> {
  const replicas = dictOf(live['spec'])['replicas'];
  const wanted: Dict = dictOf(op.body?.['spec']);
  const scaled = op.ref.group === 'apps' && typeof replicas === 'number' && wanted['replicas'] === undefined;
  const managed = live.metadata.managedFields ?? [];
  const keepers = managed.filter((m) => m.operation === 'Apply' && covers(m.fieldsV1, REPLICAS));
  if (!scaled || keepers.length !== 1 || keepers[0]?.manager === KEEPER) return live;
  const { uid, resourceVersion } = live.metadata;
  const body: KubeObject = {
    apiVersion: live.apiVersion,
    kind: live.kind,
    metadata: {
      name: live.metadata.name,
      ...(live.metadata.namespace === undefined ? {} : { namespace: live.metadata.namespace }),
    },
    spec: { replicas },
  };
  const expect = { uid: uid ?? '', ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  return (await api.apply(body, { manager: KEEPER, dryRun: false, force: true, expect })).object;
}
