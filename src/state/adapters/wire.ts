import { once } from 'node:events';
import { type Socket, connect as tcp, createServer as tcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TLSSocket, createServer as tlsServer } from 'node:tls';
import { type Clock, type ClusterName, systemClock, within } from '../../kernel/index.ts';
import type { AgentDoor, StreamHeader, Tunnel, Via, Wire } from '../ports.ts';
import {
  ALPN,
  type DoorStep,
  doorStep,
  type Header,
  openLimit,
  parseHeader,
  Rtts,
  type StreamKind,
  wireHost,
} from '../wire/header.ts';
import { quieted } from '../wire/quiet.ts';
import { Pinger } from './wire-ping.ts';
import {
  type Address,
  firstBytes,
  greet,
  join,
  KEEP_ALIVE_MS,
  readLine,
  secure,
  type WireTls,
} from './wire-streams.ts';

export interface WayOptions {
  me: ClusterName;
  /** Where the wire of each other cluster is reached. */
  peers: Readonly<Record<ClusterName, Address>>;
  tls: WireTls;
  clock?: Clock;
  log?: (line: string) => void;
}
interface Inbound {
  /** Door of this cluster; port 0 takes a free one. */
  listen: Address;
  door: AgentDoor;
  /** The Redis here. */
  redis: Address;
}
export type WireOptions = WayOptions & Inbound;

/** How long a connection may wait before it says what it is. */
const SILENT_MS = 180_000;
/** After a way did not open, others are tried beside it at once for so long. */
const SHY_MS = 10_000;
/** How long a door waits for its own agent to come to the caller's epoch, and how often it looks. */
const SOON_MS = 500;
const LOOK_MS = 10;
/** A connection that is ready needs one round trip; after so long other ways are tried beside it. */
const WARM_MS = 600;
/** Until a connection is tried again that is kept ready. */
const COLD_MS = 2000;
/** How long a replica's connection waits for a primary that is not there yet, and between two tries. */
const PATIENT_MS = 5000;
const AGAIN_MS = 100;

export interface OpenWire extends Wire {
  readonly port: number;
  close(): Promise<void>;
}

const certifies =
  (socket: TLSSocket) =>
  (c: ClusterName): boolean =>
    (socket.getPeerCertificate().subjectaltname ?? '').split(', ').includes(`DNS:${wireHost(c)}`);

/** The door of the right cluster said no: another way leads to the same door. */
const isFinal = (error: unknown): boolean => /^(fenced|epoch is|Redis does not answer)/.test(reason(error));

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const NEVER = new Promise<never>(() => undefined);

class TlsWire implements OpenWire {
  readonly #o: WayOptions;
  readonly #clock: Clock;
  readonly #warm = new Map<ClusterName, TLSSocket>();
  readonly #heating = new Set<ClusterName>();
  readonly #rtts = new Map<ClusterName, Rtts>();
  readonly #shy = new Map<ClusterName, number>();
  readonly #pingers = new Map<ClusterName, Pinger>();
  readonly #streams = new Set<Duplex>();
  readonly #server;
  readonly #stop = new AbortController();
  port = 0;

