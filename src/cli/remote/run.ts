import { setTimeout as delay } from 'node:timers/promises';
import type { Io, Outcome } from '../../commands/index.ts';
import { causes, fault, problemOf, type View } from '../../kernel/index.ts';
import { type Ended, type Gone, goneFault, outcomeOf } from './end.ts';
import { ask, eventsOf, isUnreachable, type Wire } from './wire.ts';

/** The server is asked again for so long after it was heard last. Milliseconds. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = { first: 250, most: 3000 };

const EVENTS = { accept: 'text/event-stream' };

/** A run seen from here: `open` asks for its events, first by the command itself, later by its id. */
interface Watched {
  run?: string;
  /** Id of the last event. */
  last?: string;
}

interface Question {
  id: string;
  kind: 'yes' | 'text';
  text: string;
  flag: string;
}

/** What one connection told: the end, or nothing of it. */
type Told = { ended: Ended } | { gone: Gone };

/** A command, followed to its end over lost connections. */
export class RemoteRun {
  readonly #w: Wire;
  readonly #io: Io;
  readonly #seen: Watched = {};
  readonly #begin: ((signal: AbortSignal) => Promise<Response>) | undefined;
  /** Told to people when it does not go as it should. */
  readonly #say: (line: string) => void;
  #stopping = false;

  constructor(
    w: Wire,
    o: { io: Io; say(line: string): void; run?: string; begin?(s: AbortSignal): Promise<Response> },
  ) {
    this.#w = w;
    this.#io = o.io;
    this.#say = o.say;
    this.#begin = o.begin?.bind(o);
    if (o.run !== undefined) this.#seen.run = o.run;
  }

  /** Throws what the verb threw; TW8028, TW8036, TW8037, TW8039 when its answer cannot be had. */
  async outcome(): Promise<Outcome> {
    const stop = (): void => void this.#stop();
    this.#io.signal.addEventListener('abort', stop, { once: true });
    try {
      return await this.#untilEnd();
    } finally {
      this.#io.signal.removeEventListener('abort', stop);
    }
  }

