import { appendFileSync } from 'node:fs';
import { type Clock, digest, type Json, toJson } from '../../kernel/index.ts';
import { readJson, writeJson } from '../adapters/files.ts';
import type { Chaos, ChaosChange, ChaosKind, ChaosReceipt } from '../model.ts';
import { chaosDiff, chaosFaults, healed, isCloudKind, isOneShot, readChaos, type Topology } from '../plan/chaos.ts';
import { type Effects, effectsOf, type LinkOrder, type MachineNames } from '../plan/effects.ts';

/** A change that cannot be made; every fault at once. */
export class ChaosError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join('; '));
    this.faults = faults;
  }
}

/** What chaos can do to the running sandbox. */
export interface ChaosHands {
  power(dead: ReadonlySet<string>): Promise<void>;
  pause(name: string, on: boolean): number;
  killProcess(name: string): boolean;
  net(order: { do: string } & Record<string, Json>): Promise<unknown>;
  /** Begins or ends one chaos of the clouds; rejects with the clouds' words. */
  clouds(change: { begin: Chaos } | { end: Chaos }): Promise<unknown>;
}
export interface ChaosDeps {
  file: string;
  facts: string;
  clock: Clock;
  hands: ChaosHands;
  topology: () => Topology;
  machines: () => MachineNames[];
}

const NOTHING: Effects = {
  dead: new Set(),
  paused: new Set(),
  cut: new Set(),
  apart: new Map(),
  links: [],
  clouds: [],
};

/** Faults in force: the file DIR/chaos.json, its effects on the world, and the receipts. */
export class ChaosEngine {
  readonly #d: ChaosDeps;
  #list: Chaos[] = [];
  #effects: Effects = NOTHING;
  #faults: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #count = 0;

  constructor(d: ChaosDeps) {
    this.#d = d;
  }

  list(): readonly Chaos[] {
    return this.#list;
  }
  faults(): readonly string[] {
    return this.#faults;
  }
  links(): readonly LinkOrder[] {
    return this.#effects.links;
  }

  /** One change. Rejects with ChaosError and leaves everything as it was when it cannot be made. */
  change(change: ChaosChange): Promise<ChaosReceipt> {
    return this.#alone(() => (change.do === 'heal' ? this.#heal(change.what) : this.#begin(change)));
  }

  /** The file as it stands (start of the supervisor, a person's edit). A faulty file changes nothing. */
  reload(): Promise<void> {
    return this.#alone(async () => {
      const value = readJson<unknown>(this.#d.file);
      if (value === undefined) return;
      const read = readChaos(value, this.#d.topology());
      this.#faults = 'faults' in read ? read.faults : [];
      if ('chaos' in read) await this.#become(read.chaos.filter((c) => !this.#over(c)));
    });
  }

