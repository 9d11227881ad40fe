/** Values kept once, by their text; a state holds their numbers. */
export class Pool<T extends object> {
  readonly #numbers = new Map<string, number>();
  readonly #values: T[] = [];
  /** The same object is not written out twice. */
  readonly #seen = new WeakMap<T, number>();
  readonly #swapped: number[] = [];
  readonly #textOf: (value: T) => string;
  /** The same value with two voters exchanged. */
  readonly #swap: (value: T) => T;

  constructor(textOf: (value: T) => string, swap: (value: T) => T) {
    this.#textOf = textOf;
    this.#swap = swap;
  }

  put(value: T): number {
    const again = this.#seen.get(value);
    if (again !== undefined) return again;
    const n = this.#number(value);
    this.#seen.set(value, n);
    return n;
  }
  #number(value: T): number {
    const text = this.#textOf(value);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#values.length);
    return this.#values.push(value) - 1;
  }
  get(n: number): T {
    return this.#values[n] as T;
  }
  swapped(n: number): number {
    const known = this.#swapped[n];
    if (known !== undefined) return known;
    const m = this.put(this.#swap(this.get(n)));
    this.#swapped[n] = m;
    this.#swapped[m] = n;
    return m;
  }
}

/** JSON with sorted keys; lists of names are sorted too, because they are sets. */
export function stable(value: unknown): string {
  if (Array.isArray(value)) {
    const parts = value.map(stable);
    return `[${(typeof value[0] === 'string' ? parts.toSorted() : parts).join()}]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts: string[] = [];
  for (const key of Object.keys(value).toSorted()) {
    const v = (value as Record<string, unknown>)[key];
    if (v !== undefined) parts.push(`"${key}":${stable(v)}`);
  }
  return `{${parts.join()}}`;
}
