// What senders do, in the hand of a test: everything, or one origin's log, in the order that a case needs.
import { ActiveRedis } from './active.ts';

/** Brings what `to` lacks of that origin, all of it unless `count` says how many entries. Throws on a refusal. */
export async function bring(origin: string, from: ActiveRedis, to: ActiveRedis, count?: number): Promise<void> {
  const have = (await to.vector())[origin] ?? '0-0';
  const entries = await from.tail(origin, have, count);
  if (origin === to.origin || entries.length === 0) return;
  const said = String(await to.apply(origin, have, entries));
  if (said.startsWith('-')) throw new Error(said);
}

/** Brings everything to everybody. */
export async function settle(all: readonly ActiveRedis[]): Promise<void> {
  for (const to of [...all, ...all]) {
    for (const from of all) {
      if (from === to) continue;
      for (const origin of Object.keys(await from.vector())) await bring(origin, from, to);
    }
  }
}

/** Three clusters, `a.0`, `b.0` and `c.0`. */
export const three = (): Promise<ActiveRedis[]> => Promise.all(['a.0', 'b.0', 'c.0'].map((o) => ActiveRedis.start(o)));
