import { once } from 'node:events';
import { connect } from 'node:net';
import { type Clock, systemClock, within } from '../../kernel/index.ts';
import {
  type Arg,
  type Ask,
  type AskAll,
  askingAll,
  meBy,
  Refusal,
  tailBy,
  textOf,
  vectorBy,
} from '../active/calls.ts';
import { type Id, numberOf, type Origin } from '../active/ids.ts';
import { activeLibrary } from '../active/library/index.ts';
import { EPOCH } from '../active/peer.ts';
import type { ActiveLook, ActiveRedis, LogEntry, Tail } from '../active/ports.ts';
import { Upstream } from '../gateway/upstream.ts';
import { markerLibrary } from '../marker.ts';
import type { Done, RunId, Unconfirmed } from '../model.ts';
import type { Value } from '../resp/values.ts';
import { field, yes } from './info.ts';
import { type DiskUse, measured, shortIn, unlimited } from './room.ts';

export interface ActiveRedisOptions {
  host: string;
  port: number;
  /** Of `tw-agent`. */
  password: string;
  /** Longest time of one command, milliseconds. Default 5000; the end of a process has `endMs`, default 60,000. */
  timeoutMs?: number;
  endMs?: number;
  clock?: Clock;
  /** Of the volume with the data. */
  disk?: DiskUse;
}

const SECTIONS = ['server', 'replication', 'persistence', 'memory'];
/** Entries of a long log that are cut at once, and keys that are made to expire at once. */
const CUT = 10_000;
const SWEPT = 100;

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** One connection of `tw-agent` that is opened when it is needed and given up at the first fault. */
class Connection {
  readonly #o: ActiveRedisOptions;
  readonly #db: '0' | '1';
  #up: Promise<Upstream> | undefined;
  /** New whenever it was opened anew. */
  generation = 0;
  /** Which process that one leads to. */
  #known: { generation: number; run: RunId } | undefined;

  constructor(o: ActiveRedisOptions, db: '0' | '1') {
    this.#o = o;
    this.#db = db;
  }

