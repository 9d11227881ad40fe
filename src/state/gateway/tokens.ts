import type { Ballot } from '../model.ts';

/** Where a client's last write, or last read at home, is in the log. */
export interface Token {
  epoch: Ballot;
  offset: number;
}

/** True when a copy whose marker says `epoch` and which ends at `offset` has all that the token stands for. */
export function reached(t: Token, epoch: Ballot, offset: number): boolean {
  return epoch > t.epoch || (epoch === t.epoch && offset >= t.offset);
}

/** Tokens by source address; the longest unused ones go first. */
export class Tokens {
  readonly #max: number;
  readonly #of = new Map<string, Token>();

  constructor(max = 10_000) {
    this.#max = max;
  }

  get(source: string): Token | undefined {
    return this.#of.get(source);
  }

  all(): [string, Token][] {
    return [...this.#of];
  }

  raise(source: string, t: Token): void {
    const old = this.#of.get(source);
    if (old !== undefined && !reached(old, t.epoch, t.offset)) return;
    this.#of.delete(source);
    this.#of.set(source, t);
    const first = this.#of.keys().next();
    if (this.#of.size > this.#max && first.done === false) this.#of.delete(first.value);
  }
}
