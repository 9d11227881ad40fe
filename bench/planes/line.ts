// A line of a certain length in front of a server: every piece of data arrives later, in order. While it is cut,
// nothing arrives; what was under way comes after it is healed, as TCP would bring it again.
import { connect, type Server, type Socket } from 'node:net';

export class Line {
  /** Milliseconds each way. */
  oneWayMs = 0;
  #cut = false;
  #held: (() => void)[] = [];
  readonly #port: number;
  /** `port`: of the server on loopback. */
  constructor(port: number) {
    this.#port = port;
  }

  set cut(cut: boolean) {
    this.#cut = cut;
    if (cut) return;
    const held = this.#held;
    this.#held = [];
    for (const arrive of held) arrive();
  }

  serve(server: Server): void {
    server.on('connection', (near: Socket) => {
      const far = connect(this.#port, '127.0.0.1');
      for (const s of [near, far]) s.setNoDelay(true);
      // the handshake of TCP takes its round trip as well
      this.#carry(far, near);
      setTimeout(() => this.#carry(near, far), 2 * this.oneWayMs);
      near.on('error', () => far.destroy());
    });
  }

  #carry(from: Socket, to: Socket): void {
    from.on('data', (b: Buffer) => this.#later(() => to.write(b)));
    from.on('close', () => this.#later(() => to.destroy()));
    from.on('error', () => to.destroy());
  }
  #later(arrive: () => void): void {
    setTimeout(() => (this.#cut ? void this.#held.push(arrive) : arrive()), this.oneWayMs);
  }
}
