// The reference of the merges, as plain as can be: it keeps everything that was ever added and everything that was ever
// removed, and what a key shows is asked of these sets. So the order of entries of different origins cannot matter.
import type { Cell, Dot, Operation } from './entry.ts';

const MAX = Number.MAX_SAFE_INTEGER;

export type Shown =
  | { is: 'string'; value: string }
  | { is: 'hash'; fields: Readonly<Record<string, string>> }
  | { is: 'set'; members: readonly string[] }
  | { is: 'list'; values: readonly string[] };

interface Element extends Dot {
  side: 'L' | 'R';
  sub: number;
  value: string;
}
interface Added extends Dot {
  value: string;
}
interface Addition extends Dot {
  gen: number;
  delta: number;
}
interface CellFacts {
  added: Added[];
  removed: Set<string>;
  additions: Addition[];
  /** Greatest reset of each origin. */
  resets: Map<string, number>;
}
interface KeyFacts {
  cells: Record<Cell['kind'], Map<string, CellFacts>>;
  elements: Element[];
  /** Greatest stamp of each origin that a deletion has seen. */
  cut: Map<string, number>;
}

const name = (d: Dot): string => `${d.n} ${d.origin}`;
const byStamp = (a: Dot, b: Dot): number => a.n - b.n || (a.origin < b.origin ? -1 : Number(a.origin > b.origin));
const raise = (of: Map<string, number>, origin: string, n: number): void =>
  void of.set(origin, Math.max(of.get(origin) ?? Number.NEGATIVE_INFINITY, n));
const upTo = (of: ReadonlyMap<string, number>, d: Dot): boolean =>
  d.n <= (of.get(d.origin) ?? Number.NEGATIVE_INFINITY);

/** Whole numbers as Redis writes them, as far as a double is exact. */
function integer(text: string): number | undefined {
  if (!/^(0|-?[1-9]\d{0,15})$/.test(text)) return undefined;
  return Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

export class ActiveModel {
  readonly #keys = new Map<string, KeyFacts>();

  /** Takes one entry: in the order of its origin, in any order among origins. */
  take(entry: Dot, operations: readonly Operation[]): void {
    for (const op of operations) this.#take(entry, op);
  }
  #take({ origin, n }: Dot, op: Operation): void {
    switch (op.do) {
      case 'write':
        this.#remove(op);
        this.#cell(op.cell).added.push({ origin, n, value: op.value });
        break;
      case 'remove':
        this.#remove(op);
        break;
      case 'add':
        this.#cell(op.cell).additions.push({ origin, n, gen: op.by.gen ?? n, delta: op.by.delta });
        break;
      case 'push':
        this.#key(op.key).elements.push(...op.values.map((value, sub) => ({ origin, n, sub, side: op.side, value })));
        break;
      case 'delete':
        for (const { cell, reset } of op.resets) raise(this.#cell(cell).resets, reset.origin, reset.last);
        for (const key of op.keys) for (const [o, v] of Object.entries(op.vector)) raise(this.#key(key).cut, o, v);
    }
  }
  #remove(op: Extract<Operation, { do: 'write' | 'remove' }>): void {
    const cell = this.#cell(op.cell);
    for (const d of op.dots) cell.removed.add(name(d));
    for (const r of op.resets) raise(cell.resets, r.origin, r.last);
  }

  #key(key: string): KeyFacts {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const cells = { s: new Map(), h: new Map(), t: new Map(), x: new Map() };
    const fresh: KeyFacts = { cells, elements: [], cut: new Map() };
    this.#keys.set(key, fresh);
    return fresh;
  }
  #cell({ key, kind, sub }: Cell): CellFacts {
    const cells = this.#key(key).cells[kind];
    const known = cells.get(sub) ?? { added: [], removed: new Set(), additions: [], resets: new Map() };
    cells.set(sub, known);
    return known;
  }

  /** Keys that show something. */
  keys(): string[] {
    return [...this.#keys.keys()].filter((k) => this.read(k) !== undefined);
  }
  /** When the key ends, milliseconds since 1970; also of a key that shows nothing. */
  expiry(key: string): number | undefined {
    const said = this.#cells(key, 'x')[0]?.[1];
    return said === undefined ? undefined : Number(said);
  }
  /** What an app sees; of kinds that were created at once the first of list, set, hash, string. */
  read(key: string): Shown | undefined {
    const values = this.#list(key);
    if (values.length > 0) return { is: 'list', values };
    const members = this.#cells(key, 't').map(([sub]) => sub);
    if (members.length > 0) return { is: 'set', members: members.toSorted() };
    const fields = this.#cells(key, 'h');
    if (fields.length > 0) return { is: 'hash', fields: Object.fromEntries(fields) };
    const value = this.#cells(key, 's')[0]?.[1];
    return value === undefined ? undefined : { is: 'string', value };
  }

  #list(key: string): string[] {
    const facts = this.#keys.get(key);
    if (facts === undefined) return [];
    const live = facts.elements.filter((e) => !upTo(facts.cut, e)).toSorted((a, b) => byStamp(a, b) || a.sub - b.sub);
    const left = live.filter((e) => e.side === 'L').toReversed();
    return [...left, ...live.filter((e) => e.side === 'R')].map((e) => e.value);
  }
  #cells(key: string, kind: Cell['kind']): [string, string][] {
    const facts = this.#keys.get(key);
    if (facts === undefined) return [];
    return [...facts.cells[kind]].flatMap(([sub, cell]): [string, string][] => {
      const value = shown(cell, facts.cut);
      return value === undefined ? [] : [[sub, value]];
    });
  }
}

/** The latest of the registers that are left, and on top what every origin has added since it was reset. */
function shown(cell: CellFacts, cut: ReadonlyMap<string, number>): string | undefined {
  const live = cell.added.filter((d) => !cell.removed.has(name(d)) && !upTo(cut, d));
  const register = live.toSorted(byStamp).at(-1)?.value;
  const latest = new Map<string, number>();
  for (const a of cell.additions) raise(latest, a.origin, a.gen);
  const alive = cell.additions.filter((a) => a.gen === latest.get(a.origin) && !upTo(cell.resets, a));
  if (alive.length === 0) return register;
  const from = register === undefined ? 0 : integer(register);
  if (from === undefined) return register;
  // Whole per origin, and in the order of their names: where a double ends, all clusters must end in the same way.
  const origins = [...new Set(alive.map((a) => a.origin))].toSorted();
  const share = (o: string): bigint => alive.reduce((s, a) => (a.origin === o ? s + BigInt(a.delta) : s), 0n);
  const sum = origins.reduce((s, o) => s + Number(share(o)), from);
  return String(Math.max(-MAX, Math.min(MAX, sum)));
}