  async #untilEnd(): Promise<Outcome> {
    let heard = performance.now();
    for (let pause = PAUSE_MS.first; ; pause = Math.min(pause * 2, PAUSE_MS.most)) {
      const before = this.#seen.last;
      const got = await this.#once();
      if (this.#io.detach.aborted) throw this.#left();
      if (got.told !== undefined) return this.#said(got.told);
      if (got.why === undefined || before !== this.#seen.last) [heard, pause] = [performance.now(), PAUSE_MS.first];
      if (performance.now() - heard > PATIENCE_MS) throw this.#outOfSight(got.why);
      this.#say(
        `the connection to ${this.#w.origin} broke${got.why === undefined ? '' : ` (${got.why})`}; trying again…`,
      );
      await delay(pause, undefined, { signal: this.#io.detach }).catch(() => undefined);
    }
  }

  /** What one connection told, or why it broke. Throws what is no matter of the connection. */
  async #once(): Promise<{ told?: Told | undefined; why?: string }> {
    try {
      return { told: await this.#watch() };
    } catch (error) {
      if (!isUnreachable(error) && !this.#io.detach.aborted) throw error;
      return { why: problemOf(error).why[0] ?? 'no reason' };
    }
  }

  #said(told: Told): Outcome {
    if ('ended' in told) return outcomeOf(told.ended);
    throw goneFault(told.gone);
  }

  /** One connection. The key of the command makes a second `begin` find the first. */
  async #watch(): Promise<Told | undefined> {
    const { run, last } = this.#seen;
    const headers = { ...EVENTS, ...(last === undefined ? {} : { 'last-event-id': last }) };
    const { detach: signal } = this.#io;
    const r =
      run === undefined && this.#begin !== undefined
        ? await this.#begin(signal)
        : await ask(this.#w, `/api/v1/runs/${run}`, { headers, signal });
    for await (const e of eventsOf(this.#w, r)) {
      if (e.id !== undefined) this.#seen.last = e.id;
      const told = this.#take(e.event ?? '', JSON.parse(e.data) as unknown);
      if (told !== undefined) return told;
    }
    return undefined;
  }

  #take(event: string, data: unknown): Told | undefined {
    switch (event) {
      case 'run':
        this.#begun((data as Gone).run);
        return undefined;
      case 'view':
        this.#io.show(data as View);
        return undefined;
      case 'ask':
        void this.#answer(data as Question);
        return undefined;
      case 'end':
        return { ended: data as Ended };
      case 'gone':
        return { gone: data as Gone };
      default:
        return undefined;
    }
  }

  #begun(run: string): void {
    this.#seen.run = run;
    if (this.#io.signal.aborted) void this.#stop();
  }

  async #send(what: string, body: object): Promise<void> {
    const path = `/api/v1/runs/${this.#seen.run}/${what}`;
    await ask(this.#w, path, { method: 'POST', body, signal: this.#io.detach }).catch((e: unknown) => {
      if (!this.#io.detach.aborted) this.#say(`the server did not take it (${what}): ${causes(e)[0] ?? ''}`);
    });
  }

  /** Once: what the server runs is stopped safely there, and followed to its end here. */
  async #stop(): Promise<void> {
    if (this.#seen.run === undefined || this.#stopping) return;
    this.#stopping = true;
    await this.#send('stop', {});
  }

  async #answer({ id, ...question }: Question): Promise<void> {
    const body = await this.#io.ask(question).then(
      (text) => ({ id, text }),
      (e: unknown) => ({ id, refused: problemOf(e).why[0] ?? 'the answer was cancelled' }),
    );
    await this.#send('answer', body);
  }

  #again(): { say: string; command: string }[] {
    const { run } = this.#seen;
    if (run === undefined) return [{ say: 'See what stands:', command: 'tw status' }];
    return [{ say: 'Look again:', command: `tw attach ${run}` }];
  }

  #left(): Error {
    const { run } = this.#seen;
    const why = run === undefined ? 'the server had not told yet that it began' : 'the server goes on with it';
    return fault('TW8036', { value: run ?? this.#w.origin, why: [why], fix: this.#again() });
  }

  #outOfSight(why: string | undefined): Error {
    return fault('TW8039', {
      value: this.#seen.run ?? this.#w.origin,
      why: [...(why === undefined ? [] : [why]), `nobody answered for ${PATIENCE_MS / 1000} s: it may run on`],
      fix: this.#again(),
    });
  }
}

/** Shows a look as it comes; `undefined`: the connection ended before its end. */
async function lookEnd(w: Wire, r: Response, io: Io): Promise<Ended | undefined> {
  for await (const e of eventsOf(w, r)) {
    const data = JSON.parse(e.data) as unknown;
    if (e.event === 'out') io.out(data as string);
    else if (e.event === 'view') io.show(data as View);
    else if (e.event === 'end') return data as Ended;
  }
  return undefined;
}

/** A look: it ends when this side leaves. Throws what the verb threw; TW6403 when it was cut short. */
export async function remoteLook(w: Wire, path: string, o: { io: Io; follow: boolean }): Promise<Outcome> {
  const { io } = o;
  const signal = AbortSignal.any([io.signal, io.detach]);
  const headers = { ...EVENTS, 'tw-plain': io.machine ? '0' : '1' };
  const ended = await ask(w, path, { headers, signal })
    .then((r) => lookEnd(w, r, io))
    .catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
  if (ended !== undefined) return outcomeOf(ended);
  // `logs -f` has no other end than this.
  if (signal.aborted && o.follow) return { data: null, view: { at: Date.now(), rows: [] }, streamed: true };
  const why = signal.aborted ? 'interrupted' : 'the server ended in the middle of the answer';
  throw fault('TW6403', { value: path.replace('/api/v1/commands/', ''), why: [why], fix: [{ say: 'Ask again.' }] });
}
