import { connect, type Socket } from 'node:net';
import type { Json } from '../../kernel/index.ts';

type Fields = Readonly<Record<string, Json>>;
interface Waiting {
  resolve: (reply: Fields) => void;
  reject: (error: Error) => void;
}

/** The control line of tw-net: JSON lines over DIR/run/net.sock, answers matched by id. Connects when first used and again after a loss. */
export class NetControl {
  readonly #path: string;
  #socket: Socket | undefined;
  #next = 1;
  readonly #waiting = new Map<number, Waiting>();

  constructor(path: string) {
    this.#path = path;
  }

  /** One order. Rejects with tw-net's words, on a lost line, or after `timeoutMs`. */
  async send(order: Fields & { do: string }, timeoutMs = 15_000): Promise<Fields> {
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<Fields>();
    const timer = setTimeout(
      () => reject(new Error(`tw-net did not answer "${order.do}" in ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#waiting.set(id, { resolve, reject });
    this.#line().write(`${JSON.stringify({ ...order, id })}\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #line(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    const socket = connect(this.#path);
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#answer(line);
    });
    socket.on('error', (e) => this.#lost(socket, e));
    socket.on('close', () => this.#lost(socket, new Error('tw-net closed its control socket')));
    this.#socket = socket;
    return socket;
  }

  #answer(line: string): void {
    if (line.trim() === '') return;
    const reply = JSON.parse(line) as Fields;
    const waiting = this.#waiting.get(Number(reply['id']));
    if (typeof reply['error'] === 'string') waiting?.reject(new Error(reply['error']));
    else waiting?.resolve(reply);
  }

  #lost(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    for (const w of this.#waiting.values()) w.reject(error);
  }
}
