// When entries pass an agent: wrapped around what it sees of its Redis and of its peers.
import { type Id, msOf } from '../../../src/state/active/ids.ts';
import type { ActiveRedis, Peer } from '../../../src/state/active/ports.ts';

type Times = (readonly [Id, number])[];
/** Wall time in milliseconds, by entry; `sent` and `confirmed` by peer. */
export interface Stages {
  me: string;
  seen: Times;
  sent: Record<string, Times>;
  confirmed: Record<string, Times>;
}

const wall = (): number => performance.timeOrigin + performance.now();

/** Own entries alone. */
export class Noted {
  readonly #all: Stages;

  constructor(me: string) {
    this.#all = { me, seen: [], sent: {}, confirmed: {} };
  }

  redis<R extends ActiveRedis>(real: R): R {
    return {
      ...real,
      grown: async (run, x) => {
        const tail = await real.grown(run, x);
        const at = wall();
        if (tail.is === 'entries') for (const e of tail.entries) this.#all.seen.push([e.id, at]);
        return tail;
      },
    };
  }

  peer(to: string, real: Peer): Peer {
    const { me, sent: out, confirmed: back } = this.#all;
    const [sent, confirmed] = [(out[to] ??= []), (back[to] ??= [])];
    return {
      vector: () => real.vector(),
      tail: (origin, after, count) => real.tail(origin, after, count),
      apply: async (origin, prev, entries) => {
        const note = (all: Times): void => {
          const at = wall();
          if (origin.startsWith(`${me}.`)) for (const e of entries) all.push([e.id, at]);
        };
        const answer = real.apply(origin, prev, entries);
        note(sent);
        const end = await answer;
        note(confirmed);
        return end;
      },
      get silence() {
        return real.silence;
      },
      close: () => real.close(),
    };
  }

  since(ms: number): Stages {
    const late = (all: Times): Times => all.filter(([id]) => msOf(id) >= ms);
    const each = (of: Record<string, Times>): Record<string, Times> =>
      Object.fromEntries(Object.entries(of).map(([to, all]) => [to, late(all)]));
    const { me, seen, sent, confirmed } = this.#all;
    return { me, seen: late(seen), sent: each(sent), confirmed: each(confirmed) };
  }
}
