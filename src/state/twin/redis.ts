// A Redis in memory, as far as agents and gateways can tell: a log with offsets, a marker, users, replicas, WAIT,
// processes that end and start. No data types: the data is a list of words.
import { parseMarker } from '../marker.ts';
import type { Look, RunId, Shortage } from '../model.ts';

export interface Entry {
  bytes: number;
  does: { push: string } | { flush: true } | { marker: { epoch: number; w: number } };
}

/** One connection of a client or an agent. */
export class TwinConnection {
  closed = false;
  /** Offset behind this connection's last write. */
  wrote = 0;
  readonly run: RunId;
  constructor(run: RunId) {
    this.run = run;
  }
}

/** Which Redis answers at which port of "loopback", and links that are cut. */
export class TwinNet {
  readonly at: Map<number, TwinRedis> = new Map<number, TwinRedis>();
  #runs = 0;
  #later = false;

  nextRun(): RunId {
    this.#runs += 1;
    return `run-${this.#runs}`;
  }

  /** Replication goes on one step at a time, after what runs now. */
  poke(): void {
    if (this.#later) return;
    this.#later = true;
    setImmediate(() => {
      this.#later = false;
      const moved = [...this.at.values()].map((r) => r.replicate());
      if (moved.includes(true)) this.poke();
    });
  }
}

/** At a port so much higher the same Redis answers, and hears no acknowledgement. */
export const QUIET = 1000;

export class TwinRedis {
  readonly net: TwinNet;
  readonly port: number;
  run: RunId | undefined;
  log: Entry[] = [];
  disk: readonly Entry[] = [];
  role: Look['role'] = 'fenced';
  minReplicas = 0;
  writers = false;
  followed = false;
  /** Cut off from every other Redis. */
  apart = false;
  /** Of what it has too little. */
  short: Shortage | undefined;
  linked = false;
  syncing = false;
  pausedUntil: Promise<void> | undefined;
  unpause: () => void = () => undefined;
  #master = 0;
  #quiet = false;
  readonly clients: Set<TwinConnection> = new Set<TwinConnection>();
  readonly agents: Set<TwinConnection> = new Set<TwinConnection>();

  constructor(net: TwinNet, port: number) {
    this.net = net;
    this.port = port;
    net.at.set(port, this);
    this.start('empty');
  }

  start(from: 'disk' | 'empty'): void {
    if (from === 'empty') this.disk = [];
    this.log = [...this.disk];
    this.run = this.net.nextRun();
    this.role = 'fenced';
    this.minReplicas = 0;
    this.writers = false;
    this.followed = false;
    this.short = undefined;
    this.#unlink();
  }

  stop(): void {
    this.run = undefined;
    this.#cut(this.clients);
    this.#cut(this.agents);
    this.#unlink();
    for (const r of this.replicas()) r.linked = false;
    this.net.poke();
  }

  /** The process of this connection, or a throw when it is gone. */
  assert(on: TwinConnection): void {
    if (on.closed || this.run === undefined || on.run !== this.run) throw new Error('connection closed');
  }

  login(as: 'writer' | 'agent'): TwinConnection {
    if (this.run === undefined) throw new Error('connect ECONNREFUSED');
    if (as === 'writer' && !this.writers)
      throw new Error('WRONGPASS invalid username-password pair or user is disabled.');
    const on = new TwinConnection(this.run);
    (as === 'writer' ? this.clients : this.agents).add(on);
    return on;
  }

  get offset(): number {
    return this.log.reduce((n, e) => n + e.bytes, 0);
  }
  get marker(): { epoch: number; w: number } | undefined {
    return this.log.flatMap((e) => ('marker' in e.does ? [e.does.marker] : [])).at(-1);
  }
  get words(): string[] {
    const from = this.log.findLastIndex((e) => 'flush' in e.does) + 1;
    return this.log.slice(from).flatMap((e) => ('push' in e.does ? [e.does.push] : []));
  }

  replicas(): TwinRedis[] {
    return [...this.net.at.values()].filter((r) => r.linked && r.#master === this.port);
  }

  look(): Look {
    const { marker, run } = this;
    if (run === undefined) throw new Error('connect ECONNREFUSED');
    return {
      run,
      role: this.role,
      link: this.linked && !this.syncing,
      offset: this.offset,
      ...(marker === undefined ? {} : { marker }),
      loading: false,
      syncing: this.syncing,
      replicas: this.replicas().length,
      virgin: this.log.length === 0 && !this.followed && this.role !== 'primary',
      ...(this.short === undefined ? {} : { short: [this.short] }),
    };
  }

  append(does: Entry['does']): void {
    const bytes = 'push' in does ? 20 + does.push.length : 30;
    this.log.push({ bytes, does });
    this.net.poke();
  }

  /** A write of a client; throws what Redis would answer. */
  async write(on: TwinConnection, does: Entry['does']): Promise<void> {
    await this.pausedUntil;
    this.assert(on);
    if (this.role !== 'primary') throw new Error("READONLY You can't write against a read only replica.");
    if (this.short?.of === 'memory') throw new Error("OOM command not allowed when used memory > 'maxmemory'.");
    if (this.short?.of === 'disk') throw new Error('MISCONF Redis is unable to persist to disk.');
    if (this.replicas().length < this.minReplicas) throw new Error('NOREPLICAS Not enough good replicas to write.');
    this.append(does);
    on.wrote = this.offset;
  }

  acks(on: TwinConnection): number {
    return this.replicas().filter((r) => !r.#quiet && !r.syncing && r.offset >= on.wrote).length;
  }

  follow(port: number): void {
    this.#unlink();
    this.role = 'replica';
    this.#master = port % QUIET;
    this.#quiet = port > QUIET;
    this.writers = false;
    this.net.poke();
  }

  fence(): void {
    this.writers = false;
    this.role = 'fenced';
    this.#unlink();
    this.#cut(this.clients);
    for (const r of this.replicas()) r.linked = false;
    this.net.poke();
  }

  cutAgents(but: TwinConnection): void {
    this.agents.delete(but);
    this.#cut(this.agents);
    this.agents.add(but);
  }

  /** What `FUNCTION LOAD REPLACE` of the marker does. */
  mark(text: string): void {
    const marker = parseMarker(text);
    if (marker !== undefined) this.append({ marker });
  }

  /** One step of replication; true when there is more to do. */
  replicate(): boolean {
    const master = this.#source();
    if (master === undefined) {
      this.linked = false;
      return false;
    }
    if (!this.linked) return this.#attach(master);
    if (this.syncing) {
      this.log = [...master.log];
      this.syncing = false;
      return true;
    }
    const next = master.log[this.log.length];
    if (next !== undefined) this.log.push(next);
    if (next !== undefined) this.net.poke();
    return this.log.length < master.log.length;
  }

  /** The Redis that it can follow now. */
  #source(): TwinRedis | undefined {
    const master = this.net.at.get(this.#master);
    const here = this.run !== undefined && this.role === 'replica';
    const cut = this.apart || master?.apart === true;
    return here && !cut && master?.run !== undefined && master.role !== 'fenced' ? master : undefined;
  }

  #attach(master: TwinRedis): boolean {
    this.linked = true;
    this.followed = true;
    this.syncing = !this.log.every((e, i) => master.log[i] === e);
    return true;
  }

  #unlink(): void {
    this.#master = 0;
    this.#quiet = false;
    this.linked = false;
    this.syncing = false;
  }

  #cut(which: Set<TwinConnection>): void {
    for (const on of which) on.closed = true;
    which.clear();
  }
}
