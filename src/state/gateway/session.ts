// One client: its commands in order, cut into segments; each segment goes to one Redis and comes back whole.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Reply } from '../resp/replies.ts';
import { ProtocolError, type Request, RequestScanner } from '../resp/requests.ts';
import { RespError, reply } from '../resp/values.ts';
import type { Core } from './core.ts';
import { type Arrival, exchange, judge, NOT_APPLIED, toClient, untouched } from './exchange.ts';
import { Lanes } from './lanes.ts';
import { BUSY, noQuorum, OK, type Own, READONLY, refused, UNKNOWN } from './says.ts';
import { type Command, type Item, Transaction } from './transaction.ts';
import { errorOf, type Upstream } from './upstream.ts';

/** Most commands and bytes of one segment, bytes of a client that wait before we stop reading, commands that wait for a lane. */
const [SEGMENT, SEGMENT_BYTES, QUEUE_BYTES, LANE] = [1000, 8 << 20, 16 << 20, 10_000];
const AGAIN_MS = 50;
type Out = readonly Buffer[];

export class Session {
  readonly #core: Core;
  readonly #socket: Socket;
  readonly #kind: 'write' | 'read';
  readonly #source: string;
  readonly #scanner: RequestScanner = new RequestScanner();
  readonly #tx: Transaction<Upstream | Lanes> = new Transaction<Upstream | Lanes>();
  readonly #me: Own;
  #queue: Request[] = [];
  #bytes = 0;
  #running = false;
  /** Connections of its own, for what cannot be shared. */
  #home: Upstream | undefined;
  #local: Upstream | undefined;
  #db = '0';
  #last: Buffer | undefined;

