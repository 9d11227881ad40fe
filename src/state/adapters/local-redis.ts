import { createClient } from '@redis/client';
import { type Clock, systemClock, within } from '../../kernel/index.ts';
import { notFenced, unfit } from '../fit.ts';
import { MARKER, markerLibrary, parseMarker } from '../marker.ts';
import type { Done, EpochValue, Fenced, Look, RunId, Unconfirmed } from '../model.ts';
import type { LocalRedis } from '../ports.ts';
import { NOWHERE } from '../redisconf.ts';
import { field, yes } from './info.ts';
import { type DiskUse, measured, shortIn, unlimited } from './room.ts';

export interface LocalRedisOptions {
  host: string;
  port: number;
  /** Of `tw-agent`. */
  password: string;
  /** Longest time of one command, milliseconds. Default 2000; `save` has `saveMs`, default 60,000. */
  timeoutMs?: number;
  saveMs?: number;
  clock?: Clock;
  /** Of the volume with the data. */
  disk?: DiskUse;
}

type Client = ReturnType<typeof connectTo>;
type Ask = (args: string[], ms?: number) => Promise<unknown>;

function connectTo(o: LocalRedisOptions) {
  const client = createClient({
    socket: { host: o.host, port: o.port, reconnectStrategy: false, connectTimeout: o.timeoutMs ?? 2000 },
    username: 'tw-agent',
    password: o.password,
    disableOfflineQueue: true,
    disableClientInfo: true,
    RESP: 2,
  });
  // Every call hears of the end of the connection by itself.
  client.on('error', () => undefined);
  return client;
}

function roleOf(info: string): Look['role'] {
  if (field(info, 'role') !== 'slave') return 'primary';
  const points = `${field(info, 'master_host')}:${field(info, 'master_port')}`;
  return points === `${NOWHERE.host}:${NOWHERE.port}` ? 'fenced' : 'replica';
}

/** Nothing in it, and no primary or replica ever moved its offset. */
const untouched = (info: string): boolean =>
  field(info, 'master_repl_offset') === '0' &&
  /^0*$/.test(field(info, 'master_replid2')) &&
  !info.includes('db0:keys=') &&
  roleOf(info) !== 'primary';

/** Reads INFO and what the marker said, which must be of one moment. */
function lookOf(info: string, said: unknown): Look {
  const marker = typeof said === 'string' ? parseMarker(said) : undefined;
  const syncing = yes(info, 'master_sync_in_progress');
  return {
    run: field(info, 'run_id'),
    role: roleOf(info),
    link: field(info, 'master_link_status') === 'up' && !syncing,
    offset: Number(field(info, 'master_repl_offset')),
    ...(marker === undefined ? {} : { marker }),
    loading: yes(info, 'loading', 'async_loading'),
    syncing,
    replicas: Number(field(info, 'connected_slaves')),
    virgin: said === NO_MARKER && !syncing && untouched(info),
    ...shortIn(info),
  };
}

const NO_MARKER = Symbol('no marker');
const SECTIONS = ['server', 'replication', 'persistence', 'keyspace', 'memory'];

const isMissing = (error: unknown): boolean => error instanceof Error && error.message.includes('not found');

/**
 * INFO and marker in one transaction. A Redis that loads answers INFO alone. A primary whose memory is full takes no
 * transaction: there nobody but this connection changes the marker, so that one after the other is one moment too.
 */
