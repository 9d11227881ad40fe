// A Redis in memory, as far as the agent and its senders can tell: logs of origins that are applied exactly once,
// processes that end and start, users that are on or off. What entries mean is the functions' matter.
import type { Done, Shortage, Unconfirmed } from '../model.ts';
import { compareIds, type Id, idAt, isAfter, type Origin, START, type Vector } from './ids.ts';
import type { ActiveLook, ActiveRedis, Applied, LogEntry, Peer, Tail } from './ports.ts';

interface Memory {
  me: { origin: Origin; run: string } | undefined;
  vector: Map<Origin, Id>;
  logs: Map<Origin, LogEntry[]>;
  gone: Map<Origin, Id>;
  /** What the entries brought, also of those that are in no log any more. */
  words: string[];
}
const blank = (): Memory => ({ me: undefined, vector: new Map(), logs: new Map(), gone: new Map(), words: [] });
const copyOf = (m: Memory): Memory => ({
  me: m.me,
  vector: new Map(m.vector),
  logs: new Map([...m.logs].map(([o, log]) => [o, [...log]])),
  gone: new Map(m.gone),
  words: [...m.words],
});

/** Which Redis answers at which port. */
export type TwinPorts = Map<number, ActiveTwin>;

export class ActiveTwin {
  readonly port: number;
  readonly #ports: TwinPorts;
  /** Wall time, milliseconds. */
  readonly #now: () => number;
  /** All of it survives a crash, as with an append-only file. */
  #memory: Memory = blank();
  #runs = 0;
  #clock = 0;
  run: string | undefined;
  /** Of a replica: whom it follows. */
  #follows: number | undefined;
  readonly on: Set<'apps' | 'senders'> = new Set<'apps' | 'senders'>();
  acked: Id = START;
  #torn: { origin: Origin; e: LogEntry; since?: string } | undefined;
  /** Memory is full. */
  short: Shortage | undefined;

  constructor(ports: TwinPorts, port: number, now: () => number) {
    this.#ports = ports;
    this.port = port;
    this.#now = now;
    ports.set(port, this);
    this.start('empty');
  }

