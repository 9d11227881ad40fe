import { type Clock, fault } from '../kernel/index.ts';
import { isConflict } from './faults.ts';
import type { KubeObject, Ref } from './model.ts';
import { sayRef } from './plan/objects.ts';
import type { KubeApi } from './ports.ts';

const TRIES = 5;
const GONE_MS = 300_000;
const POLL_MS = 500;

export interface Erasure {
  api: KubeApi;
  cluster: string;
  clock: Clock;
  signal: AbortSignal;
  ref: Ref;
  uid: string;
  cascade: 'background' | 'orphan';
}

/** Asks for the deletion of exactly this uid; false when the object is already another or none. */
async function ask(e: Erasure): Promise<boolean> {
  for (let n = 1; ; n++) {
    const live = await e.api.get(e.ref);
    if (live?.metadata.uid !== e.uid) return false;
    const { resourceVersion, deletionTimestamp } = live.metadata;
    if (deletionTimestamp !== undefined) return true;
    try {
      await e.api.remove(e.ref, {
        uid: e.uid,
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        cascade: e.cascade,
      });
      return true;
    } catch (error) {
      if (!isConflict(error) || n >= TRIES) throw error;
    }
  }
}

function stuck(e: Erasure, live: KubeObject): Error {
  return fault('TW3060', {
    value: sayRef(e.ref),
    where: [{ cluster: e.cluster, resource: sayRef(e.ref) }],
    why: [`still being deleted; finalizers: ${live.metadata.finalizers?.join(', ') ?? 'none'}`],
  });
}

/** DELETE by uid and version, then waits until the uid is gone. False = it was gone before. Throws TW3060. */
export async function erase(e: Erasure): Promise<boolean> {
  if (!(await ask(e))) return false;
  const began = e.clock.monotonic();
  for (;;) {
    const live = await e.api.get(e.ref);
    if (live?.metadata.uid !== e.uid) return true;
    if (e.clock.monotonic() - began > GONE_MS) throw stuck(e, live);
    await e.clock.sleep(POLL_MS, e.signal);
  }
}