  async #open(): Promise<Upstream> {
    const socket = connect({ host: this.#o.host, port: this.#o.port });
    socket.setNoDelay(true);
    const limit = this.#o.timeoutMs ?? 5000;
    try {
      const opening = once(socket, 'connect').then(() =>
        Upstream.open(socket, { user: 'tw-agent', password: this.#o.password, ackMs: 0, db: this.#db }),
      );
      return await within(this.#o.clock ?? systemClock, limit, opening, late('connect', limit));
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
  #connected(): Promise<Upstream> {
    if (this.#up !== undefined) return this.#up;
    this.generation += 1;
    const opening = this.#open();
    const forget = (): void => {
      if (this.#up === opening) this.#up = undefined;
    };
    opening.then((up) => (up.closed ? forget() : (up.onClose = forget)), forget);
    this.#up = opening;
    return opening;
  }

  /** As `use`, for that process alone. A connection ends with its process, so that it is asked once. */
  useOf<T>(run: RunId, work: (ask: Ask, all: AskAll) => Promise<T>, ms?: number): Promise<T> {
    return this.use(async (ask, all) => {
      const { generation } = this;
      if (this.#known?.generation !== generation) this.#known = { generation, run: await runBy(ask) };
      mustBe(run, this.#known.run);
      return await work(ask, all);
    }, ms);
  }

  /** Error replies leave the connection as it is; anything else ends it. */
  async use<T>(work: (ask: Ask, all: AskAll) => Promise<T>, ms = this.#o.timeoutMs ?? 5000): Promise<T> {
    const up = await this.#connected();
    const asked = askingAll(up);
    const clock = this.#o.clock ?? systemClock;
    const all: AskAll = (...commands) => within(clock, ms, asked(...commands), late(String(commands[0]?.[0]), ms));
    try {
      return await work(async (...args) => (await all(args))[0] ?? null, all);
    } catch (error) {
      if (!(error instanceof Refusal)) up.close();
      throw error;
    }
  }

  close(): void {
    this.#up?.then((u) => u.close()).catch(() => undefined);
    this.#up = undefined;
  }
}

const late = (what: string, ms: number) => (): never => {
  throw new Error(`${what}: no answer for ${ms} ms`);
};

const durable = (info: string): boolean =>
  field(info, 'aof_enabled') !== '1' ||
  (!yes(info, 'aof_rewrite_in_progress', 'aof_rewrite_scheduled') &&
    ['aof_last_bgrewrite_status', 'aof_last_write_status'].every((name) => field(info, name) === 'ok'));

const unless =
  <T>(otherwise: T) =>
  (error: unknown): T => {
    if (error instanceof Refusal) return otherwise;
    throw error;
  };

/** What the functions say is only of use where they are: a Redis that loads, or is new, has none. */
async function lookBy(ask: Ask): Promise<ActiveLook> {
  const [said, me, vector] = await Promise.all([
    ask('INFO', ...SECTIONS),
    meBy(ask).catch(unless(undefined)),
    vectorBy(ask).catch(unless({})),
  ]);
  const info = textOf(said);
  return {
    run: field(info, 'run_id'),
    role: field(info, 'role') === 'slave' ? 'replica' : 'primary',
    link: field(info, 'master_link_status') === 'up' && !yes(info, 'master_sync_in_progress'),
    loading: yes(info, 'loading', 'async_loading'),
    durable: durable(info),
    ...(me === undefined ? {} : { me }),
    vector,
    ...shortIn(info),
  };
}

/** Also into a Redis that is full: without its functions it would never be open again, and nobody could remove anything. */
async function load(ask: Ask): Promise<void> {
  const { short } = shortIn(textOf(await ask('INFO', 'memory', 'persistence')));
  for (const library of [activeLibrary(), markerLibrary(EPOCH, 0)]) {
    const line = ['FUNCTION', 'LOAD', 'REPLACE', library];
    const lines = short === undefined ? [line] : await unlimited((l) => ask(...l), line);
    await Promise.all(lines.map((l) => ask(...l)));
  }
}

const runBy = async (ask: Ask): Promise<RunId> => field(textOf(await ask('INFO', 'server')), 'run_id');

function mustBe(run: RunId, answers: RunId): void {
  if (answers !== run) throw new Refusal(`process ${answers} answers, meant was ${run}`);
}

async function openBy(ask: Ask, origin: Origin, run: RunId): Promise<void> {
  mustBe(run, await runBy(ask));
  const me = await meBy(ask);
  if (me?.origin !== origin || me.run !== run) await ask('FCALL', 'tw_open', 0, origin, run);
  await ask('ACL', 'SETUSER', 'tw-sync', 'on');
  await ask('ACL', 'SETUSER', 'tw-w', 'on');
}

async function rewriteBy(ask: Ask, run: RunId): Promise<void> {
  const info = textOf(await ask('INFO', 'server', 'persistence'));
  mustBe(run, field(info, 'run_id'));
  const busy = yes(info, 'aof_rewrite_in_progress', 'aof_rewrite_scheduled');
  if (yes(info, 'aof_enabled') && !busy) await ask('BGREWRITEAOF');
}

async function shutBy(ask: Ask, who: 'apps' | 'all'): Promise<void> {
  for (const user of who === 'all' ? ['tw-w', 'tw-sync'] : ['tw-w']) {
    await ask('ACL', 'SETUSER', user, 'off');
    await ask('CLIENT', 'KILL', 'USER', user);
  }
}

/** SHUTDOWN has no answer: the end of the connection is one. Without an append-only file it writes a snapshot. */
async function endBy(ask: Ask): Promise<void> {
  const aof = field(textOf(await ask('INFO', 'persistence')), 'aof_enabled') === '1';
  const end = await ask('SHUTDOWN', aof ? 'NOSAVE' : 'SAVE', 'NOW').catch((error: unknown) => error);
  if (end instanceof Refusal || message(end).includes('no answer')) throw end;
}

async function excessBy(ask: Ask, origin: Origin, max: number): Promise<Id | undefined> {
  const key = `tw:log:${origin}`;
  const inLogs = async (...args: readonly Arg[]) =>
    (await Promise.all([ask('SELECT', 1), ask(...args), ask('SELECT', 0)]))[1];
  const more = Number(await inLogs('XLEN', key)) - max;
  if (more <= 0) return undefined;
  const rows = await inLogs('XRANGE', key, '-', '+', 'COUNT', Math.min(more, CUT));
  const last = Array.isArray(rows) ? rows.at(-1) : undefined;
  return Array.isArray(last) ? textOf(last[0]) : undefined;
}

async function followBy(ask: Ask, run: RunId, whom: readonly [string, string]): Promise<void> {
  mustBe(run, await runBy(ask));
  await ask('REPLICAOF', ...whom);
}

async function sweepBy(ask: Ask, ms: number): Promise<number> {
  const said = await ask('FCALL', 'tw_sweep', 0, SWEPT);
  const [swept = 0, next = -1] = Array.isArray(said) ? said.map((v) => Number(textOf(v))) : [];
  if (swept >= SWEPT) return 0;
  return next < 0 ? ms : Math.min(next, ms);
}

const listOf = (v: Value | undefined): readonly Value[] => (Array.isArray(v) ? v : []);

/** Nothing is asked once more when there is something: what was cut from the log is said behind the entries. */
async function grownBy(all: AskAll, x: { origin: Origin; after: Id; count: number; ms: number }): Promise<Tail> {
  const [said, gone = null] = await all(
    ['XREAD', 'COUNT', x.count, 'BLOCK', x.ms, 'STREAMS', `tw:log:${x.origin}`, x.after],
    ['HGET', 'tw:gone', x.origin],
  );
  if (gone !== null && numberOf(x.after) < Number(textOf(gone))) return { is: 'trimmed' };
  const rows = listOf(listOf(listOf(said)[0])[1]);
  const entries = rows.map(listOf).map(([id, of]): LogEntry => ({ id: textOf(id), payload: listOf(of)[1] as Buffer }));
  return { is: 'entries', entries };
}

/** redis-server over connections of `tw-agent`: one for what changes it, one for the logs, one that waits for news. */
export function activeRedis(o: ActiveRedisOptions): ActiveRedis & { close(): void } {
  const [admin, logs, news] = [new Connection(o, '0'), new Connection(o, '0'), new Connection(o, '1')];
  let turn: Promise<unknown> = Promise.resolve();
  let loaded = 0;
  const inTurn = <T>(work: (ask: Ask) => Promise<T>, ms?: number): Promise<T> => {
    const mine = turn.then(() => admin.use(work, ms));
    turn = mine.catch(() => undefined);
    return mine;
  };
  const careful = (work: (ask: Ask) => Promise<void>): Promise<Done | Unconfirmed> =>
    inTurn(work).then(
      (): Done => ({ is: 'done' }),
      (error: unknown): Done | Unconfirmed =>
        error instanceof Refusal ? { is: 'refused', why: message(error) } : { is: 'unconfirmed', why: message(error) },
    );
  const look = async (ask: Ask): Promise<ActiveLook> => {
    const seen = await lookBy(ask);
    if (seen.loading || seen.role === 'replica' || loaded === admin.generation) return seen;
    await load(ask);
    loaded = admin.generation;
    return await lookBy(ask);
  };

  return {
    look: async () => await measured(await inTurn(look), { clock: o.clock ?? systemClock, disk: o.disk }),
    open: (origin, run) => careful((ask) => openBy(ask, origin, run)),
    shut: (who) => careful((ask) => shutBy(ask, who)),
    rewrite: (run) => careful((ask) => rewriteBy(ask, run)),
    follow: (run, port) => careful((ask) => followBy(ask, run, ['127.0.0.1', `${port}`])),
    detach: (run) => careful((ask) => followBy(ask, run, ['NO', 'ONE']).then(() => load(ask))),
    end: () => inTurn(endBy, o.endMs ?? 60_000),
    vector: () => logs.use(vectorBy),
    tail: (origin, after, count) => logs.use((ask) => tailBy(ask, origin, after, count)),
    trim: (run, origin, id) => logs.useOf(run, async (ask) => void (await ask('FCALL', 'tw_trim', 0, origin, id))),
    excess: (origin, max) => logs.use((ask) => excessBy(ask, origin, max)),
    acked: (run, id) => logs.useOf(run, async (ask) => void (await ask('FCALL', 'tw_acked', 0, id))),
    sweep: (run, ms) => logs.useOf(run, (ask) => sweepBy(ask, ms)),
    grown: (run, x) => news.useOf(run, (_, all) => grownBy(all, x), x.ms + (o.timeoutMs ?? 5000)),
    close: () => {
      for (const line of [admin, logs, news]) line.close();
    },
  };
}
