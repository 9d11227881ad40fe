// The gateways of one cluster tell each other what their clients have written, before the clients hear OK: a Service
// spreads the connections of one client over all of them.
import type { Duplex } from 'node:stream';
import { type Clock, within } from '../../kernel/index.ts';
import type { Token, Tokens } from './tokens.ts';

/** How gateways reach each other; adapters: TCP, memory twin. */
export interface PeerNet {
  /** Rejects when nobody is there. */
  connect(address: string): Promise<Duplex>;
  /** Rejects when the place is taken. */
  listen(take: (s: Duplex) => void): Promise<{ close(): void }>;
}

export interface PeersOptions {
  net: PeerNet;
  /** Where the gateways of this cluster are now; this one may be among them. Rejects when that cannot be said. */
  peers(): Promise<readonly string[]>;
  tokens: Tokens;
  clock: Clock;
  /** Names this process among its peers. */
  id: string;
  /** Longest wait for the others before a client hears OK, milliseconds; default 100. */
  waitMs?: number;
  /** How long nobody waits for a peer that was silent, milliseconds; default 2000. */
  skipMs?: number;
  /** Between two looks for peers, milliseconds; default 2000. */
  lookMs?: number;
}

/** Bytes of the longest line. */
const LINE = 256 << 10;
const HELLO = 'tw-peers/1';

/** Lines: `hello id`, `tell n epoch offset address …`, `got n`, `ready` (behind what was known at the start). */
class Link {
  readonly #stream: Duplex;
  readonly #tokens: Tokens;
  readonly #waiting = new Map<number, () => void>();
  readonly #ready = Promise.withResolvers<void>();
  #rest = '';
  #n = 0;
  /** Of the other side, once it has said so. */
  id = '';
  closed = false;
  /** Nobody waits for it before this time of the clock. */
  skippedUntil = 0;

  constructor(stream: Duplex, tokens: Tokens, id: string) {
    this.#stream = stream;
    this.#tokens = tokens;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('error', () => undefined);
    stream.on('end', () => this.close());
    stream.on('close', () => this.close());
    const known = tokens.all().map(([source, at]) => `tell 0 ${at.epoch} ${at.offset} ${source}\n`);
    stream.write(`${HELLO} ${id}\n${known.join('')}ready\n`);
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves once the other side has said who it is and what it knew. Rejects when it ends before. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when the other side knows it, or is gone. */
  tell(sources: readonly string[], at: Token): Promise<void> {
    this.#n += 1;
    const known = new Promise<void>((resolve) => this.#waiting.set(this.#n, resolve));
    this.#stream.write(`tell ${this.#n} ${at.epoch} ${at.offset} ${sources.join(' ')}\n`);
    return known;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#stream.destroy();
    this.#ready.reject(new Error('the peer has gone'));
    for (const resolve of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }

  #take(chunk: Buffer): void {
    const lines = `${this.#rest}${chunk.toString('latin1')}`.split('\n');
    this.#rest = lines.pop() ?? '';
    let answers = '';
    for (const line of lines) answers += this.#line(line.split(' '));
    if (answers !== '') this.#stream.write(answers);
    if (this.#rest.length > LINE) this.close();
  }

  /** Takes one line; what to answer. */
  #line([word = '', first = '', ...more]: readonly string[]): string {
    switch (word) {
      case HELLO:
        this.id = first;
        return '';
      case 'ready':
        this.#ready.resolve();
        return '';
      case 'got':
        this.#waiting.get(Number(first))?.();
        this.#waiting.delete(Number(first));
        return '';
      case 'tell':
        this.#heard(more);
        return first === '0' ? '' : `got ${first}\n`;
      default:
        this.close();
        return '';
    }
  }
  #heard([epoch, offset, ...sources]: readonly string[]): void {
    const at = { epoch: Number(epoch), offset: Number(offset) };
    if (!Number.isSafeInteger(at.epoch) || !Number.isSafeInteger(at.offset)) return;
    for (const s of sources) this.#tokens.raise(s, at);
  }
}

export class Peers {
  readonly #o: PeersOptions;
  /** By the id of the other gateway; each tells over one link, whoever opened it. */
  readonly #links = new Map<string, Link>();
  /** What was dialled, by address; this gateway itself is among them and is left alone. */
  readonly #dialled = new Map<string, Link>();
  readonly #all = new Set<Link>();
  #server: { close(): void } | undefined;
  readonly #stop = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  readonly counts = { told: 0, skipped: 0 };

