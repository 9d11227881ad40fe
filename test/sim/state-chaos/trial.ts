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
  /** SIGSTOP of a cloud's Redis; then it goes on, and is primary no more once the promise ends. */
  freeze(at: Cloud): Promise<void>;
  thaw(at: Cloud): Promise<void>;
  /** True once every Redis has all of the data and would be counted on. */
  whole(): Promise<boolean>;
  /** Stops all Redis processes in order, with what they have on disk, and starts them again. Absent = not built. */
  restartAll?(): Promise<void>;
  /** Ends (or brings back) all but one member of what the clouds agree by. Absent = not built. */
  agreement?(lost: boolean): void;
  /** The list once everything has settled. Throws when it never does. */
  settle(): Promise<string[]>;
  close(): Promise<void>;
}

export const FAULTS = [
  'kill',
  'empty restart',
  'isolate and heal',
  'region lost',
  'home frozen',
  'one link cut',
  'each restarted empty',
  'all stopped in order',
  'agreement lost',
] as const;
export type Fault = (typeof FAULTS)[number];
/** Home has to stay where it is. */
const STAYS: ReadonlySet<Fault> = new Set(['one link cut', 'agreement lost']);
const isCut = (f: Fault): boolean => f === 'isolate and heal' || f === 'region lost';

export interface TrialOptions {
  fault: Fault;
  seed: number;
  /** Connections per cloud, each with one write at a time. */
  clients?: number;
  /** Milliseconds: how long a new home is waited for, how long writes go on after that, and of the cut. */
  patience?: number;
  after?: number;
  cut?: number;
  /** What happens under load before the fault. */
  before?(): Promise<void>;
}

export interface Outcome extends Verdict {
  fault: Fault;
  seed: number;
  home: Cloud;
  /** From the fault to the end of the first acknowledged write that was begun after it, milliseconds; undefined = none. */
  rto: number | undefined;
  /** Acks that the cut cloud's clients got while it was cut, from one cut connection round trip on. */
  isolatedAcks: number;
  /** Longest time without an acknowledged write of the watched clouds, from the fault on, milliseconds. */
  pause: number;
  /** Home moved though nothing asked for it. */
  moved: boolean;
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

  /** Acknowledged writes of these clouds that began after `from`. */
  #acked(from: number, clouds: readonly Cloud[]): Write[] {
    return this.writes.filter((w) => w.result === 'ok' && w.from > from && clouds.some((c) => w.client.startsWith(c)));
  }
  /** When the first of them ended; Infinity = none. */
  firstAfter(from: number, clouds: readonly Cloud[]): number {
    return Math.min(...this.#acked(from, clouds).map((w) => w.to));
  }
  /** Longest time between the ends of two of them. */
  pauseAfter(from: number, clouds: readonly Cloud[]): number {
    const ends = [from, ...this.#acked(from, clouds).map((w) => w.to)].sort((x, y) => x - y);
    return Math.max(...ends.map((t, i) => t - (ends[i - 1] ?? t)));
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

/** Whom the fault is measured by: those who should hardly notice, or those whose way is cut. */
function watched(fault: Fault, home: Cloud, seed: number): Cloud[] {
  const others = CLOUDS.filter((c) => c !== home);
  if (fault === 'one link cut') return others.filter((_, i) => i === seed % 2);
  return fault === 'all stopped in order' || fault === 'agreement lost' ? [...CLOUDS] : others;
}

type Strike = (s: Subject, home: Cloud, o: Required<Omit<TrialOptions, 'before'>>) => Promise<void> | void;
const STRIKES: Readonly<Record<Fault, Strike>> = {
  kill: (s, home) => s.kill(home),
  'empty restart': (s, home) => s.restartEmpty(home),
  'region lost': (s, home) => s.wan.isolate(home),
  'isolate and heal': async (s, home, o) => {
    s.wan.isolate(home);
    await delay(o.cut);
    s.wan.heal();
  },
  'home frozen': async (s, home, o) => {
    await s.freeze(home);
    await delay(o.cut);
    await s.thaw(home);
  },
  'one link cut': (s, home, o) => s.wan.cut(home, watched(o.fault, home, o.seed)[0] ?? home),
  'each restarted empty': (s, home, o) => eachEmpty(s, home, o.patience),
  'all stopped in order': (s) => s.restartAll?.(),
  'agreement lost': (s) => s.agreement?.(true),
};

/** One after the other, the next one once all have the data again. */
async function eachEmpty(s: Subject, home: Cloud, patience: number): Promise<void> {
  for (const c of [home, ...CLOUDS.filter((x) => x !== home)]) {
    await s.restartEmpty(c);
    // It takes a moment until anybody has noticed.
    await delay(1000);
    await until(() => s.whole(), patience);
  }
}

async function until(ready: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const end = now() + limitMs;
  while (now() < end && !(await Promise.resolve(ready()).catch(() => false))) await delay(25);
}

/** Runs one trial to its verdict. */
export async function trial(s: Subject, options: TrialOptions): Promise<Outcome> {
  const rnd = chance(options.seed);
  const [least, more] = options.fault === 'home frozen' ? [3000, 27_000] : [2200, 2400];
  const o = { clients: 6, patience: 20_000, after: 4000, cut: least + Math.floor(rnd() * more), ...options };
  const load = new Load();
  load.start(s, o.clients);
  await until(() => load.warm, 20_000);
  await delay(1000 + rnd() * 300);
  await o.before?.();
  const home = await s.home();
  const clouds = watched(o.fault, home, o.seed);
  const at = now();
  await STRIKES[o.fault](s, home, o);
  await until(() => Number.isFinite(load.firstAfter(at, clouds)), o.patience);
  await delay(o.after);
  const moved = STAYS.has(o.fault) && (await s.home()) !== home;
  const healed = o.fault === 'isolate and heal' ? at + o.cut : now();
  s.wan.heal();
  s.agreement?.(false);
  const h = await load.stop();
  const verdict = check(h, await s.settle());
  const acked = h.writes.filter((w) => w.result === 'ok');
  const first = load.firstAfter(at, clouds);
  const inside = acked.filter((w) => w.client.startsWith(home) && w.from > at + 400 && w.to < healed);
  // A home that is cut off shows its own clients writes that it will never acknowledge.
  const elsewhere = (r: Read): boolean => !isCut(o.fault) || !r.client.startsWith(home);
  return {
    ...verdict,
    notPrefix: verdict.notPrefix.filter(elsewhere),
    wentBack: verdict.wentBack.filter(elsewhere),
    fault: o.fault,
    seed: o.seed,
    home,
    rto: Number.isFinite(first) ? first - at : undefined,
    isolatedAcks: isCut(o.fault) ? inside.length : 0,
    pause: load.pauseAfter(at, clouds),
    moved,
  };
}
