import { causes, fault, TwError } from '../kernel/index.ts';
import type { Ref } from './model.ts';
import type { Refusal } from './plan/fold.ts';
import { sayRef } from './plan/objects.ts';
import { KubeError } from './ports.ts';

/** The server's refusal as data; anything else is thrown on. */
export function refusalOf(e: unknown): Refusal {
  if (!(e instanceof KubeError) || isSilence(e)) throw e;
  return { status: e.status, reason: e.reason, message: e.message, causes: e.causes };
}

/** No answer, or an answer that says nothing about the object: unknown, never "none". */
export function isSilence(e: KubeError): boolean {
  return [0, 401, 408, 410, 429].includes(e.status) || e.status >= 500;
}

export const isConflict = (e: unknown): boolean => e instanceof KubeError && e.status === 409;
export const isFieldConflict = (e: unknown): boolean =>
  e instanceof KubeError && e.status === 409 && e.causes.some((c) => c.reason === 'FieldManagerConflict');

/** Any error of a KubeApi call as a fault of the catalogue, with cluster and object. */
export function kubeFault(e: unknown, cluster: string, ref?: Ref): TwError {
  if (e instanceof TwError) return e;
  if (!(e instanceof KubeError)) throw e;
  const where = [{ cluster, ...(ref === undefined ? {} : { resource: sayRef(ref) }) }];
  if (isSilence(e)) return fault('TW3012', { value: cluster, where, why: causes(e), cause: e });
  if (e.status === 403)
    return fault('TW3013', { value: ref === undefined ? cluster : sayRef(ref), where, why: [e.message], cause: e });
  const value = ref === undefined ? cluster : sayRef(ref);
  if (isConflict(e))
    return isFieldConflict(e)
      ? fieldConflict(e, value, where)
      : fault('TW3040', { value, where, why: [e.message], cause: e });
  return fault('TW3070', { value, where, why: [e.message], cause: e });
}

function fieldConflict(e: KubeError, value: string, where: { cluster: string; resource?: string }[]): TwError {
  const at = where[0];
  return fault('TW3022', {
    value,
    where: e.causes.map((c) => ({ ...at, ...(c.field === undefined ? {} : { path: c.field }) })),
    why: e.causes.map((c) => `${c.field ?? ''}: ${c.message ?? ''}`),
    fix: [{ say: 'Leave the fields out of the manifest, or allow taking them over.' }],
    cause: e,
  });
}
