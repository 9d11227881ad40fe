import { LABEL_PREFIX } from '../kernel/index.ts';
import { isSilence, kubeFault } from './faults.ts';
import type { KubeObject } from './model.ts';
import { refOf } from './plan/objects.ts';
import { type JsonPatch, type KubeApi, KubeError } from './ports.ts';

/** Result of a guarded write; `unknown` = no answer or a broken one: read again before anything else. */
export type Put = 'ok' | 'stale' | 'unknown';

const FENCE = `${LABEL_PREFIX}/workload-fence`;
const HOLDER = `${LABEL_PREFIX}/workload-holder`;
const MANAGER = 'tw-release';
const TRIES = 5;

const at = (annotation: string): string => `/metadata/annotations/${annotation.replaceAll('/', '~1')}`;
const valueOf = (o: KubeObject): string | undefined => o.metadata.annotations?.[FENCE];

/** The counter on a Deployment; 0 before the first move. */
export const fenceOf = (o: KubeObject): number => Number.parseInt(valueOf(o) ?? '0', 10) || 0;
/** Whether this run was the last that took the object. */
export const isHeld = (o: KubeObject, run: string): boolean => o.metadata.annotations?.[HOLDER] === run;

/**
 * Tests what must not have moved: the fence, where there is one to test. Else the version of the whole
 * object: a JSON Patch cannot say that a field is absent.
 */
function opsOf(o: KubeObject, values: Readonly<Record<string, string>>): JsonPatch {
  const { uid, resourceVersion, annotations } = o.metadata;
  const fence = values[FENCE] === undefined ? undefined : valueOf(o);
  const guard =
    fence === undefined
      ? { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }
      : { op: 'test', path: at(FENCE), value: fence };
  const set =
    annotations === undefined
      ? [{ op: 'add', path: '/metadata/annotations', value: values }]
      : Object.entries(values).map(([k, value]) => ({ op: 'add', path: at(k), value }));
  return [{ op: 'test', path: '/metadata/uid', value: uid }, guard, ...set];
}

/** What an object looks like after a refused patch, and whether it is worth another try. */
async function again(api: KubeApi, o: KubeObject): Promise<KubeObject | 'stale' | 'same'> {
  const now = await api.get(refOf(o));
  if (now === undefined || now.metadata.uid !== o.metadata.uid || valueOf(now) !== valueOf(o)) return 'stale';
  return now.metadata.resourceVersion === o.metadata.resourceVersion ? 'same' : now;
}

/** A refusal with nothing moved is a real fault, and is thrown. */
async function write(api: KubeApi, cluster: string, first: KubeObject, values: Record<string, string>): Promise<Put> {
  let o = first;
  for (let n = 1; ; n++) {
    try {
      await api.patch(refOf(o), opsOf(o, values), MANAGER);
      return 'ok';
    } catch (e) {
      if (!(e instanceof KubeError)) throw e;
      if (isSilence(e)) return 'unknown';
      if (![404, 409, 422].includes(e.status)) throw kubeFault(e, cluster, refOf(o));
      const now = await again(api, o);
      if (now === 'stale') return 'stale';
      if (now === 'same') throw kubeFault(e, cluster, refOf(o));
      if (n >= TRIES) return 'unknown';
      o = now;
    }
  }
}

/** Moves the fence of a Deployment from what it was read with; `stale` when somebody else moved it. */
export function moveFence(
  api: KubeApi,
  cluster: string,
  o: KubeObject,
  to: { fence: number; run: string },
): Promise<Put> {
  return write(api, cluster, o, { [FENCE]: String(to.fence), [HOLDER]: to.run });
}

/** Takes another object of the version: a delete of somebody else that is still under way misses it now. */
export async function take(api: KubeApi, cluster: string, o: KubeObject, run: string): Promise<Put> {
  const put = await write(api, cluster, o, { [HOLDER]: run });
  // Gone meanwhile: nothing to take.
  return put === 'stale' && (await api.get(refOf(o))) === undefined ? 'ok' : put;
}
