import { type Duplex, duplexPair } from 'node:stream';
import type { PeerNet } from './peers.ts';

/** Gateways of one process, by name. */
export class PeerWorld {
  readonly #doors = new Map<string, (s: Duplex) => void>();
  readonly #deaf = new Set<string>();

  /** What is said to that gateway is not heard any more, without a word; and again. */
  silence(name: string, deaf: boolean): void {
    if (deaf) this.#deaf.add(name);
    else this.#deaf.delete(name);
  }

  net(me: string): PeerNet {
    return {
      connect: async (to) => {
        const door = this.#doors.get(to);
        if (door === undefined) throw new Error(`nobody is called ${to}`);
        const [here, there] = duplexPair();
        for (const [s, from, at] of [
          [here, me, to],
          [there, to, me],
        ] as const)
          this.#mute(s, from, at);
        // Never in the same turn: a network takes a moment.
        setImmediate(() => door(there));
        return here;
      },
      listen: async (take) => {
        if (this.#doors.has(me)) throw new Error(`${me} is taken`);
        this.#doors.set(me, take);
        return { close: () => void this.#doors.delete(me) };
      },
    };
  }

  #mute(s: Duplex, from: string, to: string): void {
    const write = s.write.bind(s);
    s.write = ((chunk: string) =>
      this.#deaf.has(to) || this.#deaf.has(from) ? true : write(chunk)) as Duplex['write'];
  }
}
