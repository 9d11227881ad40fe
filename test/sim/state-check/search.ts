import { Ints, Table } from '../lib/table.ts';
import type { Bend } from './actor.ts';
import { broken } from './laws.ts';
import type { Size } from './layout.ts';
import { Moves } from './moves.ts';
import { firstState } from './start.ts';
import { type State, World } from './world.ts';

export interface Found {
  world: World;
  states: number;
  edges: number;
  /** States in which some write is acknowledged: a search without them shows nothing. */
  acked: number;
  depth: number;
  /** True when every reachable state was visited. */
  whole: boolean;
  /** The path holds one state for it and its mirror image. */
  broken?: { law: string; path: readonly Uint32Array[] };
}

const isAcked = (s: State): boolean => s.writes.some((w) => w.is === 'A');

class Search {
  readonly #world: World;
  readonly #moves: Moves;
  readonly #table: Table;
  readonly #parents = new Ints();
  #edges = 0;
  #acked = 0;
  #fault: { law: string; at: number; extra: Uint32Array } | undefined;

  constructor(size: Size, bend: Bend) {
    this.#world = new World(size);
    this.#moves = new Moves(this.#world, bend);
    this.#table = new Table(this.#world.words);
  }

  run(most: number): Found {
    const row = new Uint32Array(this.#world.words);
    this.#world.write(firstState(this.#world), row);
    this.#world.canonical(row);
    this.#table.add(row);
    this.#parents.push(-1);
    let n = 0;
    let depth = 0;
    for (let level = 1; n < this.#table.size && this.#fault === undefined && n < most; n++) {
      if (n === level) {
        depth += 1;
        level = this.#table.size;
      }
      this.#table.read(n, row);
      this.#moves.from(row, (next, x) => {
        this.#world.canonical(next);
        this.#visit(next, n, x);
      });
    }
    return {
      world: this.#world,
      states: this.#table.size,
      edges: this.#edges,
      acked: this.#acked,
      depth,
      whole: n === this.#table.size && this.#fault === undefined,
      ...(this.#fault === undefined ? {} : { broken: this.#told(this.#fault) }),
    };
  }

  #visit(next: Uint32Array, from: number, x: { state: State; law: string | undefined }): void {
    const known = this.#table.add(next);
    this.#edges += 1;
    if (known >= 0) {
      this.#parents.push(from);
      if (isAcked(x.state)) this.#acked += 1;
    }
    const law = x.law ?? (known >= 0 ? broken(x.state) : undefined);
    if (law !== undefined) this.#fault ??= { law, at: from, extra: next.slice() };
  }

  #told(fault: { law: string; at: number; extra: Uint32Array }): { law: string; path: readonly Uint32Array[] } {
    const path: Uint32Array[] = [fault.extra];
    for (let n = fault.at; n >= 0; n = this.#parents.at(n)) {
      const row = new Uint32Array(this.#world.words);
      this.#table.read(n, row);
      path.unshift(row);
    }
    return { law: fault.law, path };
  }
}

/** Breadth first over every reachable state; stops at the first fault. `most`: states to expand. */
export const search = (size: Size, bend: Bend = {}, most = 2 ** 27): Found => new Search(size, bend).run(most);
