// What all clients of one gateway share.
import type { Duplex } from 'node:stream';
import { type Clock, within } from '../../kernel/index.ts';
import { field } from '../adapters/info.ts';
import type { EpochValue } from '../model.ts';
import type { RedisSecrets } from '../redisconf.ts';
import { bytesOf } from '../resp/replies.ts';
import { decode, encode } from '../resp/values.ts';
import { Acks } from './acks.ts';
import { Rulebook } from './commands.ts';
import { type Arrival, isFull } from './exchange.ts';
import type { Homes } from './homes.ts';
import { Lanes } from './lanes.ts';
import type { Peers } from './peers.ts';
import type { Room } from './says.ts';
import { type Token, Tokens } from './tokens.ts';
import { copiesOf, textOf, Upstream } from './upstream.ts';

export interface GatewayDeps {
  homes: Homes;
  /** A stream to the Redis of that primary. Rejects when there is no way. */
  openHome(v: EpochValue): Promise<Duplex>;
  /** A stream to the Redis of this cluster. */
  openLocal(): Promise<Duplex>;
  secrets: Pick<RedisSecrets, 'write' | 'read'>;
  clock: Clock;
  /** How long a command that was not sent waits for a home, milliseconds. */
  holdMs: number;
  /** Most commands and bytes that wait; default 10,000 and 64 MiB. */
  holdCommands?: number;
  holdBytes?: number;
  /** How long a write waits for its second copy, milliseconds; default 5000. */
  ackMs?: number;
  /** How long a read waits for what its client wrote, milliseconds; default 500. */
  freshMs?: number;
  /** Every cluster takes writes; `quorum`: a write is answered once a peer has it. */
  active?: 'local' | 'quorum';
  /** What clients have seen; default: known to this gateway alone. */
  tokens?: Tokens;
  /** The other gateways of the cluster. */
  peers?: Pick<Peers, 'tell'>;
}

/** Time to open one connection, between two tries, two looks at silent connections, two questions for copies. Milliseconds. */
const [OPEN_MS, AGAIN_MS, WATCH_MS, COPY_MS] = [5000, 50, 250, 15];
/** So long the figures of a home without room are those of now. */
const ROOM_MS = 1000;

function leaving(): PromiseWithResolvers<never> {
  const left = Promise.withResolvers<never>();
  left.promise.catch(() => undefined);
  return left;
}

export class Core {
  readonly deps: GatewayDeps;
  readonly tokens: Tokens;
  /** Where a peer confirms writes. */
  readonly #acks: Acks | undefined;
  #book: Rulebook | undefined;
  #commands = 0;
  #bytes = 0;
  #home: Lanes | undefined;
  #copy: Lanes | undefined;
  #reaching: Promise<Lanes> | undefined;
  #copying: Promise<Lanes> | undefined;
  /** Fails when the home that was known has been left for another one: nobody waits for it any longer. */
  #left: PromiseWithResolvers<never> = leaving();
  /** Connections to the primary that belong to one client. */
  readonly #own = new Set<Upstream>();
  /** What home said of its memory, and when that was asked. */
  #room: { at: number; is: Promise<Room | undefined> } | undefined;
  room: Room | undefined;
  /** Counters for people. */
  readonly counts = { full: 0, writes: 0, reads: 0, unknown: 0, noQuorum: 0, busy: 0, refused: 0, elsewhere: 0 };

  constructor(deps: GatewayDeps) {
    this.deps = deps;
    this.tokens = deps.tokens ?? new Tokens();
    const { clock, ackMs = 5000 } = deps;
    this.#acks = deps.active === 'quorum' ? new Acks({ open: () => this.here('1'), clock, ackMs }) : undefined;
    deps.homes.onEpoch = ({ epoch }) => this.#moved(epoch);
  }

  now(): number {
    return this.deps.clock.monotonic();
  }
  get book(): Rulebook | undefined {
    return this.#book;
  }