  /** Sets every effect again, after the network or the clouds were made anew. */
  again(): Promise<void> {
    return this.#alone(async () => {
      const list = this.#list;
      this.#effects = { ...NOTHING, dead: this.#effects.dead };
      await this.#become(list);
    });
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #begin(change: ChaosChange & { do: 'begin' }): Promise<ChaosReceipt> {
    const at = this.#d.clock.now();
    const args = change.args ?? {};
    const faults = chaosFaults({ kind: change.kind, where: change.where, args }, this.#d.topology());
    if (change.forMs !== undefined && !(change.forMs > 0)) faults.push('for: a duration above 0, such as 30s');
    if (faults.length > 0) throw new ChaosError(faults);
    const kind = change.kind as ChaosKind;
    const id = `${kind}-${digest(toJson([kind, change.where, args, at, this.#count++])).slice(7, 13)}`;
    const until = change.forMs === undefined ? {} : { until: at + change.forMs };
    const chaos: Chaos = { id, kind, where: change.where, args, from: at, ...until };
    if (isOneShot(chaos)) return this.#once(chaos);
    const did = await this.#become([...this.#list, chaos]);
    return this.#receipt({ at, began: [chaos], healed: [], did });
  }

  async #once(chaos: Chaos): Promise<ChaosReceipt> {
    if (chaos.kind === 'drift') {
      await this.#d.hands.clouds({ begin: chaos });
      return this.#receipt({ at: chaos.from, began: [chaos], healed: [], did: [`clouds: drift ${chaos.where}`] });
    }
    const name = chaos.where.slice('process:'.length);
    if (!this.#d.hands.killProcess(name)) throw new ChaosError([`process ${name} does not run`]);
    return this.#receipt({
      at: chaos.from,
      began: [chaos],
      healed: [],
      did: [`${name} killed; the supervisor starts it again`],
    });
  }

  async #heal(what: string | undefined): Promise<ChaosReceipt> {
    const gone = healed(this.#list, what);
    if (what !== undefined && gone.length === 0) {
      const names = this.#list.map((c) => `${c.kind} ${c.where}`).join(', ');
      throw new ChaosError([`nothing in force is called "${what}"${names === '' ? '' : `; in force: ${names}`}`]);
    }
    const did = await this.#become(this.#list.filter((c) => !gone.includes(c)));
    return this.#receipt({ at: this.#d.clock.now(), began: [], healed: gone, did });
  }

  /** Makes exactly `list` true. The file is written first; a refusal by the clouds takes it back. */
  async #become(list: Chaos[]): Promise<string[]> {
    const before = this.#list;
    const { begin, end } = chaosDiff(before, list);
    this.#list = list;
    this.#write();
    try {
      return await this.#apply({ begin, end });
    } catch (error) {
      this.#list = before;
      this.#write();
      await this.#apply({ begin: end, end: begin }).catch(() => undefined);
      throw error;
    } finally {
      this.#plan();
    }
  }

  async #apply(diff: { begin: Chaos[]; end: Chaos[] }): Promise<string[]> {
    const { hands } = this.#d;
    const was = this.#effects;
    const is = effectsOf(this.#list, this.#d.topology(), this.#d.machines());
    const did: string[] = [];
    // The clouds may refuse; nothing else has happened then.
    for (const c of is.clouds.filter((x) => !was.clouds.some((y) => y.id === x.id))) await hands.clouds({ begin: c });
    for (const c of was.clouds.filter((x) => !is.clouds.some((y) => y.id === x.id))) await hands.clouds({ end: c });
    this.#effects = is;
    for (const site of fresh(is.cut, was.cut)) await hands.net({ do: 'partition', site, on: true });
    for (const site of fresh(was.cut, is.cut)) await hands.net({ do: 'partition', site, on: false });
    for (const name of fresh(is.apart, was.apart)) await hands.net({ do: 'isolate', ...is.apart.get(name), on: true });
    for (const name of fresh(was.apart, is.apart))
      await hands.net({ do: 'isolate', ...was.apart.get(name), on: false });
    await this.#bend(was.links, is.links);
    await hands.power(is.dead);
    for (const name of fresh(was.paused, is.paused)) hands.pause(name, false);
    for (const name of fresh(is.paused, was.paused)) did.push(`${name} frozen (${hands.pause(name, true)} processes)`);
    return [...did, ...words(was, is, diff)];
  }

  /** Links have no undo of one change: back to the table, then every change still in force in its order. */
  async #bend(was: readonly LinkOrder[], is: readonly LinkOrder[]): Promise<void> {
    if (JSON.stringify(was) === JSON.stringify(is)) return;
    for (const { from, to, both, wide } of was)
      await this.#d.hands.net({ do: 'link', from, to, both, wide, reset: true });
    for (const { set, ...order } of is)
      await this.#d.hands.net({ do: 'link', ...order, ...(toJson(set) as Record<string, Json>) });
  }

  #over(c: Chaos): boolean {
    return c.until !== undefined && c.until <= this.#d.clock.now();
  }

  /** Wakes up when the next `until` is over. */
  #plan(): void {
    clearTimeout(this.#timer);
    const next = Math.min(...this.#list.map((c) => c.until ?? Number.POSITIVE_INFINITY));
    if (!Number.isFinite(next)) return;
    const wait = Math.min(2 ** 31 - 1, Math.max(0, next - this.#d.clock.now()));
    this.#timer = setTimeout(() => void this.#expire(), wait);
  }

  async #expire(): Promise<void> {
    await this.#alone(async () => {
      const gone = this.#list.filter((c) => this.#over(c));
      const did = await this.#become(this.#list.filter((c) => !this.#over(c)));
      if (gone.length > 0) this.#receipt({ at: this.#d.clock.now(), began: [], healed: gone, did });
    }).catch(() => undefined);
  }

  #write(): void {
    writeJson(this.#d.file, { chaos: this.#list });
  }

  #receipt(receipt: ChaosReceipt): ChaosReceipt {
    appendFileSync(this.#d.facts, `${JSON.stringify({ kind: 'sandbox.chaos', at: receipt.at, data: receipt })}\n`);
    return receipt;
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#queue.then(work, work);
    this.#queue = mine.catch(() => undefined);
    return mine;
  }
}

interface Keyed {
  keys(): Iterable<string>;
  has(key: string): boolean;
}
const fresh = (a: Keyed, b: Keyed): string[] => [...a.keys()].filter((x) => !b.has(x));

function words(was: Effects, is: Effects, diff: { begin: Chaos[]; end: Chaos[] }): string[] {
  return [
    ...fresh(is.dead, was.dead).map((m) => `${m} without power`),
    ...fresh(was.dead, is.dead).map((m) => `${m} powered on`),
    ...[...fresh(is.cut, was.cut), ...fresh(is.apart, was.apart)].map((s) => `${s} cut off`),
    ...[...fresh(was.cut, is.cut), ...fresh(was.apart, is.apart)].map((s) => `${s} connected again`),
    ...fresh(was.paused, is.paused).map((p) => `${p} thawed`),
    ...diff.begin.filter((c) => c.kind === 'link').map((c) => `link ${c.where} changed`),
    ...diff.end.filter((c) => c.kind === 'link').map((c) => `link ${c.where} as before`),
    ...diff.begin.filter((c) => isCloudKind(c.kind)).map((c) => `clouds: ${c.kind} ${c.where} begins`),
    ...diff.end.filter((c) => isCloudKind(c.kind)).map((c) => `clouds: ${c.kind} ${c.where} ends`),
  ];
}
