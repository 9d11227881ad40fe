import type { AgentState, Setup, StateTxn } from '../../../src/state/model.ts';
import { at, NAMES, type Redis, type Size, type Voter, wordsOf } from './layout.ts';
import { Pool, stable } from './pool.ts';
import { isSpent, type Store } from './store.ts';

/** The agent of a voter; `at`: commands of a promotion that are done. */
export interface Agent {
  s: AgentState;
  at: number;
}
/** One client's write: not made, waiting on a voter (offset, epoch; `late`: made after a restore had taken its place), acknowledged in an epoch, or of unknown fate. */
export type Write =
  | { is: '-' | 'U' }
  | { is: 'p'; voter: Voter; offset: number; epoch: number; late?: true }
  | { is: 'A'; epoch: number };
export interface Budgets {
  restarts: number;
  crashes: number;
  seals: number;
  restores?: number;
}
export interface State {
  agents: Agent[];
  redises: Redis[];
  /** Three bits per pair, so that four places have 36: what the primary has heard from the replica. */
  acks: number;
  store: Store;
  /** Transactions that may still land. */
  flights: readonly StateTxn[];
  writes: readonly Write[];
  budgets: Budgets;
}

const MIRROR = [0, 2, 1];
const mirror = (v: Voter): Voter => (v < 0 ? v : (MIRROR[v] as number));
const mirrorText = (t: string): string => t.replace(/\b(sa|au)\b/g, (n) => (n === 'sa' ? 'au' : 'sa'));
const mirrorJson = <T>(v: T): T => JSON.parse(mirrorText(JSON.stringify(v))) as T;

const WORD = 2 ** 32;
const SLOTS = Array.from({ length: 12 }, (_, i) => 8 ** i);
const slot = (to: Voter, from: Voter): number => SLOTS[to * 3 + (from > to ? from - 1 : from)] as number;
export const ackOf = (acks: number, to: Voter, from: Voter): number => Math.floor(acks / slot(to, from)) % 8;
export function withAck(acks: number, x: { to: Voter; from: Voter }, offset: number): number {
  if (offset > 7) throw new Error('three bits are too few for this world');
  return acks + (offset - ackOf(acks, x.to, x.from)) * slot(x.to, x.from);
}

function mirrorAcks(acks: number): number {
  let out = 0;
  for (let to = 0; to < 3; to++)
    for (let from = 0; from < 3; from++)
      if (to !== from) out = withAck(out, { to: mirror(to), from: mirror(from) }, ackOf(acks, to, from));
  return out;
}

const redisText = (r: Redis): string =>
  `${r.run}|${r.log}|${r.role}|${r.epoch}|${r.target}|${r.quiet}|${r.attached}|${r.late}|${r.disk}`;
const mirrorRedis = (r: Redis): Redis => ({
  ...r,
  target: mirror(r.target),
  late: r.late.replace(/([FQ])(.)(.)/g, (_, c: string, e: string, t: string) => `${c}${e}${mirror(Number(t))}`),
});
const agentText = (a: Agent): string => {
  const { setup: _, ...rest } = a.s;
  return `${a.at}${stable(rest)}`;
};
const writesText = (ws: readonly Write[]): string =>
  ws
    .map((w) =>
      w.is === 'p'
        ? `p${w.voter}${w.offset}.${w.epoch}${w.late === true ? 'l' : ''}`
        : w.is === 'A'
          ? `A${w.epoch}`
          : w.is,
    )
    .join();
const mirrorWrite = (w: Write): Write => (w.is === 'p' ? { ...w, voter: mirror(w.voter) } : w);
const flightsText = (f: readonly StateTxn[]): string => f.map(stable).toSorted().join('\n');

/** Every state of one world as a row of numbers, and back. */
export class World {
  readonly size: Size;
  readonly words: number;
  readonly setups: readonly Setup[];
  readonly agents = new Pool<Agent>(agentText, mirrorJson);
  readonly redises = new Pool<Redis>(redisText, mirrorRedis);
  readonly stores = new Pool<Store>(stable, mirrorJson);
  readonly flights = new Pool<readonly StateTxn[]>(flightsText, mirrorJson);
  readonly writes = new Pool<readonly Write[]>(writesText, (ws) => ws.map(mirrorWrite));
  readonly budgets = new Pool<Budgets>(stable, (b) => b);
  readonly #at: ReturnType<typeof at>;
  readonly #other: Uint32Array;
  readonly #placed: readonly Agent[][] = [[], [], [], []];