  start(from: 'disk' | 'empty'): void {
    if (from === 'empty') this.#memory = blank();
    this.#runs += 1;
    this.run = `run-${this.port}-${this.#runs}`;
    const torn = this.#torn;
    if (from === 'empty') this.#torn = undefined;
    else if (torn?.since !== undefined) this.#append(torn.origin, torn.e);
    else if (torn !== undefined) this.#torn = { ...torn, since: this.run };
    this.#follows = undefined;
    this.short = undefined;
    this.on.clear();
  }
  stop(): void {
    this.run = undefined;
  }
  /** What is on the disk; give it to `restore` under a Redis that does not run. */
  keepDisk(): () => void {
    const kept = copyOf(this.#memory);
    return () => (this.#memory = copyOf(kept));
  }

  /** The last own write did not reach the disk as a whole; unless the log is written anew, the next start has it. */
  cutLog(): void {
    const { me, logs, vector, words } = this.#memory;
    const log = logs.get(me?.origin ?? '') ?? [];
    const last = log.pop();
    const word = last?.payload.toString();
    if (me === undefined || last === undefined || word === undefined) return;
    this.#torn = { origin: me.origin, e: last };
    words.splice(words.lastIndexOf(word), 1);
    vector.set(me.origin, log.at(-1)?.id ?? START);
  }
  rewrite(run: string): Done {
    this.assert();
    if (run !== this.run) return { is: 'refused', why: 'another process answers' };
    this.#torn = undefined;
    return { is: 'done' };
  }

  /** What was written, also while it does not run. Whatever was taken twice is here twice. */
  words(): readonly string[] {
    return this.#memory.words;
  }
  vector(): Vector {
    return Object.fromEntries(this.#memory.vector);
  }

  /** A write of an app. */
  write(word: string): void {
    this.assert();
    if (!this.on.has('apps') || this.#memory.me === undefined) throw new Error('WRONGPASS user is disabled');
    this.#hasRoom();
    const ms = Math.floor(this.#now());
    this.#clock = Math.max(this.#clock + 1, ms * 1000);
    const id = `${Math.floor(this.#clock / 1000)}-${this.#clock % 1000}`;
    this.#append(this.#memory.me.origin, { id, payload: Buffer.from(word) });
  }
  assert(run?: string): void {
    if (this.run === undefined) throw new Error('connect ECONNREFUSED');
    if (run !== undefined && run !== this.run) throw new Error('the connection ended');
    this.#replicates();
  }

  #hasRoom(): void {
    if (this.short !== undefined) throw new Error('OOM allow-oom flag is not set on the script, can not run it');
  }
  #append(origin: Origin, e: LogEntry): void {
    const log = this.#memory.logs.get(origin) ?? [];
    this.#memory.logs.set(origin, log);
    log.push(e);
    this.#memory.vector.set(origin, e.id);
    this.#memory.words.push(e.payload.toString());
  }
  get #master(): ActiveTwin | undefined {
    const at = this.#follows === undefined ? undefined : this.#ports.get(this.#follows);
    return at?.run === undefined ? undefined : at;
  }
  #replicates(): void {
    if (this.#master !== undefined) this.#memory = copyOf(this.#master.#memory);
  }

  logOf(origin: Origin): readonly LogEntry[] {
    return this.#memory.logs.get(origin) ?? [];
  }
  look(): ActiveLook {
    this.assert();
    const { me } = this.#memory;
    return {
      run: this.run ?? '',
      role: this.#follows === undefined ? 'primary' : 'replica',
      link: this.#master !== undefined,
      loading: false,
      durable: true,
      ...(me === undefined ? {} : { me }),
      vector: this.vector(),
      ...(this.short === undefined ? {} : { short: [this.short] }),
    };
  }
  tail(origin: Origin, after: Id, count: number): Tail {
    this.assert();
    if (compareIds(after, this.#memory.gone.get(origin) ?? START) < 0) return { is: 'trimmed' };
    const log = this.#memory.logs.get(origin) ?? [];
    return { is: 'entries', entries: log.filter((e) => isAfter(e.id, after)).slice(0, count) };
  }
  apply(origin: Origin, prev: Id, entries: readonly LogEntry[]): Applied {
    this.assert();
    if (this.#follows !== undefined) throw new Error("READONLY You can't write against a read only replica.");
    this.#hasRoom();
    if (origin === this.#memory.me?.origin) throw new Error('ERR own origin');
    const have = idAt(this.vector(), origin);
    if (isAfter(prev, have)) return { is: 'gap' };
    const ahead = Math.max(...entries.map((e) => Number(e.id.split('-')[0]))) - this.#now();
    if (ahead > 60_000) return { is: 'skew', ms: ahead };
    for (const e of entries) if (isAfter(e.id, idAt(this.vector(), origin))) this.#append(origin, e);
    return { is: 'applied', id: idAt(this.vector(), origin) };
  }
  open(origin: Origin, run: string): Done {
    this.assert();
    if (run !== this.run) return { is: 'refused', why: 'another process answers' };
    this.#memory.me = { origin, run };
    this.on.add('apps').add('senders');
    return { is: 'done' };
  }
  follow(run: string, port: number | undefined): Done {
    this.assert();
    if (run !== this.run) return { is: 'refused', why: 'another process answers' };
    this.#follows = port;
    this.#replicates();
    return { is: 'done' };
  }
  trim(origin: Origin, id: Id): void {
    this.assert();
    const log = this.#memory.logs.get(origin) ?? [];
    this.#memory.logs.set(
      origin,
      log.filter((e) => isAfter(e.id, id)),
    );
    if (isAfter(id, this.#memory.gone.get(origin) ?? START)) this.#memory.gone.set(origin, id);
  }
}

/** The twin as the agent beside it sees it. */
export function twinActiveRedis(t: ActiveTwin, sleep: (ms: number) => Promise<void>): ActiveRedis {
  const careful = async (work: () => Done): Promise<Done | Unconfirmed> => {
    try {
      return work();
    } catch (error) {
      return { is: 'unconfirmed', why: String(error) };
    }
  };
  const lastOf = (o: Origin): Id => idAt(t.vector(), o);
  return {
    look: async () => t.look(),
    open: (origin, run) => careful(() => t.open(origin, run)),
    shut: (who) =>
      careful(() => {
        t.assert();
        t.on.delete('apps');
        if (who === 'all') t.on.delete('senders');
        return { is: 'done' };
      }),
    rewrite: (run) => careful(() => t.rewrite(run)),
    follow: (run, port) => careful(() => t.follow(run, port)),
    detach: (run) => careful(() => t.follow(run, undefined)),
    end: async () => {
      t.assert();
      t.stop();
    },
    vector: async () => {
      t.assert();
      return t.vector();
    },
    tail: async (origin, after, count) => t.tail(origin, after, count),
    grown: async (run, { origin, after, count, ms }) => {
      t.assert(run);
      for (let waited = 0; waited < ms && !isAfter(lastOf(origin), after); waited += 25) await sleep(25);
      t.assert(run);
      return t.tail(origin, after, count);
    },
    trim: async (run, origin, id) => {
      t.assert(run);
      t.trim(origin, id);
    },
    excess: async (origin, max) => {
      t.assert();
      const log = t.logOf(origin);
      return log.length > max ? log[log.length - max - 1]?.id : undefined;
    },
    sweep: async (run, ms) => {
      t.assert(run);
      return ms;
    },
    acked: async (run, id) => {
      t.assert(run);
      t.acked = id;
    },
  };
}

/** The twin as a sender of another cluster sees it; `way` is what a call waits for, and throws when it is cut. */
export function twinPeer(t: ActiveTwin, way: () => Promise<void>): Peer {
  const { run } = t;
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();
  const ask = <T>(work: () => T): Promise<T> => {
    // Answers come in the order of the questions.
    const before = last;
    const mine = way().then(async () => {
      await before.catch(() => undefined);
      if (closed || !t.on.has('senders')) throw new Error('the connection ended');
      t.assert(run);
      return work();
    });
    last = mine;
    mine.catch(() => undefined);
    return mine;
  };
  return {
    vector: () => ask(() => t.vector()),
    tail: (origin, after, count) => ask(() => t.tail(origin, after, count)),
    apply: (origin, prev, entries) => ask(() => t.apply(origin, prev, entries)),
    silence: 0,
    close: () => {
      closed = true;
    },
  };
}