  private constructor(o: PeersOptions) {
    this.#o = o;
  }

  /** Opens the own door and looks for the others; their tokens are here when it resolves, or a moment has passed. */
  static async start(o: PeersOptions): Promise<Peers> {
    const peers = new Peers(o);
    peers.#server = await o.net.listen((s) => void peers.#met(s).catch(() => undefined));
    await within(o.clock, o.lookMs ?? 2000, peers.#look(), () => undefined);
    peers.#looking = peers.#looks();
    return peers;
  }

  /** Others that can be told. */
  get size(): number {
    return this.#links.size;
  }

  /** Resolves when all others know it; a silent one costs `waitMs` once, then nobody waits for it for a while. */
  tell(sources: readonly string[], at: Token): Promise<void> | undefined {
    if (this.#links.size === 0) return undefined;
    const { clock, waitMs = 100 } = this.#o;
    const now = clock.monotonic();
    const asked = [...this.#links.values()].map((link) => ({ link, known: link.tell(sources, at) }));
    const awaited = asked.filter(({ link }) => link.skippedUntil <= now);
    this.counts.told += asked.length;
    this.counts.skipped += asked.length - awaited.length;
    if (awaited.length === 0) return undefined;
    const missing = new Set(awaited.map(({ link }) => link));
    const all = awaited.map(({ link, known }) => known.then(() => void missing.delete(link)));
    return within(clock, waitMs, Promise.all(all), () => []).then(() => this.#skip(missing));
  }
  #skip(silent: ReadonlySet<Link>): void {
    const { clock, skipMs = 2000 } = this.#o;
    for (const link of silent) link.skippedUntil = clock.monotonic() + skipMs;
    this.counts.skipped += silent.size;
  }

  async #met(stream: Duplex): Promise<Link> {
    const { clock, id, lookMs = 2000, tokens } = this.#o;
    const link = new Link(stream, tokens, id);
    this.#all.add(link);
    stream.once('close', () => this.#lost(link));
    await within(clock, lookMs, link.ready, () => {
      link.close();
      throw new Error('it says nothing');
    });
    if (link.id !== id && !link.closed) this.#links.set(link.id, link);
    return link;
  }
  /** Two that dialled each other have a second link. */
  #lost(link: Link): void {
    this.#all.delete(link);
    if (this.#links.get(link.id) !== link) return;
    this.#links.delete(link.id);
    const other = [...this.#all].find((l) => l.id === link.id && !l.closed);
    if (other !== undefined) this.#links.set(other.id, other);
  }

  /** Dials whoever is new or was lost. */
  async #look(): Promise<void> {
    const addresses = await this.#o.peers().catch(() => undefined);
    if (addresses === undefined) return;
    for (const [a, link] of this.#dialled) {
      if (addresses.includes(a)) continue;
      link.close();
      this.#dialled.delete(a);
    }
    const due = addresses.filter((a) => this.#dialled.get(a)?.closed !== false);
    await Promise.all(due.map((a) => this.#dial(a).catch(() => undefined)));
  }
  async #dial(address: string): Promise<void> {
    const { clock, net, lookMs = 2000 } = this.#o;
    const opening = net.connect(address);
    opening.then((s) => this.#stop.signal.aborted && s.destroy()).catch(() => undefined);
    const stream = await within(clock, lookMs, opening, () => {
      opening.then((s) => s.destroy()).catch(() => undefined);
      throw new Error('nobody there');
    });
    this.#dialled.set(address, await this.#met(stream));
  }
  async #looks(): Promise<void> {
    const { clock, lookMs = 2000 } = this.#o;
    while (!this.#stop.signal.aborted) {
      await clock.sleep(lookMs, this.#stop.signal).catch(() => undefined);
      if (!this.#stop.signal.aborted) await within(clock, lookMs, this.#look(), () => undefined);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#server?.close();
    for (const link of this.#all) link.close();
    await this.#looking;
  }
}