  constructor(size: Size) {
    this.size = size;
    this.words = wordsOf(size);
    this.#at = at(size);
    this.#other = new Uint32Array(this.words);
    const voters = NAMES.slice(0, size.change?.from ?? size.voters).toSorted();
    this.setups = NAMES.slice(0, size.voters).map((me) => ({ me, voters, judges: voters }));
  }

  read(row: Uint32Array): State {
    const n = this.size.voters;
    const word = (i: number): number => row[i] as number;
    return {
      agents: this.setups.map((_, v) => this.#agent(v, word(v))),
      redises: this.setups.map((_, v) => this.redises.get(word(n + v))),
      acks: word(this.#at.more) * WORD + word(this.#at.acks),
      store: this.stores.get(word(this.#at.store)),
      flights: this.flights.get(word(this.#at.flights)),
      writes: this.writes.get(word(this.#at.writes)),
      budgets: this.budgets.get(word(this.#at.budgets)),
    };
  }

  /** A mirrored state carries its setup along; who the agent is says its place. */
  #agent(v: Voter, n: number): Agent {
    const known = this.#placed[v] as Agent[];
    const a = this.agents.get(n);
    known[n] ??= { at: a.at, s: { ...a.s, setup: this.setups[v] as Setup } };
    return known[n];
  }

  /** Writes `s` as a row; parts that are those of `like` keep its numbers. */
  write(s: State, row: Uint32Array, like?: { s: State; row: Uint32Array }): void {
    const n = this.size.voters;
    const same = (a: unknown, b: unknown, word: number, put: () => number): number =>
      like !== undefined && a === b ? (like.row[word] as number) : put();
    for (let v = 0; v < n; v++) {
      const [a, r] = [s.agents[v] as Agent, s.redises[v] as Redis];
      row[v] = same(a, like?.s.agents[v], v, () => this.agents.put(a));
      row[n + v] = same(r, like?.s.redises[v], n + v, () => this.redises.put(r));
    }
    const { acks, store, flights, writes, budgets, more } = this.#at;
    row[acks] = s.acks % WORD;
    row[more] = Math.floor(s.acks / WORD);
    row[store] = same(s.store, like?.s.store, store, () => this.stores.put(s.store));
    const changed = s.store !== like?.s.store || s.flights !== like.s.flights;
    row[flights] = changed
      ? this.flights.put(s.flights.filter((t) => !isSpent(s.store, t)))
      : (like.row[flights] as number);
    row[writes] = same(s.writes, like?.s.writes, writes, () => this.writes.put(s.writes));
    row[budgets] = same(s.budgets, like?.s.budgets, budgets, () => this.budgets.put(s.budgets));
  }

  /** The lesser of a state and its mirror image, in place. */
  canonical(row: Uint32Array): void {
    if (this.size.voters !== 3 || this.size.change !== undefined || (this.size.faultsAt ?? 0) !== 0) return;
    const o = this.#other;
    for (let v = 0; v < 3; v++) {
      o[mirror(v)] = this.agents.swapped(row[v] as number);
      o[3 + mirror(v)] = this.redises.swapped(row[3 + v] as number);
    }
    const { acks, store, flights, writes, budgets, more } = this.#at;
    const heard = mirrorAcks((row[more] as number) * WORD + (row[acks] as number));
    o[acks] = heard % WORD;
    o[more] = Math.floor(heard / WORD);
    o[store] = this.stores.swapped(row[store] as number);
    o[flights] = this.flights.swapped(row[flights] as number);
    o[writes] = this.writes.swapped(row[writes] as number);
    o[budgets] = row[budgets] as number;
    for (let i = 0; i < this.words; i++) {
      if (o[i] === row[i]) continue;
      if ((o[i] as number) < (row[i] as number)) row.set(o);
      return;
    }
  }
}
