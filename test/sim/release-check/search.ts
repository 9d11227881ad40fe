import { Ints, Table } from '../lib/table.ts';
import { canoniser } from './canonical.ts';
import { type Bend, Judge } from './judge.ts';
import { isPersons } from './kinds.ts';
import { badGreen, brakedMember, broken, ended, hasShell } from './laws.ts';
import { type Shape, type Size, shapeOf } from './layout.ts';
import { Moves } from './moves.ts';

/** What a search found; a path is the row of states from the first to the one that breaks the law. */
export interface Found {
  shape: Shape;
  states: number;
  edges: number;
  rounds: number;
  /** States from which a law of liveness cannot be kept any more. */
  stuck: number;
  /** True when every reachable state was visited. */
  whole: boolean;
  broken?: { law: string; path: readonly Uint32Array[] };
}

interface Backwards {
  offsets: Int32Array;
  sources: Int32Array;
}
type Holds = (row: Uint32Array) => boolean;

/** Row 0: nothing but a register at epoch 1, held by the first shell. */
export function firstRow(shape: Shape): Uint32Array {
  const row = new Uint32Array(shape.words);
  row[0] = 1 << 4;
  row[1] = 1 << 4;
  return row;
}

class Search {
  readonly #shape: Shape;
  readonly #moves: Moves;
  readonly #judge: Judge;
  readonly #table: Table;
  readonly #parents = new Ints();
  /** Targets of all moves, state by state; a person's move is stored as `-1 - target`. */
  readonly #targets = new Ints();
  readonly #starts = new Ints();
  readonly #most: number;
  #stuck = 0;
  #fault: { law: string; at: number; extra?: Uint32Array } | undefined;

  constructor(shape: Shape, bend: Bend, most: number) {
    this.#shape = shape;
    this.#judge = new Judge(shape, bend);
    this.#moves = new Moves(shape, this.#judge, bend.blind?.includes('flip') ?? false);
    this.#table = new Table(shape.words);
    this.#most = most;
  }

  run(): Found {
    const canonical = canoniser(this.#shape);
    const row = firstRow(this.#shape);
    canonical(row);
    this.#table.add(row);
    this.#parents.push(-1);
    let n = 0;
    for (; n < this.#table.size && this.#fault === undefined && n < this.#most; n++) {
      this.#table.read(n, row);
      this.#starts.push(this.#targets.length);
      this.#moves.from(row, (next, move, law) => {
        canonical(next);
        this.#visit(next, { from: n, move, law });
      });
    }
    this.#starts.push(this.#targets.length);
    const whole = n === this.#table.size;
    if (whole && this.#fault === undefined) this.#liveness();
    return {
      shape: this.#shape,
      states: this.#table.size,
      edges: this.#targets.length,
      rounds: this.#judge.rounds,
      stuck: this.#stuck,
      whole,
      ...(this.#fault === undefined ? {} : { broken: this.#told(this.#fault) }),
    };
  }

  #visit(next: Uint32Array, x: { from: number; move: number; law: string | undefined }): void {
    const known = this.#table.add(next);
    const target = known < 0 ? -1 - known : known;
    this.#targets.push(isPersons(x.move) ? -1 - target : target);
    if (x.law !== undefined) this.#fault ??= { law: x.law, at: x.from, extra: next.slice() };
    if (known >= 0) {
      this.#parents.push(x.from);
      const law = broken(this.#shape, next);
      if (law !== undefined) this.#fault ??= { law, at: known };
    }
  }

  /** L: from every state with a shell an end can be reached without a person's help; after it no brake stays for ever. */
  #liveness(): void {
    const back = this.#backwards(this.#table.size);
    this.#reach(back, {
      law: 'L no end can be reached any more',
      goal: ended,
      from: (row) => hasShell(this.#shape, row),
    });
    this.#reach(back, {
      law: 'L a brake of a member is never lifted again',
      goal: (row) => ended(row) && !brakedMember(this.#shape, row),
      from: (row) => ended(row) && !badGreen(this.#shape, row),
    });
  }

  /** Every state where `from` holds must have a path to one where `goal` holds. */
  #reach(back: Backwards, x: { law: string; goal: Holds; from: Holds }): void {
    if (this.#fault !== undefined) return;
    const reaches = new Uint8Array(this.#table.size);
    const stack = new Ints();
    const add = (n: number): void => {
      if (reaches[n] === 1) return;
      reaches[n] = 1;
      stack.push(n);
    };
    this.#where(x.goal, add);
    while (stack.length > 0) {
      const n = stack.at(--stack.length);
      for (let i = back.offsets[n] as number; i < (back.offsets[n + 1] as number); i++) add(back.sources[i] as number);
    }
    this.#where(x.from, (n) => {
      if (reaches[n] === 1) return;
      this.#fault ??= { law: x.law, at: n };
      this.#stuck += 1;
    });
  }

  #where(holds: Holds, act: (n: number) => void): void {
    const row = new Uint32Array(this.#shape.words);
    for (let n = 0; n < this.#table.size; n++) {
      this.#table.read(n, row);
      if (holds(row)) act(n);
    }
  }

  #backwards(count: number): Backwards {
    const offsets = new Int32Array(count + 1);
    for (let i = 0; i < this.#targets.length; i++) {
      const to = this.#targets.at(i);
      if (to >= 0) offsets[to + 1] = (offsets[to + 1] as number) + 1;
    }
    for (let n = 0; n < count; n++) offsets[n + 1] = (offsets[n + 1] as number) + (offsets[n] as number);
    const next = offsets.slice();
    const sources = new Int32Array(offsets[count] as number);
    for (let n = 0; n < count; n++)
      for (let i = this.#starts.at(n); i < this.#starts.at(n + 1); i++) {
        const to = this.#targets.at(i);
        if (to >= 0) {
          sources[next[to] as number] = n;
          next[to] = (next[to] as number) + 1;
        }
      }
    return { offsets, sources };
  }

  #told(fault: { law: string; at: number; extra?: Uint32Array }): { law: string; path: readonly Uint32Array[] } {
    const path: Uint32Array[] = fault.extra === undefined ? [] : [fault.extra];
    for (let n = fault.at; n >= 0; n = this.#parents.at(n)) {
      const row = new Uint32Array(this.#shape.words);
      this.#table.read(n, row);
      path.unshift(row);
    }
    return { law: fault.law, path };
  }
}

/** Breadth first over every reachable state; stops at the first fault, so its path is a shortest one. `most`: states to expand. */
export const search = (size: Size, bend: Bend = {}, most = 2 ** 27): Found =>
  new Search(shapeOf(size), bend, most).run();
