import { duration, type Row, text, toJson, untrusted } from '../kernel/index.ts';
import type { SnapshotManifest } from '../state/index.ts';
import type { Facts } from './access/machine/facts.ts';
import type { Context, Io } from './context.ts';
import type { Args, Outcome } from './model.ts';
import type { StateDoor, StateFacts } from './ports.ts';
import { chosenOne, doorOf, stateFacts } from './state.ts';
import { confirmed } from './sure.ts';
import { dryOrAgreedTo } from './would.ts';

const MB = 1 << 20;
const size = (bytes: number): string =>
  bytes >= MB ? `${(bytes / MB).toFixed(1)} MiB` : `${Math.ceil(bytes / 1024)} KiB`;

function rowOf(m: SnapshotManifest, now: number): Row {
  const says = m.kind === 'salvage' ? 'salvage' : m.is;
  return {
    key: m.id,
    tone: m.is === 'failed' ? 'bad' : m.kind === 'salvage' ? 'off' : 'ok',
    label: [untrusted(m.id)],
    cells: {
      is: [text(says)],
      age: [text(duration(now - m.at))],
      from: [text(m.from)],
      keys: [text(m.keys === undefined ? '' : `${m.keys} keys`)],
      size: [text(size(m.size))],
      redis: [untrusted(m.engine)],
    },
    ...(m.why === undefined ? {} : { why: [untrusted(`${m.step}: ${m.why}`)] }),
    kids: [],
  };
}

/** Takes one and writes down what came of it. Throws TW5114, TW5130, TW5132. */
export async function recorded(c: Context, x: { app: string; signal: AbortSignal }) {
  const e = await c.engine();
  const done = await e.state.backup({ app: x.app }, await e.outputs(), x.signal);
  const { app, is, id, keys, sha256, size: bytes, step, why } = done.snapshot;
  c.journal().append({
    kind: is === 'verified' ? 'state.backup' : 'state.backup-failed',
    cluster: done.snapshot.from,
    data: toJson({ app, id, is, keys, sha256, bytes, step, why }),
  });
  return done;
}

/** `tw state backup`: a snapshot that was loaded before it counts. Throws TW5114, TW5130, TW5132. */
export async function stateBackup(c: Context, args: Args, io: Io): Promise<Outcome> {
  const f = await chosenOne(await doorOf(c), c, args['app'] as string | undefined);
  const { snapshot, problem, where } = await recorded(c, { app: f.app, signal: io.signal });
  return {
    data: toJson({ where, ...snapshot }),
    view: { at: c.clock.now(), rows: [{ ...rowOf(snapshot, c.clock.now()), key: 'snapshot' }] },
    ...(problem === undefined ? {} : { problem }),
  };
}

/** `tw state backups`: what there is, the newest first. */
export async function stateBackups(c: Context, args: Args): Promise<Outcome> {
  const door = await doorOf(c);
  const f = await chosenOne(door, c, args['app'] as string | undefined);
  const { all, where } = await door.backups(f.app);
  const now = c.clock.now();
  const none: Row = { key: 'none', tone: 'warn', label: [untrusted(`no snapshot in ${where}`)], cells: {}, kids: [] };
  return {
    data: toJson({ app: f.app, where, snapshots: all }),
    view: { at: now, rows: all.length === 0 ? [none] : all.map((m) => rowOf(m, now)) },
  };
}
/** Which bytes would take the place of what. Throws TW5131 through the door where there is no such snapshot. */
async function restoreFacts(door: StateDoor, f: StateFacts, snapshot: string): Promise<Facts> {
  const m = (await door.backups(f.app)).all.find((s) => s.id === snapshot);
  const bytes = m === undefined ? 'not there' : `${m.is}, ${m.keys ?? '?'} keys, sha256 ${m.sha256}`;
  return { ...stateFacts(f, 'its data are replaced'), [`snapshot ${snapshot}`]: bytes };
}

/** `tw state restore`: a snapshot takes the place of the data; typed with the name of the fleet. Throws TW5003, TW5130–TW5132, TW6005. */
export async function stateRestore(c: Context, args: Args, io: Io): Promise<Outcome> {
  const door = await doorOf(c);
  const e = await c.engine();
  const snapshot = args['snapshot'] as string;
  const f = await chosenOne(door, c, args['app'] as string | undefined);
  const dry = await dryOrAgreedTo(c, args, () => restoreFacts(door, f, snapshot));
  if (dry !== undefined) return dry;
  const sure = async (known: readonly string[]): Promise<void> => {
    const text = `All data of ${f.app} is replaced by ${snapshot}: ${known.join('; ')}`;
    await confirmed({ verb: 'state restore', args }, io, { fleet: e.config.fleet, text });
    await c.take?.();
  };
  const show = (say: string): void =>
    io.show({ at: c.clock.now(), rows: [{ key: 'step', tone: 'busy', label: [untrusted(say)], cells: {}, kids: [] }] });
  const done = await door.restore({ app: f.app, snapshot, sure, show }, await e.outputs(), io.signal);
  const data = toJson({ app: f.app, snapshot, ...done });
  c.journal().append({ kind: 'state.restored', cluster: done.home, data });
  const kids = done.known.map((k): Row => ({ key: k, tone: 'off', label: [untrusted(k)], cells: {}, kids: [] }));
  const say = `${f.app} is what it was in ${snapshot}, home ${done.home}; what was there before: ${done.salvage}`;
  return {
    data,
    view: { at: c.clock.now(), rows: [{ key: 'restored', tone: 'warn', label: [untrusted(say)], cells: {}, kids }] },
  };
}
