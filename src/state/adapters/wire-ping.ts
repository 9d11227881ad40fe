import type { Duplex } from 'node:stream';
import type { Clock, ClusterName } from '../../kernel/index.ts';
import type { Pong, Via } from '../ports.ts';
import { openLimit, type Rtts, type StreamKind } from '../wire/header.ts';
import { readLine } from './wire-streams.ts';

/** What a pinger needs of the wire. */
interface Ways {
  ways(to: ClusterName): readonly Via[];
  by(way: Via, to: ClusterName, kind: StreamKind, epoch: number): Promise<Duplex>;
}
interface PingerOptions {
  wire: Ways;
  to: ClusterName;
  clock: Clock;
  rtts: Rtts;
}

/** One way to a peer, held open. Answers come in the order of the questions. */
class Way {
  readonly #o: PingerOptions;
  readonly #via: Via;
  #stream: Promise<Duplex> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(o: PingerOptions, via: Via) {
    this.#o = o;
    this.#via = via;
  }

  /** Asks and gives the answer; a stream that does not answer in time is opened anew by the next question. */
  async ask(): Promise<Pong> {
    const stream = (this.#stream ??= this.#o.wire.by(this.#via, this.#o.to, 'ping', 0));
    try {
      const on = await stream;
      const sent = this.#o.clock.monotonic();
      on.write('?\n');
      const answer = this.#last.then(() => readLine(on));
      this.#last = answer.catch(() => undefined);
      const said = JSON.parse(await this.#inTime(answer)) as Omit<Pong, 'via'> | null;
      if (this.#via === 'direct') this.#o.rtts.add(this.#o.clock.monotonic() - sent);
      if (said === null) throw new Silent(`${this.#o.to} does not answer`);
      return { ...said, via: this.#via };
    } catch (error) {
      if (!(error instanceof Silent)) this.#drop(stream);
      throw error;
    }
  }

  async #inTime(answer: Promise<string>): Promise<string> {
    const stop = new AbortController();
    const late = this.#o.clock.sleep(openLimit(this.#o.rtts.p50), stop.signal).then(() => {
      throw new Error('no answer in time');
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([answer, late]);
    } finally {
      stop.abort();
    }
  }

  #drop(stream: Promise<Duplex>): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#last = Promise.resolve();
    stream.then((s) => s.destroy()).catch(() => undefined);
  }

  close(): void {
    if (this.#stream !== undefined) this.#drop(this.#stream);
  }
}

/** The peer answers, but not for its Redis. */
class Silent extends Error {}

/** Pings by all ways at once, so that one cut link is no silence. */
export class Pinger {
  readonly #ways: readonly Way[];

  constructor(o: PingerOptions) {
    this.#ways = o.wire.ways(o.to).map((via) => new Way(o, via));
  }

  /** The first answer. Rejects when every way failed, or when the signal fires. */
  async ping(signal: AbortSignal): Promise<Pong> {
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(new Error('no answer in time'));
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([Promise.any(this.#ways.map((w) => w.ask())), aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  close(): void {
    for (const w of this.#ways) w.close();
  }
}
