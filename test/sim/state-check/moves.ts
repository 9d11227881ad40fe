import { Actors, type Bend } from './actor.ts';
import { clients, replicate, type Send } from './data.ts';
import { command, redisOf, setRedis } from './redis.ts';
import { restores } from './restore.ts';
import { ballotOf, canLand, landed, opened } from './store.ts';
import type { State, World } from './world.ts';

export type Emit = (next: Uint32Array, x: { state: State; say: () => string; law: string | undefined }) => void;

const copyOf = (s: State): State => ({ ...s, agents: s.agents.slice(), redises: s.redises.slice() });

/** All moves of the world from one state. */
export class Moves {
  readonly #world: World;
  readonly #actors: Actors;
  readonly #bend: Bend;
  readonly #next: Uint32Array;

  constructor(world: World, bend: Bend) {
    this.#world = world;
    this.#bend = bend;
    this.#actors = new Actors(world, bend);
    this.#next = new Uint32Array(world.words);
  }

  /** Calls `emit` for each; the row it gets is reused. */
  from(row: Uint32Array, emit: Emit): void {
    const base = this.#world.read(row);
    const out: Send = {
      begin: () => copyOf(base),
      send: (state, say, law) => {
        this.#world.write(state, this.#next, { s: base, row });
        emit(this.#next, { state, say, law });
      },
    };
    this.#store(base, out);
    this.#actors.from(base, row, out);
    for (let v = 0; v < base.redises.length; v++) {
      replicate(base, v, out, this.#bend.loud === true);
      this.#late(base, v, out);
    }
    clients(base, out, this.#bend.observer === true);
    restores(base, this.#world, { out, bend: this.#bend });
  }

  #store(base: State, out: Send): void {
    const { size } = this.#world;
    const most = size.ballots + (size.start === 'virgin' ? 0 : 1);
    for (const wish of ballotOf(base.store) < most ? new Set([undefined, size.change?.to]) : []) {
      const s = out.begin();
      s.store = opened(s.store, wish);
      const why = wish === undefined ? '' : `, for copies in ${wish.join(', ')}`;
      out.send(s, () => `ballot ${ballotOf(s.store)} is opened${why}`);
    }
    for (const t of base.flights) {
      if (!canLand(base.store, t)) continue;
      const s = out.begin();
      s.store = landed(s.store, t);
      s.flights = s.flights.filter((f) => f !== t);
      out.send(s, () => `the store takes ${t.put[0]?.key} = ${JSON.stringify(t.put[0]?.value)}`);
    }
  }

  #late(base: State, v: number, out: Send): void {
    const [first, ...rest] = redisOf(base, v).late.split(',');
    if (first === undefined || first === '') return;
    const s = out.begin();
    command(s, v, first);
    setRedis(s, v, { late: rest.join() });
    out.send(s, () => `a dead agent's command ${first} reaches Redis ${v}`);
  }
}
