// Apps in every cloud that write to the Redis beside them, and remember what they were told.
import { setTimeout as delay } from 'node:timers/promises';
import { chance } from '../../../bench/lib/chance.ts';
import { RespError } from '../../../src/state/resp/values.ts';
import type { RawClient } from '../../../src/state/testing/redis-process.ts';
import type { Cloud } from '../state-chaos/wan.ts';
import type { Place } from './place.ts';

type Said = 'ok' | 'failed' | 'unknown';
export interface Told {
  at: Cloud;
  /** A word that is written once (list, set), or by how much the counter grows. */
  what: { list: string } | { member: string } | { by: number };
  said: Said;
  /** When it was answered. */
  to: number;
}

/** Calls of which nothing is remembered: they only have to end the same everywhere. */
const OTHERS: readonly ((word: string, n: number) => (string | number)[])[] = [
  (w) => ['tw_set', 1, 'register', w],
  (w, n) => ['tw_hset', 1, 'hash', `f${n % 5}`, w],
  (_, n) => ['tw_hincrby', 1, 'hash', `n${n % 3}`, n % 7],
  (w, n) => ['tw_sadd', 1, 'mixed', `m${n % 9}`, w],
  (_, n) => ['tw_srem', 1, 'mixed', `m${n % 9}`],
  (w) => ['tw_rpush', 1, 'short', w],
  (w) => ['tw_lpush', 1, 'short', w],
  () => ['tw_del', 1, 'short'],
  (w, n) => ['tw_set', 1, `brief${n % 4}`, w, 'PX', 300 + (n % 5) * 300],
  (_, n) => ['tw_incrby', 1, `reset${n % 2}`, n % 11],
  (_, n) => ['tw_del', 1, `reset${n % 2}`, `brief${n % 4}`],
];

export class Load {
  readonly told: Told[] = [];
  readonly #over = new AbortController();
  readonly #loops: Promise<void>[] = [];
  readonly #pauseMs: number;

  /** Each client waits about `pauseMs` after every write. */
  constructor(places: readonly Place[], o: { seed: number; clients: number; pauseMs: number }) {
    this.#pauseMs = o.pauseMs;
    for (const [i, p] of places.entries())
      for (let c = 0; c < o.clients; c++) this.#loops.push(this.#loop(p, chance(o.seed * 1000 + i * 100 + c), c));
  }

  async stop(): Promise<readonly Told[]> {
    this.#over.abort();
    await Promise.all(this.#loops);
    return this.told;
  }

  async #loop(place: Place, rnd: () => number, c: number): Promise<void> {
    let client: RawClient | undefined;
    for (let n = 0; !this.#over.signal.aborted; n++) {
      if (client?.closed !== false) client = await place.login('tw-w').catch(() => undefined);
      if (client === undefined) {
        await delay(40);
        continue;
      }
      await this.#write(client, { place, word: `${place.at}${c}-${n}`, roll: rnd(), n });
      await delay(this.#pauseMs * 2 * rnd());
    }
    client?.close();
  }

  async #write(client: RawClient, x: { place: Place; word: string; roll: number; n: number }): Promise<void> {
    const { place, word, roll, n } = x;
    const by = (n % 5) + 1;
    if (roll < 0.35) await this.#says(client, place, { list: word });
    else if (roll < 0.5) await this.#says(client, place, { member: word });
    else if (roll < 0.65) await this.#says(client, place, { by });
    else {
      const call = OTHERS[Math.floor(((roll - 0.65) / 0.35) * OTHERS.length)]?.(word, n) ?? [];
      await client.ask('FCALL', ...call).catch(() => undefined);
    }
  }
  async #says(client: RawClient, place: Place, what: Told['what']): Promise<void> {
    const said = await client
      .ask('FCALL', ...callOf(what))
      .then((v): Said => (v instanceof RespError ? 'failed' : 'ok'))
      .catch((): Said => 'unknown');
    this.told.push({ at: place.at, what, said, to: performance.now() });
  }
}

function callOf(what: Told['what']): (string | number)[] {
  if ('list' in what) return ['tw_rpush', 1, 'list', what.list];
  return 'member' in what ? ['tw_sadd', 1, 'set', what.member] : ['tw_incrby', 1, 'count', what.by];
}
