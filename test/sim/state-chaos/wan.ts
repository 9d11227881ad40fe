// Three clouds on loopback: each has an address of its own, and what goes from one to another waits for the way, or,
// while the way is cut, until it is whole again (TCP sends it anew). No packet is lost otherwise, no rate is limited.

import { EventEmitter, once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export const CLOUDS = ['sa', 'ca', 'au'] as const;
export type Cloud = (typeof CLOUDS)[number];

/** Round trips in milliseconds, as state.md takes them. */
const RTT: Readonly<Record<string, number>> = { 'ca-sa': 120, 'au-sa': 310, 'au-ca': 205 };
const rtt = (a: Cloud, b: Cloud): number => RTT[[a, b].sort().join('-')] ?? 0;

/** The address that processes of a cloud send from and listen at. */
export const hostOf = (c: Cloud, net = 77): string => `127.${net}.${CLOUDS.indexOf(c) + 1}.1`;
const cloudOf = (host: string | undefined): Cloud | undefined => CLOUDS[Number((host ?? '').split('.')[2]) - 1];

export class Wan {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #cut = new Set<string>();
  readonly #news = new EventEmitter().setMaxListeners(0);
  readonly #scale: number;

  /** `scale` 0 = no delay at all. */
  constructor(scale = 1) {
    this.#scale = scale;
  }

  /** Round trip in milliseconds. */
  rtt(a: Cloud, b: Cloud): number {
    return this.#scale * rtt(a, b);
  }

  /** True when nothing gets from `a` to `b`. */
  isCut(a: Cloud, b: Cloud): boolean {
    if (a === b) return false;
    return [a, b, [a, b].sort().join('-'), `${a}>${b}`].some((w) => this.#cut.has(w));
  }
  isolate(c: Cloud): void {
    this.#cut.add(c);
  }
  /** Cuts the way between two. */
  cut(a: Cloud, b: Cloud): void {
    this.#cut.add([a, b].sort().join('-'));
  }
  /** Cuts the way from one to another; what goes back arrives. */
  cutOneWay(from: Cloud, to: Cloud): void {
    this.#cut.add(`${from}>${to}`);
  }
  heal(): void {
    this.#cut.clear();
    this.#news.emit('healed');
  }
  /** Resolves once the way is whole. */
  async whole(a: Cloud, b: Cloud): Promise<void> {
    while (this.isCut(a, b)) await once(this.#news, 'healed');
  }

  /** Makes `port` of the cloud's address (in the network `net`) lead to the same port of 127.0.0.1. */
  async publish(c: Cloud, port: number, o: { net?: number } = {}): Promise<void> {
    const server = createServer({ allowHalfOpen: false }, (from) => void this.#carry(from, c, port));
    server.listen(port, hostOf(c, o.net));
    await once(server, 'listening');
    this.#servers.push(server);
  }

  async #carry(from: Socket, to: Cloud, port: number): Promise<void> {
    const source = cloudOf(from.remoteAddress) ?? to;
    this.#keep(from);
    const one = this.rtt(source, to) / 2;
    // SYN and its answer: the caller's first bytes are on their way with them, one way later than they were sent.
    const target = connect({ port, host: '127.0.0.1' });
    this.#keep(target);
    this.#way(from, target, { a: source, b: to, ms: one * 3 });
    this.#way(target, from, { a: to, b: source, ms: one });
  }

  #keep(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  /** Bytes and the end, in order, each after its time. The first ones wait for the handshake too. */
  #way(from: Socket, to: Socket, w: { a: Cloud; b: Cloud; ms: number }): void {
    let last = Promise.resolve();
    const [first, started] = [w.ms, performance.now()];
    const usual = this.rtt(w.a, w.b) / 2;
    const send = (what: () => void): void => {
      const due = Math.max(performance.now() + usual, started + first);
      last = last.then(async () => {
        const wait = due - performance.now();
        if (wait > 0.5) await new Promise((resolve) => setTimeout(resolve, wait));
        await this.whole(w.a, w.b);
        what();
      });
    };
    from.on('data', (chunk: Buffer) => send(() => void to.write(chunk)));
    from.on('close', () => send(() => void to.destroy()));
  }

  async close(): Promise<void> {
    this.heal();
    for (const s of this.#sockets) s.destroy();
    await Promise.all(
      this.#servers.map(async (s) => {
        s.close();
        await once(s, 'close');
      }),
    );
  }
}
