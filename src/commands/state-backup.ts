import { type Row, text, toJson, untrusted } from '../kernel/index.ts';
import type { SnapshotManifest } from '../state/index.ts';
import type { Context, Io } from './context.ts';
import type { Args, Outcome } from './model.ts';
import { chosenOne, doorOf } from './state.ts';

const MB = 1 << 20;
const size = (bytes: number): string =>
  bytes >= MB ? `${(bytes / MB).toFixed(1)} MiB` : `${Math.ceil(bytes / 1024)} KiB`;

/** `17 min`, `3 h`, `2 d`. */
export function age(ms: number): string {
  const min = Math.max(0, Math.round(ms / 60_000));
  if (min < 120) return `${min} min`;
  return min < 2880 ? `${Math.round(min / 60)} h` : `${Math.round(min / 1440)} d`;
}

function rowOf(m: SnapshotManifest, now: number): Row {
  const says = m.kind === 'salvage' ? 'salvage' : m.is;
  return {
    key: m.id,
    tone: m.is === 'failed' ? 'bad' : m.kind === 'salvage' ? 'off' : 'ok',
    label: [untrusted(m.id)],
    cells: {
      is: [text(says)],
      age: [text(age(now - m.at))],
      from: [text(m.from)],
      keys: [text(m.keys === undefined ? '' : `${m.keys} keys`)],
      size: [text(size(m.size))],
      redis: [untrusted(m.engine)],
    },
    ...(m.why === undefined ? {} : { why: [untrusted(`${m.step}: ${m.why}`)] }),
    kids: [],
  };
}

/** `tw state backup`: a snapshot that was loaded before it counts. Throws TW5114, TW5130, TW5132. */
export async function stateBackup(c: Context, args: Args, io: Io): Promise<Outcome> {
  const door = await doorOf(c);
  const e = await c.engine();
  const f = await chosenOne(door, c, args['app'] as string | undefined);
  const { snapshot, problem, where } = await door.backup({ app: f.app }, await e.outputs(), io.signal);
  const { app, is, id, keys, sha256, size: bytes, step, why } = snapshot;
  c.journal().append({
    kind: is === 'verified' ? 'state.backup' : 'state.backup-failed',
    cluster: snapshot.from,
    data: toJson({ app, id, is, keys, sha256, bytes, step, why }),
  });
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
