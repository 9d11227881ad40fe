import { type Clock, fault, within } from '../../kernel/index.ts';

/** How long a plan waits for a cluster, all it is asked together: a busy API server is no dead one. Milliseconds. */
export const ASK_MS = 15_000;

/** An answer of a cluster; a silent one is not waited for longer than `ms`. Throws TW3012. */
export async function answerOf<T>(clock: Clock, ms: number, cluster: string, work: Promise<T>): Promise<T> {
  return await within(clock, ms, work, () => {
    throw fault('TW3012', { value: cluster, where: [{ cluster }], why: [`no answer for ${ms / 1000} s`] });
  });
}
