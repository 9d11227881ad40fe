/** A growing set of equally long rows of numbers; a row keeps the number under which it was added. */
export class Table {
  readonly words: number;
  #rows: Uint32Array;
  #slots: Int32Array;
  #size = 0;

  constructor(words: number, capacity = 1 << 16) {
    this.words = words;
    this.#rows = new Uint32Array(capacity * words);
    this.#slots = new Int32Array(capacity * 2).fill(-1);
  }

  get size(): number {
    return this.#size;
  }

  /** Number of the row: its own when new, `-1 - number` when it was there already. */
  add(row: Uint32Array): number {
    if ((this.#size + 1) * 2 > this.#slots.length) this.#grow();
    const slot = this.#find(row);
    const known = this.#slots[slot] as number;
    if (known >= 0) return -1 - known;
    this.#rows.set(row, this.#size * this.words);
    this.#slots[slot] = this.#size;
    return this.#size++;
  }

  read(n: number, into: Uint32Array): void {
    const at = n * this.words;
    for (let i = 0; i < this.words; i++) into[i] = this.#rows[at + i] as number;
  }

  #find(row: Uint32Array): number {
    const mask = this.#slots.length - 1;
    let h = 0x9e3779b9;
    for (let i = 0; i < this.words; i++) {
      h = Math.imul(h ^ (row[i] as number), 0x85ebca6b);
      h ^= h >>> 15;
    }
    h = Math.imul(h, 0xc2b2ae35);
    let slot = (h ^ (h >>> 16)) & mask;
    for (;;) {
      const n = this.#slots[slot] as number;
      if (n < 0 || this.#same(n, row)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #same(n: number, row: Uint32Array): boolean {
    const at = n * this.words;
    for (let i = 0; i < this.words; i++) if (this.#rows[at + i] !== row[i]) return false;
    return true;
  }

  #grow(): void {
    const rows = new Uint32Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const row = new Uint32Array(this.words);
    for (let n = 0; n < this.#size; n++) {
      this.read(n, row);
      this.#slots[this.#find(row)] = n;
    }
  }
}

/** A growing row of integers. */
export class Ints {
  #data = new Int32Array(1 << 16);
  length = 0;
  push(n: number): void {
    if (this.length === this.#data.length) {
      const more = new Int32Array(this.#data.length * 2);
      more.set(this.#data);
      this.#data = more;
    }
    this.#data[this.length++] = n;
  }
  at(i: number): number {
    return this.#data[i] as number;
  }
}
