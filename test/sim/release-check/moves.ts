import type { Effect, Judge, Sight } from './judge.ts';
import { ACTS, aheadOf, endOf, MOVE, moveOf } from './kinds.ts';
import { allVoted } from './laws.ts';
import {
  C,
  COPY,
  eyeOf,
  type Field,
  flightBit,
  GREEN,
  get,
  isTerminal,
  KIND,
  MAX_EPOCH,
  oldEye,
  oldHolds,
  put,
  R,
  type Shape,
  STAGE,
  swOf,
} from './layout.ts';

/** Flips of all epochs. */
const FLIPS = ((1 << MAX_EPOCH) - 1) << (KIND.flip * MAX_EPOCH);

export type Emit = (next: Uint32Array, move: number, broken?: string) => void;

/** All moves of the world from one state. */
export class Moves {
  readonly #s: Shape;
  readonly #judge: Judge;
  /** Wrong designs: flips that test no fence. */
  readonly #blindWrites: boolean;
  readonly #next: Uint32Array;
  readonly #read: Uint32Array;
  #row: Uint32Array;
  #emit: Emit = () => {};

  constructor(shape: Shape, judge: Judge, blindWrites: boolean) {
    this.#s = shape;
    this.#judge = judge;
    this.#blindWrites = blindWrites;
    this.#next = new Uint32Array(shape.words);
    this.#read = new Uint32Array(shape.words);
    this.#row = this.#next;
  }

