// One client: its commands in order, cut into segments; each segment goes to one Redis and comes back whole.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Reply } from '../resp/replies.ts';
import { ProtocolError, type Request, RequestScanner } from '../resp/requests.ts';
import { RespError, reply } from '../resp/values.ts';
import type { Core } from './core.ts';
import { exchange, judge, NOT_APPLIED, positionOf, toClient, untouched } from './exchange.ts';
import { BUSY, noQuorum, OK, READONLY, refused, UNKNOWN } from './says.ts';
import { reached, type Token } from './tokens.ts';
import { type Command, type Item, Transaction } from './transaction.ts';
import { errorOf, Upstream } from './upstream.ts';

/** Most commands and bytes of one segment, and bytes of a client that wait before we stop reading. */
const [SEGMENT, SEGMENT_BYTES, QUEUE_BYTES] = [1000, 8 << 20, 16 << 20];
const AGAIN_MS = 50;
type Out = readonly Buffer[];

export class Session {
  readonly #core: Core;
  readonly #socket: Socket;
  readonly #kind: 'write' | 'read';
  readonly #source: string;
  readonly #scanner: RequestScanner = new RequestScanner();
  readonly #tx: Transaction<Upstream> = new Transaction<Upstream>();
  readonly #own;
  #queue: Command[] = [];
  #bytes = 0;
  #running = false;
  #home: Upstream | undefined;
  #local: Upstream | undefined;
  /** The last token that the copy was seen to have: what it has once, it keeps. */
  #fresher: { up: Upstream; token: Token } | undefined;
  #db = '0';
  #last: Buffer | undefined;

  constructor(core: Core, socket: Socket, o: { kind: 'write' | 'read'; id: number }) {
    this.#core = core;
    this.#socket = socket;
    this.#kind = o.kind;
    this.#own = { w: 0, id: o.id, name: '' };
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
      this.#queue.push({ name: (r.args[0] ?? '').toString('latin1').toUpperCase(), write: false, ...r });
      this.#bytes += r.raw.length;
    }
    if (this.#bytes > QUEUE_BYTES) this.#socket.pause();
    this.#goOn();
  }