async function lookBy(ask: Ask): Promise<Look> {
  const [, , , exec] = await Promise.allSettled([
    ask(['MULTI']),
    ask(['FCALL_RO', MARKER, '0']),
    ask(['INFO', ...SECTIONS]),
    ask(['EXEC']),
  ]);
  if (exec?.status === 'fulfilled' && Array.isArray(exec.value)) {
    const [said, info] = exec.value as [unknown, unknown];
    return lookOf(String(info), isMissing(said) ? NO_MARKER : said);
  }
  const why: unknown = exec?.status === 'rejected' ? exec.reason : exec?.value;
  if (!/EXECABORT|LOADING/.test(String(why))) throw why;
  return await lookAside(ask);
}
async function lookAside(ask: Ask): Promise<Look> {
  const [said, info] = await Promise.all([
    ask(['FCALL_RO', MARKER, '0']).catch((error: unknown) => error),
    ask(['INFO', ...SECTIONS]).then(String),
  ]);
  const full = roleOf(info) === 'primary' && !yes(info, 'loading', 'async_loading');
  return full ? lookOf(info, isMissing(said) ? NO_MARKER : said) : { ...lookOf(info, undefined), loading: true };
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function fenceBy(ask: Ask): Promise<Fenced | Unconfirmed> {
  await ask(['CLIENT', 'KILL', 'USER', 'tw-agent', 'SKIPME', 'yes']);
  const before = (await lookBy(ask)).run;
  await ask(['ACL', 'SETUSER', 'tw-w', 'off']);
  await ask(['ACL', 'SETUSER', 'tw-copy', 'off']);
  await ask(['REPLICAOF', NOWHERE.host, `${NOWHERE.port}`]);
  await ask(['CLIENT', 'KILL', 'USER', 'tw-w']);
  // A reader of a backup that was let in, and asks for the data only later, must not become a replica of a primary.
  await ask(['CLIENT', 'KILL', 'USER', 'tw-copy']);
  await ask(['CLIENT', 'KILL', 'TYPE', 'replica']);
  const look = await lookBy(ask);
  const flags = JSON.stringify(await ask(['ACL', 'GETUSER', 'tw-w'])) ?? '';
  const why = notFenced(look, before) ?? (/\boff\b/.test(flags) ? undefined : 'tw-w is on');
  return why === undefined ? { is: 'fenced', look } : { is: 'unconfirmed', why };
}

async function markBy(ask: Ask, v: EpochValue, look: Look): Promise<void> {
  const line = ['FUNCTION', 'LOAD', 'REPLACE', markerLibrary(v.epoch, v.w)];
  const lines = look.short === undefined ? [line] : await unlimited(ask, line);
  const said = await Promise.allSettled(lines.map((l) => ask(l)));
  for (const s of said) if (s.status === 'rejected') throw s.reason;
}

async function promoteBy(ask: Ask, v: EpochValue, run: RunId): Promise<Done> {
  const look = await lookBy(ask);
  const why = unfit(look, v, run);
  if (why !== undefined) return { is: 'refused', why };
  await ask(['REPLICAOF', 'NO', 'ONE']);
  await ask(['CONFIG', 'SET', 'min-replicas-to-write', '0']);
  if (look.marker?.epoch !== v.epoch) await markBy(ask, v, look);
  await ask(['CONFIG', 'SET', 'min-replicas-to-write', `${v.w}`]);
  await ask(['ACL', 'SETUSER', 'tw-w', 'on']);
  return { is: 'done' };
}

async function followBy(ask: Ask, run: RunId, port: number): Promise<Done> {
  const look = await lookBy(ask);
  if (look.run !== run) return { is: 'refused', why: `process ${look.run} answers, meant was ${run}` };
  if (look.role === 'primary') return { is: 'refused', why: 'it is primary: fence it first' };
  await ask(['REPLICAOF', NOWHERE.host, `${port}`]);
  await ask(['ACL', 'SETUSER', 'tw-copy', 'on']);
  return { is: 'done' };
}

async function saveBy(ask: Ask, ms: number): Promise<Fenced | Unconfirmed> {
  const before = await lookBy(ask);
  if (before.role !== 'fenced') return { is: 'unconfirmed', why: `role is ${before.role}` };
  await ask(['SAVE'], ms);
  const look = await lookBy(ask);
  const why = look.offset === before.offset ? notFenced(look, before.run) : 'the offset moved while it saved';
  return why === undefined ? { is: 'fenced', look } : { is: 'unconfirmed', why };
}

/** redis-server over one connection of `tw-agent`, which is never used again after a fault. */
export function localRedis(o: LocalRedisOptions): LocalRedis & { close(): void } {
  const clock = o.clock ?? systemClock;
  const usual = o.timeoutMs ?? 2000;
  let client: Client | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const drop = (): void => {
    if (client?.isOpen === true) client.destroy();
    client = undefined;
  };
  const late = (what: string, ms: number) => (): never => {
    throw new Error(`${what}: no answer for ${ms} ms`);
  };
  const connected = async (): Promise<Client> => {
    if (client?.isReady === true) return client;
    drop();
    client = connectTo(o);
    await within(clock, usual, client.connect(), late('connect', usual));
    return client;
  };
  /** Runs on one connection; any fault of the connection ends it. Error replies do not. */
  const once = async <T>(work: (ask: Ask) => Promise<T>): Promise<T> => {
    try {
      const on = await connected();
      return await work((args, ms = usual) => within(clock, ms, on.sendCommand(args), late(args[0] ?? '', ms)));
    } catch (error) {
      drop();
      throw error;
    }
  };
  const inTurn = <T>(work: (ask: Ask) => Promise<T>): Promise<T> => {
    const turn = last.then(() => once(work));
    last = turn.catch(() => undefined);
    return turn;
  };
  const careful = <T>(work: (ask: Ask) => Promise<T>): Promise<T | Unconfirmed> =>
    inTurn(work).catch((error: unknown): Unconfirmed => ({ is: 'unconfirmed', why: message(error) }));

  return {
    look: async () => await measured(await inTurn(lookBy), { clock, disk: o.disk }),
    fence: () => careful(fenceBy),
    promote: (v, run) => careful((ask) => promoteBy(ask, v, run)),
    follow: (_, run, port) => careful((ask) => followBy(ask, run, port)),
    save: () => careful((ask) => saveBy(ask, o.saveMs ?? 60_000)),
    shutdown: (lose) => inTurn((ask) => ended(ask, lose)),
    pause: (ms) =>
      inTurn(async (ask) => void (await ask(ms > 0 ? ['CLIENT', 'PAUSE', `${ms}`, 'WRITE'] : ['CLIENT', 'UNPAUSE']))),
    close: drop,
  };
}

/** SHUTDOWN has no answer: the end of the connection is one. */
async function ended(ask: Ask, lose: boolean): Promise<void> {
  const how = lose ? ['NOSAVE', 'NOW', 'FORCE'] : ['NOSAVE', 'NOW'];
  try {
    await ask(['SHUTDOWN', ...how]);
  } catch (error) {
    if (/no answer|ERR/.test(message(error))) throw error;
  }
}