  /** Calls `emit` for each; the row it gets is reused. */
  from(row: Uint32Array, emit: Emit): void {
    this.#row = row;
    this.#emit = emit;
    for (let sh = 0; sh < this.#s.shells; sh++) {
      this.#claim(sh);
      if (get(row[1 + sh] as number, R.epoch) !== 0) this.#shell(sh);
    }
    this.#register();
    for (let c = 0; c < this.#s.clusters; c++) this.#cluster(c);
    this.#faults();
  }

  #at(c: number): number {
    return this.#s.first + c * this.#s.per;
  }
  #c(c: number): number {
    return this.#row[this.#at(c)] as number;
  }
  #begin(): Uint32Array {
    this.#next.set(this.#row);
    return this.#next;
  }
  #send(move: number, law?: string): void {
    const { words } = this.#s;
    let i = 0;
    while (i < words && this.#next[i] === this.#row[i]) i++;
    if (i < words || law !== undefined) this.#emit(this.#next, move, law);
  }
  #set(c: number, f: Field, value: number): true {
    const i = this.#at(c);
    this.#next[i] = put(this.#next[i] as number, f, value);
    return true;
  }

  /** Writes register and what follows: decisions in flight were made from another revision. */
  #setRegister(f: Field, value: number): void {
    let w = put(this.#next[0] as number, f, value);
    w = put(put(put(w, R.ahead, 0), R.end, 0), R.blind, 0);
    this.#next[0] = w;
    for (let c = 0; c < this.#s.clusters; c++) this.#set(c, C.leave, 0);
  }

  #copyMarks(sh: number, c: number): number {
    return (get(this.#c(c), C.copies) >> (2 * sh)) & 3;
  }
  #isCurrent(sh: number): boolean {
    if ((((this.#row[1 + sh] as number) ^ (this.#row[0] as number)) & COPY) !== 0) return false;
    for (let c = 0; c < this.#s.clusters; c++)
      if (this.#copyMarks(sh, c) !== get(this.#c(c), C.lagging) * 2 + get(this.#c(c), C.givenUp)) return false;
    return true;
  }
  /** The shell's copy becomes the register, in the next row. */
  #copy(sh: number): void {
    this.#next[1 + sh] = (this.#next[0] as number) & COPY;
    for (let c = 0; c < this.#s.clusters; c++) {
      const w = this.#next[this.#at(c)] as number;
      const marks = get(w, C.lagging) * 2 + get(w, C.givenUp);
      this.#set(c, C.copies, (get(w, C.copies) & ~(3 << (2 * sh))) | (marks << (2 * sh)));
    }
  }
  #forget(sh: number, c: number): void {
    if (this.#s.per === 1) return;
    const i = this.#at(c) + 1;
    this.#next[i] = put(put(this.#next[i] as number, oldEye(sh), 0), oldHolds(sh), 0);
  }

  /** A claim by a new process in this place: compare-and-set of epoch + 1, same decision. The one before is dead. */
  #claim(sh: number): void {
    const epoch = get(this.#row[0] as number, R.epoch);
    if (epoch >= this.#s.epochs || (!this.#s.resume && isTerminal(get(this.#row[0] as number, R.stage)))) return;
    this.#begin();
    this.#setRegister(R.epoch, epoch + 1);
    this.#copy(sh);
    for (let c = 0; c < this.#s.clusters; c++) this.#forget(sh, c);
    this.#send(moveOf(MOVE.claim, sh));
  }

  /** A shell acts from the copy it holds, or reads the register first. */
  #shell(sh: number): void {
    if (this.#s.old) this.#look(sh);
    for (let env = 0; env < 4; env++) this.#round(sh, env);
    if (this.#isCurrent(sh)) return;
    const held = get(this.#row[0] as number, R.epoch);
    const claim = get(this.#row[1 + sh] as number, R.epoch);
    if (held !== claim) {
      if (!this.#judge.stepsDown(claim, held)) throw new Error(`epoch ${claim} goes on under ${held}`);
      return;
    }
    const real = this.#row;
    this.#begin();
    this.#copy(sh);
    this.#row = this.#read;
    this.#row.set(this.#next);
    for (let env = 0; env < 4; env++) this.#round(sh, env + 4);
    this.#row = real;
  }

  /** Keeps a view of one cluster for a later round. */
  #look(sh: number): void {
    for (let c = 0; c < this.#s.clusters; c++) if (get(this.#row[this.#at(c) + 1] as number, oldEye(sh)) !== 0) return;
    for (let c = 0; c < this.#s.clusters; c++) {
      const eye = eyeOf(this.#c(c));
      if (eye === 0 || this.#copyMarks(sh, c) >= 2) continue;
      this.#begin();
      const i = this.#at(c) + 1;
      this.#next[i] = put(put(this.#next[i] as number, oldEye(sh), eye), oldHolds(sh), 1);
      this.#send(moveOf(MOVE.look, sh, c));
    }
  }

  #sights(sh: number): Sight[] {
    const out: Sight[] = [];
    for (let c = 0; c < this.#s.clusters; c++) {
      const w = this.#c(c);
      const old = this.#s.per === 2 ? get(this.#row[this.#at(c) + 1] as number, oldEye(sh)) : 0;
      const marks = this.#copyMarks(sh, c);
      const lagging = marks >> 1;
      // What a shell does not look at is one value, so that equal rounds are asked once.
      const eye = old !== 0 ? old : eyeOf(w);
      out.push({
        eye: lagging === 1 ? 0 : eye,
        braked: lagging === 1 ? 0 : get(w, C.braked),
        lagging,
        givenUp: marks & 1,
      });
    }
    return out;
  }

  /** One round: look at all clusters, decide, send. Writes go into flight together, other actions one per move. */
  #round(sh: number, env: number): void {
    const copy = this.#row[1 + sh] as number;
    const effects = this.#judge.ask({
      copy,
      sights: this.#sights(sh),
      due: (env & 2) !== 0,
      mayBrake: (env & 1) !== 0,
    });
    if (effects.length === 0) return;
    const current = this.#isCurrent(sh);
    this.#begin();
    for (const e of effects) this.#intoFlight(sh, e, current);
    if (this.#s.old) for (let c = 0; c < this.#s.clusters; c++) this.#forget(sh, c);
    this.#send(moveOf(MOVE.round, sh, 0, env));
    for (const e of effects) this.#now(sh, e);
  }

  #intoFlight(sh: number, e: Effect, current: boolean): void {
    if (e.does === 'decide') this.#decision(sh, e, current);
    if (e.does !== 'vote' && e.does !== 'flip' && e.does !== 'back') return;
    const i = this.#at(e.cluster);
    if (this.#s.per === 2 && !e.blind) {
      const w = this.#row[i + 1] as number;
      if (get(w, oldEye(sh)) !== 0 && get(w, oldHolds(sh)) === 0) return;
    }
    const bits = get(this.#next[i] as number, C.flights) | flightBit(KIND[e.does], e.epoch);
    this.#set(e.cluster, C.flights, bits);
  }

  #decision(sh: number, e: Effect, current: boolean): void {
    if (!current) {
      if (e.blind && e.leaves < 0 && !this.#holds(sh))
        this.#next[0] = put(this.#next[0] as number, R.blind, e.stage + 1);
      return;
    }
    const stage = get(this.#row[0] as number, R.stage);
    if (e.leaves >= 0) {
      if (e.stage !== stage) throw new Error(`leaving a cluster moves stage ${stage} to ${e.stage}`);
      this.#set(e.leaves, C.leave, 1);
      return;
    }
    const field = e.stage === aheadOf(this.#s, stage) ? R.ahead : R.end;
    if (field === R.end && e.stage !== endOf(stage)) throw new Error(`a decision from stage ${stage} to ${e.stage}`);
    this.#next[0] = put(this.#next[0] as number, field, 1);
  }

  /** Actions on workloads and brakes. What is retired after the end is not noted: ends are final. */
  #now(sh: number, e: Effect): void {
    const i = ACTS.indexOf(e.does);
    this.#begin();
    if (i < 0 || !this.#acts(sh, e)) return;
    this.#send(moveOf(MOVE.act, sh, e.cluster, i * 2 + (e.blue ? 1 : 0)));
  }
  #acts(sh: number, e: Effect): boolean {
    if (e.does === 'brake') return this.#set(e.cluster, C.braked, 1);
    if (e.does === 'lift') return this.#mayLift(sh, e.cluster) && this.#set(e.cluster, C.braked, 0);
    if (e.does === 'makeGreen')
      return get(this.#c(e.cluster), C.green) === GREEN.absent && this.#set(e.cluster, C.green, GREEN.good);
    if (isTerminal(get(this.#row[1 + sh] as number, R.stage))) return false;
    return e.blue ? this.#set(e.cluster, C.noBlue, 1) : this.#set(e.cluster, C.green, GREEN.absent);
  }

  /** A brake has no fence: a shell lifts only after one more look at the register. */
  #mayLift(sh: number, c: number): boolean {
    return this.#holds(sh) && get(this.#c(c), C.lagging) === 0;
  }
  #holds(sh: number): boolean {
    return get(this.#row[0] as number, R.epoch) === get(this.#row[1 + sh] as number, R.epoch);
  }

  /** Decisions in flight land, persons ask. */
  #register(): void {
    const w = this.#row[0] as number;
    const stage = get(w, R.stage);
    if (get(w, R.ahead) === 1) {
      const law = stage === STAGE.preparing && !allVoted(this.#s, this.#row) ? 'I5 commit before all votes' : undefined;
      this.#stage(aheadOf(this.#s, stage), MOVE.ahead, law);
    }
    if (get(w, R.end) === 1) this.#stage(endOf(stage), MOVE.end);
    if (get(w, R.blind) !== 0) this.#stage(get(w, R.blind) - 1, MOVE.blind);
    if (!isTerminal(stage) && get(w, R.rollback) === 0) {
      this.#begin();
      this.#setRegister(R.rollback, 1);
      this.#send(moveOf(MOVE.rollback));
    }
  }
  #stage(stage: number, move: number, law?: string): void {
    this.#begin();
    this.#setRegister(R.stage, stage);
    this.#send(moveOf(move, 0, 0, stage), law);
  }

  #cluster(c: number): void {
    const w = this.#c(c);
    const flights = get(w, C.flights);
    for (let bit = 0; flights >> bit !== 0; bit++)
      if (((flights >> bit) & 1) !== 0) this.#land(c, Math.floor(bit / MAX_EPOCH), (bit % MAX_EPOCH) + 1);
    if (get(w, C.leave) === 1) {
      this.#begin();
      this.#setRegister(R.stage, get(this.#row[0] as number, R.stage));
      this.#set(c, C.lagging, 1);
      this.#send(moveOf(MOVE.leave, 0, c));
    }
  }

  #land(c: number, kind: number, epoch: number): void {
    this.#begin();
    this.#set(c, C.sw, swOf(kind, epoch));
    const flights = get(this.#c(c), C.flights);
    this.#set(c, C.flights, this.#blindWrites ? flights & FLIPS & ~flightBit(kind, epoch) : 0);
    if (this.#s.per === 2)
      for (let sh = 0; sh < this.#s.shells; sh++) {
        const i = this.#at(c) + 1;
        this.#next[i] = put(this.#next[i] as number, oldHolds(sh), 0);
      }
    const early =
      kind === KIND.flip && get(this.#row[0] as number, R.stage) === STAGE.preparing && !allVoted(this.#s, this.#row);
    this.#send(moveOf(MOVE.land, 0, c, kind * 8 + epoch), early ? 'I5 a flip before all votes' : undefined);
  }

  #faults(): void {
    let worst: number = GREEN.absent;
    let cut = 0;
    let asked = 0;
    let flights = (this.#row[0] as number) & ((R.ahead.mask << R.ahead.at) | (R.end.mask << R.end.at));
    for (let c = 0; c < this.#s.clusters; c++) {
      const w = this.#c(c);
      worst = Math.max(worst, get(w, C.green));
      cut |= get(w, C.cut);
      asked |= get(w, C.givenUp);
      flights |= get(w, C.flights) | get(w, C.leave);
    }
    if (flights !== 0) this.#lose();
    const open = !isTerminal(get(this.#row[0] as number, R.stage));
    for (let c = 0; c < this.#s.clusters; c++) {
      if (this.#s.cut) this.#cut(c, cut === 1);
      if (open && worst === GREEN.good) this.#turnsBad(c);
      if (open && this.#s.giveUp && asked === 0) this.#givenUp(c);
    }
  }
  #cut(c: number, some: boolean): void {
    if (get(this.#c(c), C.cut) === 1) this.#one(c, C.cut, 0, MOVE.heal);
    else if (!some) this.#one(c, C.cut, 1, MOVE.cut);
  }
  #turnsBad(c: number): void {
    if (get(this.#c(c), C.green) !== GREEN.good) return;
    if ((this.#s.bad & 1) !== 0) this.#one(c, C.green, GREEN.failing, MOVE.fail);
    if ((this.#s.bad & 2) !== 0) this.#one(c, C.green, GREEN.dead, MOVE.die);
  }
  #givenUp(c: number): void {
    this.#begin();
    this.#setRegister(R.rollback, get(this.#row[0] as number, R.rollback));
    this.#set(c, C.givenUp, 1);
    this.#send(moveOf(MOVE.giveUp, 0, c));
  }
  #one(c: number, f: Field, value: number, move: number): void {
    this.#begin();
    this.#set(c, f, value);
    this.#send(moveOf(move, 0, c));
  }
  #lose(): void {
    this.#begin();
    this.#setRegister(R.rollback, get(this.#row[0] as number, R.rollback));
    for (let c = 0; c < this.#s.clusters; c++) this.#set(c, C.flights, 0);
    this.#send(moveOf(MOVE.lose));
  }
}
