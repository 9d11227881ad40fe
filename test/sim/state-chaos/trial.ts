// One trial: writers in every cloud, one fault, a verdict over everything that was said.
import { setTimeout as delay } from 'node:timers/promises';
import { chance } from '../../../bench/lib/chance.ts';
import { check, type History, type Read, type Verdict, type Write } from './checker.ts';
import { CLOUDS, type Cloud, type Wan } from './wan.ts';

/** One connection of an app; ends in no exception. */
export interface AppClient {
  /** RPUSH. */
  write(value: string): Promise<Write['result']>;
  /** The list as this cloud reads it; undefined = no answer. */
  read?(): Promise<string[] | undefined>;
  close(): void;
}

/** A store under test, one Redis per cloud. */
export interface Subject {
  readonly name: string;
  readonly wan: Wan;
  /** Where writes go now. */
  home(): Promise<Cloud>;
  client(at: Cloud): AppClient;
  /** kill -9 of a cloud's Redis. */
  kill(at: Cloud): Promise<void>;
  /** Starts it again with nothing on its disk. */
  restartEmpty(at: Cloud): Promise<void>;
  /** The list once everything has settled. Throws when it never does. */
  settle(): Promise<string[]>;
  close(): Promise<void>;
}

export const FAULTS = ['kill', 'empty restart', 'isolate and heal', 'region lost'] as const;
export type Fault = (typeof FAULTS)[number];

export interface TrialOptions {
  fault: Fault;
  seed: number;
  /** Connections per cloud, each with one write at a time. */
  clients?: number;
  /** Milliseconds: how long a new home is waited for, how long writes go on after that, and of the cut. */
  patience?: number;
  after?: number;
  cut?: number;
}

export interface Outcome extends Verdict {
  fault: Fault;
  seed: number;
  home: Cloud;
  /** From the fault to the end of the first acknowledged write that was begun after it, milliseconds; undefined = none. */
  rto: number | undefined;
  /** Acks that the cut cloud's clients got while it was cut, from one cut connection round trip on. */
  isolatedAcks: number;
}

const now = (): number => performance.now();

class Load {
  readonly writes: Write[] = [];
  readonly reads: Read[] = [];
  readonly #clients: AppClient[] = [];
  #running = true;
  #n = 0;
  readonly #loops: Promise<void>[] = [];

  start(s: Subject, perCloud: number): void {
    for (const at of CLOUDS)
      for (let i = 0; i < perCloud; i++) {
        const client = s.client(at);
        this.#clients.push(client);
        this.#loops.push(this.#loop(client, `${at}${i}`));
      }
  }

  async #loop(client: AppClient, name: string): Promise<void> {
    while (this.#running) {
      this.#n += 1;
      const value = `${name}-${this.#n}`;
      const from = now();
      const result = await client.write(value);
      this.writes.push({ client: name, value, from, to: now(), result });
      if (this.#n % 7 === 0) await this.#read(client, name);
      await delay(result === 'ok' ? 25 : 60);
    }
  }

  /** True once each client had an acknowledged write. */
  get warm(): boolean {
    const acked = new Set(this.writes.filter((w) => w.result === 'ok').map((w) => w.client));
    return acked.size === this.#clients.length;
  }

  /** When the first acknowledged write ended that other clouds than `but` began after `from`; Infinity = none. */
  firstAfter(from: number, but: Cloud): number {
    const later = this.writes.filter((w) => w.result === 'ok' && w.from > from && !w.client.startsWith(but));
    return Math.min(...later.map((w) => w.to));
  }

  async #read(client: AppClient, name: string): Promise<void> {
    const from = now();
    const seen = await client.read?.();
    if (seen !== undefined) this.reads.push({ client: name, from, to: now(), seen });
  }

  async stop(): Promise<History> {
    this.#running = false;
    await Promise.all(this.#loops);
    for (const c of this.#clients) c.close();
    return this;
  }
}

async function strike(s: Subject, home: Cloud, o: Required<TrialOptions>): Promise<void> {
  if (o.fault === 'kill') await s.kill(home);
  else if (o.fault === 'empty restart') await s.restartEmpty(home);
  else s.wan.isolate(home);
  if (o.fault !== 'isolate and heal') return;
  await delay(o.cut);
  s.wan.heal();
}

async function until(ready: () => boolean, limitMs: number): Promise<void> {
  const end = now() + limitMs;
  while (!ready() && now() < end) await delay(25);
}

/** Runs one trial to its verdict. */
export async function trial(s: Subject, options: TrialOptions): Promise<Outcome> {
  const rnd = chance(options.seed);
  const o = { clients: 6, patience: 20_000, after: 4000, cut: 2200 + Math.floor(rnd() * 2400), ...options };
  const load = new Load();
  load.start(s, o.clients);
  await until(() => load.warm, 20_000);
  await delay(1000 + rnd() * 300);
  const home = await s.home();
  const at = now();
  await strike(s, home, o);
  await until(() => Number.isFinite(load.firstAfter(at, home)), o.patience);
  await delay(o.after);
  const healed = o.fault === 'isolate and heal' ? at + o.cut : now();
  s.wan.heal();
  const h = await load.stop();
  const verdict = check(h, await s.settle());
  const acked = h.writes.filter((w) => w.result === 'ok');
  const first = load.firstAfter(at, home);
  const cutOff = o.fault === 'isolate and heal' || o.fault === 'region lost';
  const inside = acked.filter((w) => w.client.startsWith(home) && w.from > at + 400 && w.to < healed);
  // A home that is cut off shows its own clients writes that it will never acknowledge.
  const elsewhere = (r: Read): boolean => !cutOff || !r.client.startsWith(home);
  return {
    ...verdict,
    notPrefix: verdict.notPrefix.filter(elsewhere),
    wentBack: verdict.wentBack.filter(elsewhere),
    fault: o.fault,
    seed: o.seed,
    home,
    rto: Number.isFinite(first) ? first - at : undefined,
    isolatedAcks: cutOff ? inside.length : 0,
  };
}
