import type { KubeObject, Op } from './model.ts';
import { covers } from './plan/diff.ts';
import { dictOf } from './plan/objects.ts';
import type { Expect, KubeApi } from './ports.ts';

const KEEPER = 'tw-handover';
const REPLICAS = [{ field: 'spec' }, { field: 'replicas' }] as const;

/** Exactly one server-side applier owns `replicas`, and it is not the keeper yet. */
function ownsAlone(live: KubeObject): boolean {
  const managed = live.metadata.managedFields ?? [];
  const keepers = managed.filter((m) => m.operation === 'Apply' && covers(m.fieldsV1, REPLICAS));
  return keepers.length === 1 && keepers[0]?.manager !== KEEPER;
}

/**
 * With an autoscaler on the target, `replicas` leaves our set in two steps: a second manager applies
 * the live value first. Dropped alone, the field would fall back to 1. Returns the object to expect.
 */
export async function yieldFields(api: KubeApi, op: Op, live: KubeObject): Promise<KubeObject> {
  const replicas = dictOf(live['spec'])['replicas'];
  if (op.ref.group !== 'apps' || typeof replicas !== 'number') return live;
  if (dictOf(op.body?.['spec'])['replicas'] !== undefined || !ownsAlone(live)) return live;
  const body = replicasOnly(live, replicas);
  return (await api.apply(body, { manager: KEEPER, dryRun: false, force: true, expect: expectOf(live) })).object;
}

function replicasOnly(live: KubeObject, replicas: number): KubeObject {
  const { name, namespace } = live.metadata;
  const metadata = namespace === undefined ? { name } : { name, namespace };
  return { apiVersion: live.apiVersion, kind: live.kind, metadata, spec: { replicas } };
}

/** Preconditions that hold only for this very version of the object. */
export function expectOf(o: KubeObject): Expect {
  const { uid = '', resourceVersion } = o.metadata;
  return { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
}
