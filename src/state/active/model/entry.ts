// What an entry of an origin's log says. Keys, members and values are bytes, here as latin1.

/** s = string, h = field of a hash, t = member of a set, x = expiry of a key; `sub` is '' but for h and t. */
export interface Cell {
  kind: 's' | 'h' | 't' | 'x';
  key: string;
  sub: string;
}
/** What one entry added to one cell, or to a list. `n` orders the stamps. */
export interface Dot {
  origin: string;
  n: number;
}
/** All that `origin` added to the counter of a cell up to its entry `last`. */
export interface Reset {
  origin: string;
  last: number;
}
/** `gen`: the entry in which the origin's count began; none = this one. */
export interface Increment {
  gen: number | undefined;
  delta: number;
}

/** Everything that removes names what it has seen: dots and resets, or for whole keys the vector. */
export type Operation =
  | { do: 'write'; cell: Cell; value: string; dots: readonly Dot[]; resets: readonly Reset[] }
  | { do: 'remove'; cell: Cell; dots: readonly Dot[]; resets: readonly Reset[] }
  | { do: 'add'; cell: Cell; by: Increment }
  | { do: 'push'; key: string; side: 'L' | 'R'; values: readonly string[] }
  | {
      do: 'delete';
      keys: readonly string[];
      vector: Readonly<Record<string, number>>;
      resets: readonly { cell: Cell; reset: Reset }[];
    };
