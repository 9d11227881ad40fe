import { type Clock, fault } from '../../kernel/index.ts';

/** An answer of a cluster; a silent one is not waited for longer than `ms`. Throws TW3012. */
export async function within<T>(clock: Clock, ms: number, cluster: string, work: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = clock.sleep(ms, stop.signal).then((): never => {
    throw fault('TW3012', { value: cluster, where: [{ cluster }], why: [`no answer for ${ms / 1000} s`] });
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
    work.catch(() => undefined);
  }
}