  constructor(o: WayOptions, inbound?: Inbound) {
    this.#o = o;
    this.#clock = o.clock ?? systemClock;
    this.#server = tlsServer({
      ...o.tls,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: [ALPN],
      minVersion: 'TLSv1.3',
    });
    if (inbound !== undefined)
      this.#server.on('secureConnection', (s) => void this.#arrived(s, inbound).catch(() => s.destroy()));
    this.#server.on('connection', (s: Socket) => {
      s.on('error', () => undefined);
      this.#keep(s);
    });
    this.#server.on('tlsClientError', () => undefined);
    for (const c of Object.keys(o.peers)) void this.#heat(c);
  }

  async listen({ listen }: Inbound): Promise<this> {
    this.#server.listen(listen.port, listen.host);
    await once(this.#server, 'listening');
    const at = this.#server.address();
    this.port = at === null || typeof at === 'string' ? listen.port : at.port;
    return this;
  }

  #keep<T extends Duplex>(s: T): T {
    this.#streams.add(s);
    s.on('error', () => undefined);
    s.once('close', () => this.#streams.delete(s));
    return s;
  }

  // Inbound

  async #arrived(s: TLSSocket, { door, redis }: Inbound): Promise<void> {
    this.#keep(s).setKeepAlive(true, KEEP_ALIVE_MS);
    s.setNoDelay(true);
    const line = await within(this.#clock, SILENT_MS, readLine(s), () => '');
    const h = parseHeader(line);
    if (h === undefined) {
      s.end('no header\n');
      return;
    }
    const step = await this.#soonDecided(h, s, door);
    if (step.do === 'refuse' || step.do === 'wait') s.end(`${step.why}\n`);
    else if (step.do === 'ping') await this.#pongs(s, door);
    else if (step.do === 'redis') await this.#pass(s, redis, 'Redis does not answer');
    else await this.#pass(s, this.#addressOf(step.to), `${step.to} cannot be reached from ${this.#o.me}`);
  }

  /** The followers and gateways hear of an epoch at the same time as its primary; being faster than it costs them nothing. */
  async #soonDecided(h: Header, s: TLSSocket, door: AgentDoor): Promise<DoorStep> {
    const { me, peers } = this.#o;
    const view = { me, peers: new Set(Object.keys(peers)), certified: certifies(s) };
    const end = this.#clock.monotonic() + SOON_MS;
    for (;;) {
      const step = doorStep(h, { ...view, epoch: door.epoch() });
      if (step.do !== 'wait' || s.destroyed || this.#clock.monotonic() >= end) return step;
      await this.#clock.sleep(LOOK_MS);
    }
  }

  async #pass(s: TLSSocket, to: Address, otherwise: string): Promise<void> {
    const target = this.#keep(tcp(to));
    target.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    const open = await once(target, 'connect')
      .then(() => true)
      .catch(() => false);
    if (!open) {
      s.end(`${otherwise}\n`);
      return;
    }
    s.write('ok\n');
    join(s, target);
  }

  async #pongs(s: TLSSocket, door: AgentDoor): Promise<void> {
    s.write('ok\n');
    for (;;) {
      await readLine(s);
      const pong = await door.pong().catch(() => undefined);
      s.write(`${JSON.stringify(pong ?? null)}\n`);
    }
  }

  // Outbound

  #addressOf(c: ClusterName): Address {
    const at = this.#o.peers[c];
    if (at === undefined) throw new Error(`no address of ${c} is known`);
    return at;
  }

  rtt(to: ClusterName): number | undefined {
    return this.#rtts.get(to)?.p50;
  }

  /** A connection that has said nothing yet: the one that was kept warm, or a new one; another is made behind it. */
  async #connected(to: ClusterName): Promise<TLSSocket> {
    const warm = this.#warm.get(to);
    this.#warm.delete(to);
    const socket = warm?.writable === true && !warm.destroyed ? warm : await this.#connect(to);
    void this.#heat(to);
    return socket;
  }
  async #connect(to: ClusterName): Promise<TLSSocket> {
    let raw: Duplex | undefined;
    const opening = secure(this.#o.tls, to, this.#addressOf(to), (s) => (raw = this.#keep(s)));
    const socket = await within(this.#clock, 3 * openLimit(this.rtt(to)), opening, () => {
      raw?.destroy();
      throw new Error('does not connect');
    });
    return this.#keep(socket);
  }
  /** Keeps one connection ready to every other cluster: a new home is then three round trips nearer. */
  async #heat(to: ClusterName): Promise<void> {
    if (this.#stop.signal.aborted || this.#warm.has(to) || this.#heating.has(to)) return;
    this.#heating.add(to);
    const s = await this.#connect(to).catch(() => undefined);
    this.#heating.delete(to);
    if (s === undefined) {
      await this.#clock.sleep(COLD_MS, this.#stop.signal).catch(() => undefined);
      return await this.#heat(to);
    }
    this.#warm.set(to, s);
    s.once('close', () => {
      if (this.#warm.get(to) !== s) return;
      this.#warm.delete(to);
      void this.#heat(to);
    });
  }
  /** What is kept warm is for streams that somebody waits for; pings that fail one after the other must not use it up. */
  async #socketFor(h: Header, to: ClusterName): Promise<TLSSocket> {
    return h.kind === 'ping' ? await this.#connect(to) : await this.#connected(to);
  }

  async #direct(h: Header, first?: Buffer): Promise<Duplex> {
    return await this.#greeted(await this.#socketFor(h, h.to), h, first);
  }

  async #greeted(socket: TLSSocket, h: Header, first?: Buffer): Promise<Duplex> {
    try {
      await within(this.#clock, openLimit(this.rtt(h.to)), greet(socket, h, first), () => {
        throw new Error('no answer');
      });
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** TLS to the end inside a stream that `through` passes on without reading it. */
  async #relayed(through: ClusterName, h: Header, first?: Buffer): Promise<Duplex> {
    const outer = await this.#greeted(await this.#socketFor(h, through), { ...h, hop: 1 });
    const inner = this.#keep(await secure(this.#o.tls, h.to, outer));
    inner.once('close', () => outer.destroy());
    return await this.#greeted(inner, { ...h, hop: 1 }, first);
  }

  /** All ways to a cluster, the direct one first. */
  ways(to: ClusterName): readonly Via[] {
    return ['direct', ...Object.keys(this.#o.peers).filter((c) => c !== to && c !== this.#o.me)];
  }

  /** Opens one stream by one way. */
  async by(way: Via, to: ClusterName, kind: StreamKind, epoch: number): Promise<Duplex> {
    return await this.#by(way, { kind, epoch, from: this.#o.me, to, hop: 0 });
  }
  async #by(way: Via, h: Header, first?: Buffer): Promise<Duplex> {
    return way === 'direct' ? await this.#direct(h, first) : await this.#relayed(way, h, first);
  }

  /** `first` goes out with the header: the caller's first question costs no round trip of its own. */
  async open(to: ClusterName, kind: 'data' | 'repl', h: StreamHeader, first?: Buffer): Promise<Duplex> {
    const [, ...relays] = this.ways(to);
    const by = (way: Via): Promise<Duplex> =>
      this.#by(way, { kind, epoch: h.epoch, from: this.#o.me, to, hop: 0 }, first);
    const patience = this.#warm.has(to) ? Math.max(WARM_MS, 2 * (this.rtt(to) ?? 0)) : openLimit(this.rtt(to));
    const direct = by('direct');
    const shy = (this.#shy.get(to) ?? 0) > this.#clock.monotonic();
    const patient = shy ? Promise.reject(new Error('not opened lately')) : this.#soon(direct, patience);
    try {
      return await patient;
    } catch (error) {
      if (h.hop === 1 || relays.length === 0) throw error;
      if (!shy && (await this.#refused(direct))) throw error;
    }
    this.#shy.set(to, this.#clock.monotonic() + SHY_MS);
    return await this.#first([direct, ...relays.map(by)], to);
  }

  async #soon(opening: Promise<Duplex>, ms: number): Promise<Duplex> {
    return await within(this.#clock, ms, opening, () => {
      throw new Error('does not open');
    });
  }

  /** True when the door itself said no. */
  async #refused(opening: Promise<Duplex>): Promise<boolean> {
    const soon = within(this.#clock, 1, opening, () => undefined);
    return await soon.then(() => false).catch(isFinal);
  }

  /** The first stream that opens; the others are closed. */
  async #first(openings: readonly Promise<Duplex>[], to: ClusterName): Promise<Duplex> {
    const limit = 3 * openLimit(this.rtt(to));
    const no = openings.map((o) => o.then(() => NEVER).catch((e: unknown) => (isFinal(e) ? Promise.reject(e) : NEVER)));
    const any = within(this.#clock, limit, Promise.race([Promise.any(openings), ...no]), () => {
      throw new Error('no way opens');
    });
    const won = await any.catch((error: unknown) => {
      const all = error instanceof AggregateError ? error.errors.map(reason) : [reason(error)];
      return new Error(`${to}: ${[...new Set(all)].join('; ')}`);
    });
    for (const o of openings) o.then((s) => s !== won && s.destroy()).catch(() => undefined);
    if (won instanceof Error) throw won;
    return won;
  }

  async tunnel(to: readonly ClusterName[], epoch: number, counts: boolean): Promise<Tunnel> {
    const inside = new Set<Socket>();
    const server = tcpServer((s) => {
      inside.add(s);
      s.on('error', () => undefined);
      s.once('close', () => inside.delete(s));
      this.#patiently(to, epoch, s).then(
        (out) => (s.destroyed ? out.destroy() : join(s, out, counts ? undefined : quieted())),
        (error: unknown) => {
          this.#o.log?.(`repl to ${to.join(', ')}: ${reason(error)}`);
          s.destroy();
        },
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const at = server.address();
    return {
      port: at === null || typeof at === 'string' ? 0 : at.port,
      close: async () => {
        server.close();
        for (const s of inside) s.destroy();
      },
    };
  }

  /** One after the other, and again: Redis itself would try a second later. */
  async #patiently(to: readonly ClusterName[], epoch: number, s: Socket): Promise<Duplex> {
    const end = this.#clock.monotonic() + PATIENT_MS;
    const ping = await firstBytes(s);
    for (let n = 0; ; n++) {
      try {
        return await this.open(to[n % to.length] ?? '', 'repl', { epoch, hop: 0 }, ping);
      } catch (error) {
        if (s.destroyed || (n + 1 >= to.length && this.#clock.monotonic() >= end)) throw error;
        await this.#clock.sleep(AGAIN_MS);
      }
    }
  }

  async ping(to: ClusterName, signal: AbortSignal) {
    const rtts = this.#rtts.get(to) ?? new Rtts();
    this.#rtts.set(to, rtts);
    const pinger = this.#pingers.get(to) ?? new Pinger({ wire: this, to, clock: this.#clock, rtts });
    this.#pingers.set(to, pinger);
    return await pinger.ping(signal);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const p of this.#pingers.values()) p.close();
    for (const s of this.#streams) s.destroy();
    this.#server.close();
  }
}

/** Opens this cluster's door and the ways to the others. */
export async function tlsWire(o: WireOptions): Promise<OpenWire> {
  return await new TlsWire(o, o).listen(o);
}

/** The ways to the other clusters alone: nobody comes in. */
export const outboundWire = (o: WayOptions): Wire & { close(): Promise<void> } => new TlsWire(o);