  constructor(core: Core, socket: Socket, o: { kind: 'write' | 'read'; id: number }) {
    this.#core = core;
    this.#socket = socket;
    this.#kind = o.kind;
    this.#me = { w: () => core.deps.homes.value?.w ?? 0, id: o.id, name: '' };
    this.#source = socket.remoteAddress ?? '';
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('end', () => this.#goOn());
    socket.on('error', () => undefined);
    socket.on('close', () => this.#end());
  }

  #take(chunk: Buffer): void {
    if (this.#last !== undefined) return;
    let requests: readonly Request[];
    try {
      requests = this.#scanner.push(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      requests = error.before;
      this.#last = reply(new RespError(`ERR ${error.message}`));
    }
    for (const r of requests) {
      this.#queue.push(r);
      this.#bytes += r.raw.length;
    }
    if (this.#bytes > QUEUE_BYTES) this.#socket.pause();
    this.#goOn();
  }

  /** Starts with the next segment, unless one is on its way. */
  #goOn(): void {
    while (!this.#running && this.#queue.length > 0 && !this.#socket.destroyed) {
      this.#running = true;
      const segment = this.#cut();
      if (this.#bytes < QUEUE_BYTES / 2 && this.#socket.isPaused()) this.#socket.resume();
      const commands = this.#core.book === undefined ? undefined : segment.map((r) => this.#judge(r));
      if (commands === undefined || !this.#quickly(commands))
        this.#slowly(segment, commands).catch(() => this.#socket.destroy());
    }
    if (!this.#running) this.#finish();
  }
  #finish(): void {
    if (this.#last !== undefined) this.#socket.end(this.#last);
    else if (this.#socket.readableEnded) this.#socket.end();
  }

  /** Takes the commands that go together: a transaction stands alone, and nothing comes after QUIT. */
  #cut(): Request[] {
    let [n, bytes] = [0, 0];
    for (const c of this.#queue) {
      const { name } = c;
      if (n > 0 && (name === 'MULTI' || bytes > SEGMENT_BYTES || n >= SEGMENT)) break;
      n += 1;
      bytes += c.raw.length;
      if (name === 'EXEC' || name === 'DISCARD' || name === 'QUIT' || name === 'RESET') break;
    }
    this.#bytes -= bytes;
    return this.#queue.splice(0, n);
  }

  /** The command with its class, and the answer where the gateway has it itself. */
  #judge(r: Request): Command {
    const { book, counts } = this.#core;
    const { name, raw } = r;
    const fixed = (said: Buffer): Command => ({ name, raw, write: false, shared: true, fixed: said });
    if (name === 'QUIT' || name === 'RESET') return fixed(this.#leave(name));
    if (book === undefined) return fixed(noQuorum('no Redis was reached yet'));
    const judged = judge(book, r, this.#me, this.#core.deps.active !== undefined);
    if ('refused' in judged) {
      counts.refused += 1;
      return fixed(refused(name, judged.refused));
    }
    if (judged.fixed === undefined) counts[judged.write ? 'writes' : 'reads'] += 1;
    return judged.write && this.#kind === 'read' ? fixed(READONLY) : judged;
  }

  #leave(name: string): Buffer {
    this.#tx.reset();
    this.#home?.close();
    this.#local?.close();
    this.#db = '0';
    if (name === 'QUIT') {
      // Nothing after it counts.
      this.#last = Buffer.alloc(0);
      this.#queue = [];
    }
    return name === 'QUIT' ? OK : reply({ simple: 'RESET' });
  }

  /** The usual case, without a promise: a way is open and nothing has to be waited for. False = it is another case. */
  #quickly(commands: readonly Command[]): boolean {
    if (!this.#sharable(commands) || commands.some((c) => c.fixed !== undefined)) return false;
    const write = this.#kind === 'write' && commands.some((c) => c.write);
    const lanes = this.#kind === 'read' ? this.#freshCopy() : this.#core.home(write);
    if (lanes === undefined || lanes.waiting > LANE) return false;
    const arrived = (a: Arrival): void => {
      const out = this.#kind === 'read' ? this.#served(commands, a) : this.#settled(commands, a);
      if (out === undefined) this.#slowly([], commands).catch(() => this.#socket.destroy());
      else this.#answer(out);
    };
    const done = (a: Arrival): void => {
      const told = this.#core.filled(a);
      if (told === undefined) arrived(a);
      else void told.then(() => arrived(a));
    };
    const raws = commands.map((c) => c.raw);
    lanes.ship({ raws, source: this.#source, done }, write);
    return true;
  }

  /** Nothing of it depends on the connection. */
  #sharable(commands: readonly Command[]): boolean {
    return this.#tx.idle && this.#db === '0' && commands.every((c) => c.shared);
  }
  /** The copy here, if it was seen to have all that this client wrote. */
  #freshCopy(): Lanes | undefined {
    const { copy, deps, tokens } = this.#core;
    if (copy === undefined || !copy.has({ epoch: Math.max(1, deps.homes.value?.epoch ?? 0), offset: 0 }))
      return undefined;
    const token = tokens.get(this.#source);
    return token === undefined || copy.has(token) ? copy : undefined;
  }

  #answer(out: Out): void {
    if (out.length > 1) this.#socket.cork();
    for (const bytes of out) this.#socket.write(bytes);
    if (out.length > 1) this.#socket.uncork();
    const on = (): void => {
      this.#running = false;
      this.#goOn();
    };
    if (!this.#socket.writableNeedDrain || this.#socket.destroyed) on();
    else void Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')]).then(on, on);
  }

  async #slowly(segment: readonly Request[], judged: readonly Command[] | undefined): Promise<void> {
    const { deps } = this.#core;
    const end = this.#core.now() + deps.holdMs;
    while (this.#core.book === undefined && this.#core.now() < end) await deps.homes.next(deps.clock, AGAIN_MS);
    const commands = judged ?? segment.map((r) => this.#judge(r));
    this.#answer(await this.#replied(commands, end));
  }

  async #replied(commands: readonly Command[], end: number): Promise<Out> {
    if (!this.#tx.open && commands.every((c) => c.fixed !== undefined))
      return commands.flatMap((c) => (c.fixed === undefined ? [] : [c.fixed]));
    return this.#kind === 'read' ? await this.#read(commands, end) : await this.#atHome(commands, end);
  }

  /** Sends to the primary; what was not sent waits for one until `end`. */
  async #atHome(commands: readonly Command[], end: number): Promise<Out> {
    for (;;) {
      const up = await this.#primary(commands, end);
      if (Buffer.isBuffer(up)) return this.#tx.plan(commands, undefined, up).map((i) => i.fixed ?? up);
      const items = this.#tx.plan(commands, up);
      const arrival = await this.#exchange(up, items);
      await this.#core.filled(arrival);
      const out = this.#settled(items, arrival);
      if (out !== undefined) return out;
      await this.#core.deps.homes.next(this.#core.deps.clock, AGAIN_MS);
    }
  }

  async #exchange(up: Upstream | Lanes, items: readonly Item[]): Promise<Arrival> {
    if (up instanceof Lanes) {
      const raws = items.flatMap((i) => (i.raw === undefined ? [] : [i.raw]));
      return await up.exchange(
        raws,
        this.#source,
        items.some((i) => i.write),
      );
    }
    const got = await exchange(up, items, !this.#tx.open);
    if (got.is === 'replies') {
      if (got.own !== undefined) return { ...got, acked: await this.#core.confirmed(got.own) };
      if (got.at !== undefined) await this.#core.seen([this.#source], got.at, true);
      if (got.replies.some((r) => errorOf(r) === 'READONLY')) up.close();
    }
    return got;
  }

  /** The way to the primary, or the error that all of it gets. */
  async #primary(commands: readonly Command[], end: number): Promise<Upstream | Lanes | Buffer> {
    const { homes, clock } = this.#core.deps;
    const [shared, write] = [this.#sharable(commands), commands.some((c) => c.write)];
    const now = this.#usable(shared, write);
    if (now !== undefined) return now;
    const bytes = commands.reduce((n, c) => n + c.raw.length, 0);
    if (!this.#core.enter(commands.length, bytes)) {
      this.#core.counts.busy += 1;
      return BUSY;
    }
    try {
      let why = 'no home is known';
      while (this.#core.now() < end && !this.#socket.destroyed) {
        why = await this.#connect(shared, write).then(
          () => '',
          (error: unknown) => String(error),
        );
        const up = this.#usable(shared, write);
        if (up !== undefined) return up;
        await homes.next(clock, Math.min(AGAIN_MS, Math.max(1, end - this.#core.now())));
      }
      this.#core.counts.noQuorum += 1;
      return noQuorum(why.replace(/^Error: /, ''));
    } finally {
      this.#core.leave(commands.length, bytes);
    }
  }

  #usable(shared: boolean, write: boolean): Upstream | Lanes | undefined {
    const { homes } = this.#core.deps;
    const up = shared ? this.#core.home(write) : this.#home;
    return up?.closed === false && !homes.held && up.epoch === homes.value?.epoch ? up : undefined;
  }

  /** Opens the way to the home that is known now. Throws with the reason. */
  async #connect(shared: boolean, write: boolean): Promise<void> {
    if (shared) {
      await this.#core.reach(write);
      return;
    }
    this.#home?.close();
    this.#home = await this.#core.own(this.#db);
    if (this.#socket.destroyed) this.#home.close();
  }

  /** What the client gets from home; undefined = nothing of it was applied, it may be sent again. */
  #settled(items: readonly Item[], a: Arrival): Out | undefined {
    if (a.is === 'unsent') return undefined;
    if (a.is === 'lost') {
      if (!items.some((i) => i.write) && !this.#tx.open) return undefined;
      this.#core.counts.unknown += 1;
      return items.map((i) => i.fixed ?? UNKNOWN);
    }
    return untouched(items, a.replies) ? undefined : this.#replies(items, a.replies, a.acked);
  }

  #replies(items: readonly Item[], replies: readonly Reply[], acked: boolean): Out {
    let n = 0;
    return items.flatMap((i) => {
      const got = i.raw === undefined ? undefined : replies[n++];
      if (i.fixed !== undefined || got === undefined) return [i.fixed ?? UNKNOWN];
      if (i.db !== undefined && got.type === 43) this.#db = i.db;
      return toClient(i, got, { acked, room: this.#core.room });
    });
  }

  /** Reads here while the copy has all that this client wrote, else at home, else here what there is. */
  async #read(commands: readonly Command[], end: number): Promise<Out> {
    const { homes, freshMs = 500 } = this.#core.deps;
    const nowhere = (error?: Buffer): Out =>
      this.#tx.plan(commands, undefined, error).map((i) => i.fixed ?? error ?? UNKNOWN);
    if (this.#tx.open) return (await this.#here(commands)) ?? nowhere();
    const fresh = await this.#core.caughtUp(homes.value?.epoch ?? 0, this.#core.tokens.get(this.#source));
    const out = fresh ? await this.#here(commands) : undefined;
    if (out !== undefined) return out;
    this.#core.counts.elsewhere += 1;
    const known = await this.#primary(commands, Math.min(end, this.#core.now() + 2 * freshMs));
    if (!Buffer.isBuffer(known)) return await this.#atHome(commands, end);
    return (await this.#here(commands)) ?? nowhere(known);
  }

  /** The replies of the copy; undefined when it gave none or cannot serve now. */
  async #here(commands: readonly Command[]): Promise<Out | undefined> {
    const up = await (this.#sharable(commands) ? this.#core.reachCopy() : this.#ownCopy()).catch(() => undefined);
    if (up === undefined) return undefined;
    const items = this.#tx.plan(commands, up);
    const raws = items.flatMap((i) => (i.raw === undefined ? [] : [i.raw]));
    if (up instanceof Lanes) return this.#served(items, await up.exchange(raws, this.#source, false));
    const replies = await up.send(raws, raws.length).catch(() => undefined);
    return this.#served(items, replies === undefined ? { is: 'lost' } : { is: 'replies', replies, acked: true });
  }

  #served(items: readonly Item[], a: Arrival): Out | undefined {
    if (a.is !== 'replies' || a.replies.some((r) => NOT_APPLIED.has(errorOf(r) ?? ''))) return undefined;
    return this.#replies(items, a.replies, true);
  }

  async #ownCopy(): Promise<Upstream> {
    if (this.#local?.closed === false) return this.#local;
    if (this.#tx.open) throw new Error('the connection of the transaction is gone');
    this.#local = await this.#core.here(this.#db);
    return this.#local;
  }

  #end(): void {
    this.#queue = [];
    this.#home?.close();
    this.#local?.close();
  }
}