  #goOn(): void {
    if (this.#running) return;
    this.#running = true;
    this.#run()
      .catch(() => this.#socket.destroy())
      .finally(() => (this.#running = false));
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && !this.#socket.destroyed) {
      const segment = this.#cut();
      await this.#say(await this.#answer(segment));
      if (segment.at(-1)?.name === 'QUIT') this.#quit();
      if (this.#bytes < QUEUE_BYTES / 2) this.#socket.resume();
    }
    if (this.#last !== undefined) this.#socket.end(this.#last);
    else if (this.#socket.readableEnded) this.#socket.end();
  }

  /** Nothing after QUIT counts. */
  #quit(): void {
    this.#last = Buffer.alloc(0);
    this.#queue = [];
  }

  async #say(out: Out): Promise<void> {
    if (out.length > 1) this.#socket.cork();
    for (const bytes of out) this.#socket.write(bytes);
    if (out.length > 1) this.#socket.uncork();
    if (this.#socket.writableNeedDrain) await Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')]);
  }

  /** Takes the commands that go together: a transaction stands alone, and nothing comes after QUIT. */
  #cut(): Command[] {
    let [n, bytes] = [0, 0];
    for (const c of this.#queue) {
      if (n > 0 && (c.name === 'MULTI' || bytes > SEGMENT_BYTES || n >= SEGMENT)) break;
      n += 1;
      bytes += c.raw.length;
      if (c.name === 'EXEC' || c.name === 'DISCARD' || c.name === 'QUIT' || c.name === 'RESET') break;
    }
    this.#bytes -= bytes;
    return this.#queue.splice(0, n);
  }

  async #answer(segment: readonly Command[]): Promise<Out> {
    const end = this.#core.now() + this.#core.deps.holdMs;
    while (this.#core.table === undefined && this.#core.now() < end)
      await this.#core.deps.homes.next(this.#core.deps.clock, AGAIN_MS);
    const commands = segment.map((c) => this.#judge(c));
    if (!this.#tx.open && commands.every((c) => c.fixed !== undefined))
      return this.#tx.plan(commands, undefined).flatMap((i) => (i.fixed === undefined ? [] : [i.fixed]));
    return this.#kind === 'read' ? await this.#read(commands, end) : await this.#atHome(commands, end);
  }

  /** The command with its class, and the answer where the gateway has it itself. */
  #judge(c: Command): Command {
    if (c.name === 'QUIT' || c.name === 'RESET') return { ...c, fixed: this.#leave(c.name) };
    const { table, counts } = this.#core;
    if (table === undefined) return { ...c, fixed: noQuorum('no Redis was reached yet') };
    const judged = judge(table, c, this.#own);
    if ('refused' in judged) {
      counts.refused += 1;
      return { ...c, fixed: refused(c.name, judged.refused) };
    }
    if (judged.fixed === undefined) counts[judged.write ? 'writes' : 'reads'] += 1;
    return judged.write && this.#kind === 'read' ? { ...c, fixed: READONLY } : judged;
  }

  #leave(name: string): Buffer {
    this.#tx.reset();
    this.#home?.close();
    this.#local?.close();
    this.#db = '0';
    return name === 'QUIT' ? OK : reply({ simple: 'RESET' });
  }

  /** Sends to the primary; what was not sent waits for one until `end`. */
  async #atHome(commands: readonly Command[], end: number): Promise<Out> {
    for (;;) {
      const up = await this.#primary(commands, end);
      if (!(up instanceof Upstream)) return this.#tx.plan(commands, undefined, up).map((i) => i.fixed ?? up);
      const out = await this.#exchange(up, this.#tx.plan(commands, up));
      if (out !== undefined) return out;
      await this.#core.deps.homes.next(this.#core.deps.clock, AGAIN_MS);
    }
  }

  /** The connection to the primary, or the error that all of it gets. */
  async #primary(commands: readonly Command[], end: number): Promise<Upstream | Buffer> {
    const { homes, clock } = this.#core.deps;
    const usable = (): Upstream | undefined => {
      const up = this.#home;
      return up?.closed === false && !homes.held && up.epoch === homes.value?.epoch ? up : undefined;
    };
    const now = usable();
    if (now !== undefined) return now;
    const bytes = commands.reduce((n, c) => n + c.raw.length, 0);
    if (!this.#core.enter(commands.length, bytes)) {
      this.#core.counts.busy += 1;
      return BUSY;
    }
    try {
      let why = 'no home is known';
      while (this.#core.now() < end && !this.#socket.destroyed) {
        why = (await this.#connect().catch((error: unknown) => String(error))) ?? '';
        const up = usable();
        if (up !== undefined) return up;
        await homes.next(clock, Math.min(AGAIN_MS, Math.max(1, end - this.#core.now())));
      }
      this.#core.counts.noQuorum += 1;
      return noQuorum(`no home took it (${why.replace(/^Error: /, '')})`);
    } finally {
      this.#core.leave(commands.length, bytes);
    }
  }

  /** Opens the connection to the home that is known now; why not, if not. */
  async #connect(): Promise<string | undefined> {
    const { homes } = this.#core.deps;
    if (homes.value === undefined) return 'no home is known';
    if (homes.held) return 'a planned move is under way';
    this.#home?.close();
    this.#home = await this.#core.home(homes.value, this.#db);
    this.#own.w = this.#home.w;
    return undefined;
  }

  /** The replies; undefined = nothing of it was applied, it may be sent again. */
  async #exchange(up: Upstream, items: readonly Item[]): Promise<Out | undefined> {
    const got = await exchange(up, items, !this.#tx.open);
    if (got.is === 'lost') {
      if (!items.some((i) => i.write) && !this.#tx.open) return undefined;
      this.#core.counts.unknown += 1;
      return items.map((i) => i.fixed ?? UNKNOWN);
    }
    if (untouched(items, got.replies)) {
      if (got.replies.some((r) => errorOf(r) === 'READONLY')) up.close();
      return undefined;
    }
    if (got.offset !== undefined) this.#core.tokens.raise(this.#source, { epoch: up.epoch, offset: got.offset });
    return this.#replies(items, got.replies, got.acked);
  }

  #replies(items: readonly Item[], replies: readonly Reply[], acked: boolean): Out {
    let n = 0;
    return items.flatMap((i) => {
      const got = i.raw === undefined ? undefined : replies[n++];
      if (i.fixed !== undefined || got === undefined) return [i.fixed ?? UNKNOWN];
      if (i.name === 'SELECT' && got.type === 43) this.#db = String(i.args[1] ?? '0');
      return toClient(i, got, acked);
    });
  }

  /** Reads here while the copy has all that this client wrote, else at home, else here what there is. */
  async #read(commands: readonly Command[], end: number): Promise<Out> {
    const { homes, freshMs = 500 } = this.#core.deps;
    const nowhere = (error?: Buffer): Out =>
      this.#tx.plan(commands, undefined, error).map((i) => i.fixed ?? error ?? UNKNOWN);
    if (this.#tx.open) return (await this.#here(commands)) ?? nowhere();
    const out = await this.#fromCopy(commands, homes.value?.epoch ?? 0);
    if (out !== undefined) return out;
    this.#core.counts.elsewhere += 1;
    const known = await this.#primary(commands, Math.min(end, this.#core.now() + 2 * freshMs));
    if (known instanceof Upstream) return await this.#atHome(commands, end);
    await this.#copy(0);
    return (await this.#here(commands)) ?? nowhere(known);
  }

  async #fromCopy(commands: readonly Command[], least: number): Promise<Out | undefined> {
    const up = await this.#copy(least);
    return up !== undefined && (await this.#fresh(up)) ? await this.#here(commands) : undefined;
  }

  /** The connection to the copy of this cluster, if that has data of the epoch `least` or later. */
  async #copy(least: number): Promise<Upstream | undefined> {
    if (this.#local?.closed === false && this.#local.epoch >= least) return this.#local;
    this.#local?.close();
    this.#local = await this.#core.local(least, this.#db).catch(() => undefined);
    return this.#local;
  }

  /** True once the copy has what this client's token stands for. */
  async #fresh(up: Upstream): Promise<boolean> {
    const token = this.#core.tokens.get(this.#source);
    const known = this.#fresher?.up === up ? this.#fresher.token : undefined;
    if (token === known) return true;
    const fresh = token === undefined || (await this.#awaited(up, token));
    if (fresh && token !== undefined) this.#fresher = { up, token };
    return fresh;
  }

  async #awaited(up: Upstream, token: Token): Promise<boolean> {
    const { freshMs = 500, clock } = this.#core.deps;
    const end = this.#core.now() + freshMs;
    for (let ms = 1; ; ms = Math.min(20, ms * 2)) {
      const at = await positionOf(up);
      if (at !== undefined && reached(token, at.epoch, at.offset)) return true;
      if (at === undefined || this.#core.now() >= end) return false;
      await clock.sleep(ms);
    }
  }

  /** The replies of the copy; undefined when it gave none or cannot serve now. */
  async #here(commands: readonly Command[]): Promise<Out | undefined> {
    const up = this.#local;
    if (up === undefined || up.closed) return undefined;
    const items = this.#tx.plan(commands, up);
    const raws = items.flatMap((i) => (i.raw === undefined ? [] : [i.raw]));
    const replies = await up.send(Buffer.concat(raws), raws.length).catch(() => undefined);
    if (replies === undefined || replies.some((r) => NOT_APPLIED.has(errorOf(r) ?? ''))) return undefined;
    return this.#replies(items, replies, true);
  }

  #end(): void {
    this.#queue = [];
    this.#home?.close();
    this.#local?.close();
  }
}
