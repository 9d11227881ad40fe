import type { Clock } from '../kernel/index.ts';
import { isSilence } from './faults.ts';
import { type KubeApi, KubeError } from './ports.ts';

/** Milliseconds before each further try of a call that may be repeated. */
const PAUSES = [0, 200, 500, 1000, 2000, 4000] as const;
const LIMIT_S = 30;
/** A machine that is dead takes seconds to be called so: once or twice is enough to know. */
const SILENT_MS = 8000;

/** Wait before try `n` (0 = the first repeat); undefined = give up. Honours Retry-After. */
function pauseBefore(n: number, e: unknown, tries: number): number | undefined {
  if (!(e instanceof KubeError) || !isSilence(e) || e.status === 401 || n >= tries) return undefined;
  const asked = e.retryAfter === undefined ? undefined : Math.min(e.retryAfter, LIMIT_S) * 1000;
  return asked ?? PAUSES[Math.min(n, PAUSES.length - 1)] ?? 0;
}

export interface Patience {
  clock: Clock;
  /** Repeats of a call; default 4. 429 counts too. */
  tries?: number;
  /** Told once per wait. */
  throttled?: (ms: number, e: KubeError) => void;
  signal?: AbortSignal;
}

/** The same API, repeating what is safe to repeat: reads, server-side apply, DELETE by uid. */
export function patient(api: KubeApi, p: Patience): KubeApi {
  const again = async <T>(work: () => Promise<T>): Promise<T> => {
    const began = p.clock.monotonic();
    for (let n = 0; ; n++) {
      try {
        return await work();
      } catch (e) {
        if (e instanceof KubeError && e.status === 0 && p.clock.monotonic() - began > SILENT_MS) throw e;
        const pause = pauseBefore(n, e, p.tries ?? 4);
        if (pause === undefined) throw e;
        if (pause > 0) p.throttled?.(pause, e as KubeError);
        await p.clock.sleep(pause, p.signal);
      }
    }
  };
  return {
    get: (ref) => again(() => api.get(ref)),
    list: (kind, selector) => again(() => api.list(kind, selector)),
    create: (object, manager) => api.create(object, manager),
    apply: (object, options) => again(() => api.apply(object, options)),
    remove: (ref, x) => again(() => api.remove(ref, x)),
    patch: (ref, ops, manager) => api.patch(ref, ops, manager),
    index: () => again(() => api.index()),
    logs: (pod, options, signal) => api.logs(pod, options, signal),
    exec: (pod, options) => api.exec(pod, options),
    proxyGet: (at, path, signal) => api.proxyGet(at, path, signal),
    forward: (at) => api.forward(at),
    close: () => api.close(),
  };
}