  /** Puts a command into the waiting room; false when it is full. */
  enter(commands: number, bytes: number): boolean {
    const { holdCommands = 10_000, holdBytes = 64 << 20 } = this.deps;
    if (this.#commands + commands > holdCommands || this.#bytes + bytes > holdBytes) return false;
    this.#commands += commands;
    this.#bytes += bytes;
    return true;
  }
  leave(commands: number, bytes: number): void {
    this.#commands -= commands;
    this.#bytes -= bytes;
  }

  /** What these clients have seen; their replies wait for the end of the promise. */
  seen(sources: readonly string[], at: Token, written: boolean): Promise<void> | undefined {
    // Where every cluster takes writes, reads and writes go to one Redis.
    if (this.deps.active !== undefined) return undefined;
    for (const s of sources) this.tokens.raise(s, at);
    return written ? this.deps.peers?.tell(sources, at) : undefined;
  }

  /** True once a peer has that own entry. */
  async confirmed(own: string): Promise<boolean> {
    return (await this.#acks?.confirmed(own)) ?? false;
  }

  /** Home refused something for want of room: hears how much there is. Nothing to wait for otherwise. */
  filled(a: Arrival): Promise<void> | undefined {
    if (a.is !== 'replies' || !a.replies.some(isFull)) return undefined;
    this.counts.full += 1;
    const now = this.now();
    if (this.#room === undefined || now - this.#room.at > ROOM_MS) this.#room = { at: now, is: this.#roomAtHome() };
    return this.#room.is.then((room) => void (this.room = room));
  }
  async #roomAtHome(): Promise<Room | undefined> {
    const asked = this.home(false)?.exchange([encode(['INFO', 'memory'])], '', false);
    const got = await within(this.deps.clock, ROOM_MS, asked ?? Promise.resolve(undefined), () => undefined);
    const said = got?.is === 'replies' ? textOf(got.replies[0]) : undefined;
    const limit = Number(field(said ?? '', 'maxmemory'));
    return limit > 0 ? { used: Number(field(said ?? '', 'used_memory')), limit } : undefined;
  }

  /** The connections to the home that is known now, when they are open and may be used for that. */
  home(write: boolean): Lanes | undefined {
    const { homes } = this.deps;
    const lanes = this.#home;
    const open = lanes?.closed === false && !homes.held && lanes.epoch === homes.value?.epoch;
    return open && (lanes.writable || !write) ? lanes : undefined;
  }

  /** Opens them; one attempt at a time for all clients. Throws with the reason. */
  async reach(write: boolean): Promise<void> {
    const lanes = this.home(false) ?? (await this.#reached());
    if (write) await lanes.staff();
  }
  #reached(): Promise<Lanes> {
    if (this.#reaching !== undefined) return this.#reaching;
    const opening = this.#open('home');
    this.#reaching = opening;
    const over = (): void => void (this.#reaching === opening && (this.#reaching = undefined));
    opening.then(over, over);
    return opening;
  }

  /** The connection to the Redis of this cluster, while it is open. */
  get copy(): Lanes | undefined {
    return this.#copy?.closed === false ? this.#copy : undefined;
  }
  async reachCopy(): Promise<Lanes> {
    if (this.copy !== undefined) return this.copy;
    this.#copying ??= this.#open('copy').finally(() => (this.#copying = undefined));
    return await this.#copying;
  }

  /** True when the copy here is of the epoch `least` or later and has what the token stands for; waits a little for it. */
  async caughtUp(least: number, token: Token | undefined): Promise<boolean> {
    const { clock, freshMs = 500 } = this.deps;
    const epoch = { epoch: Math.max(1, least), offset: 0 };
    const end = this.now() + freshMs;
    for (let ms = 1; ; ms = Math.min(20, ms * 2)) {
      const lanes = await this.reachCopy().catch(() => undefined);
      if (lanes === undefined) return false;
      const whole = (): boolean => lanes.has(epoch) && (token === undefined || lanes.has(token));
      if (!whole()) await lanes.look();
      if (whole()) return true;
      // A copy of an older epoch is not waited for: its new primary may be an ocean away.
      if (!lanes.has(epoch) || this.now() >= end) return false;
      await clock.sleep(ms);
    }
  }

  async #open(kind: 'home' | 'copy'): Promise<Lanes> {
    const { homes, ackMs = 5000 } = this.deps;
    const v = homes.value;
    if (kind === 'home' && v === undefined) throw new Error('no home is known');
    if (kind === 'home' && homes.held) throw new Error('a planned move is under way');
    const lanes = await Lanes.open({
      kind,
      open: (to) => (kind === 'home' && v !== undefined ? this.#atHome(v, to, '0') : this.here('0')),
      seen: (sources, at, written) => this.seen(sources, at, written),
      confirmed: (own) => this.confirmed(own),
      ackMs,
    });
    if (kind === 'copy') this.#copy = lanes;
    else {
      this.#home?.close();
      this.#home = lanes;
    }
    return lanes;
  }

  /** A connection of one client to the home that is known now. Throws with the reason. */
  async own(db: string): Promise<Upstream> {
    const { homes } = this.deps;
    if (homes.value === undefined) throw new Error('no home is known');
    if (homes.held) throw new Error('a planned move is under way');
    const up = await this.#atHome(homes.value, 'write', db);
    this.#own.add(up);
    up.onClose = () => this.#own.delete(up);
    return up;
  }

  /** A connection to the primary of `v`; for writes only once enough copies follow it. Throws with the reason. */
  async #atHome(v: EpochValue, to: 'read' | 'write', db: string): Promise<Upstream> {
    const { secrets, active } = this.deps;
    const confirms = active === 'quorum';
    const opening = this.#connect(this.deps.openHome(v), { user: 'tw-w', password: secrets.write, db, confirms });
    opening.then((late) => v.epoch !== this.deps.homes.value?.epoch && late.close()).catch(() => undefined);
    const up = await Promise.race([opening, this.#left.promise]);
    try {
      if (up.epoch !== v.epoch) throw new Error(`${v.primary} is at epoch ${up.epoch}, not ${v.epoch}`);
      if (to === 'write') await this.#followed(up, v);
      return up;
    } catch (error) {
      up.close();
      throw error;
    }
  }
  async #followed(up: Upstream, v: EpochValue): Promise<void> {
    const end = this.now() + OPEN_MS;
    for (let copies = up.copies; copies < up.w; copies = await copiesOf(up)) {
      if (this.now() >= end) throw new Error(`too few copies follow ${v.primary}`);
      await this.deps.clock.sleep(COPY_MS);
    }
  }

  /** A connection to the Redis of this cluster. */
  async here(db: string): Promise<Upstream> {
    return await this.#connect(this.deps.openLocal(), { user: 'tw-r', password: this.deps.secrets.read, db });
  }

  async #connect(
    stream: Promise<Duplex>,
    o: { user: string; password: string; db: string; confirms?: boolean },
  ): Promise<Upstream> {
    const { clock, ackMs = 5000 } = this.deps;
    let late = false;
    const opening = stream.then((s) => Upstream.open(s, { ...o, ackMs }));
    opening.then((up) => late && up.close()).catch(() => undefined);
    return await within(clock, OPEN_MS, opening, () => {
      late = true;
      throw new Error(`no answer for ${OPEN_MS} ms`);
    });
  }

  /** Nobody hears any more of what is on its way to an older home: it may never have come, or never be acknowledged. */
  #moved(epoch: number): void {
    this.#left.reject(new Error('home has moved'));
    this.#left = leaving();
    this.#reaching = undefined;
    if (this.#home !== undefined && this.#home.epoch < epoch) this.#home.close();
    for (const up of [...this.#own]) if (up.epoch < epoch) up.close();
  }

  /** Ends connections whose other side is gone without a word, until the signal fires. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.deps;
    const listening = this.#acks?.run(signal);
    let last = this.now();
    while (!signal.aborted) {
      await clock.sleep(WATCH_MS, signal).catch(() => undefined);
      // After a pause of this very process the answers may be here, unread.
      const paused = this.now() - last > 3 * WATCH_MS;
      last = this.now();
      if (paused) continue;
      this.#home?.watch();
      this.copy?.watch();
    }
    this.#home?.close();
    this.#copy?.close();
    await listening;
  }

  /** Learns Redis' own table of commands, from whichever Redis answers first. Gives up when the signal fires. */
  async learn(signal: AbortSignal): Promise<void> {
    const { homes, clock } = this.deps;
    while (!signal.aborted && this.#book === undefined) {
      const { value } = homes;
      const tries = [this.here('0'), ...(value === undefined ? [] : [this.#atHome(value, 'read', '0')])];
      const asked = tries.map(async (opening) => {
        const up = await opening;
        const late = (): never => {
          throw new Error('no answer');
        };
        return await within(clock, OPEN_MS, up.send([encode(['COMMAND'])], 1), late).finally(() => up.close());
      });
      const [said] = await Promise.any(asked).catch(() => []);
      if (said !== undefined) this.#book = new Rulebook(decode(bytesOf(said)));
      else await homes.next(clock, AGAIN_MS);
    }
  }
}
