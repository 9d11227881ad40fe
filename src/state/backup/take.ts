import { createHash } from 'node:crypto';
import type { Clock } from '../../kernel/index.ts';
import type { Counted, Expected, Loaded, Manifest } from './model.ts';
import { keysBetween, misfit } from './plan.ts';
import { type Loader, SnapshotError, type SnapshotSource, type Vault } from './ports.ts';

const text = (e: unknown): string => (e instanceof Error ? e.message : String(e));
const step = async <T>(name: SnapshotError['step'], work: Promise<T>): Promise<T> =>
  await work.catch((e: unknown) => {
    throw e instanceof SnapshotError ? e : new SnapshotError(name, text(e), e);
  });

interface Sum {
  size: number;
  sha256: string;
}
/** Passes bytes on; `end` says afterwards what they were. */
function summed(bytes: AsyncIterable<Uint8Array>): { bytes: AsyncIterable<Uint8Array>; end(): Sum } {
  const hash = createHash('sha256');
  let size = 0;
  async function* through(): AsyncIterable<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  let sum: Sum | undefined;
  return { bytes: through(), end: () => (sum ??= { size, sha256: hash.digest('hex') }) };
}

const fileOf = (m: Pick<Manifest, 'fleet' | 'app' | 'id'>): string => `${m.fleet}/${m.app}/${m.id}.rdb`;
const manifestOf = (m: Pick<Manifest, 'fleet' | 'app' | 'id'>): string => `${m.fleet}/${m.app}/${m.id}.json`;

/** Reads the bytes back from the vault and loads them. Throws SnapshotError. */
export async function reload(
  p: { vault: Vault; loader: Loader },
  m: Pick<Manifest, 'fleet' | 'app' | 'id' | 'size' | 'sha256'>,
): Promise<Loaded> {
  const back = summed(p.vault.get(fileOf(m)));
  // A digest first: bytes that are not ours are not given to any Redis.
  await step('fetch', drained(back.bytes));
  const { size, sha256 } = back.end();
  if (sha256 !== m.sha256)
    throw new SnapshotError(
      'digest',
      `${size} bytes came back with sha256 ${sha256.slice(0, 12)}…, ${m.size} with ${m.sha256.slice(0, 12)}… were stored`,
    );
  return await step('load', p.loader.load(p.vault.get(fileOf(m)), m.size));
}
async function drained(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

export interface TakeInput {
  id: string;
  fleet: string;
  app: string;
  kind: Manifest['kind'];
  from: string;
  home: string | null;
  /** What the canary says; absent = none is written (a salvage, while nobody may write). */
  canary?: string;
}
export interface TakePorts {
  clock: Clock;
  source: SnapshotSource;
  vault: Vault;
  loader: Loader;
}

/** The canary is in the copy before it is read. */
async function begun(p: TakePorts, x: TakeInput): Promise<Counted> {
  if (x.canary !== undefined) {
    await step('read', p.source.plant(x.canary));
    await step('read', p.source.arrived(x.canary));
  }
  return await step('read', p.source.count());
}

/** Bytes from the copy into the vault, and what they must show when they are loaded. */
async function stored(p: TakePorts, x: TakeInput, m: Manifest): Promise<{ m: Manifest; wanted: Expected }> {
  const before = await begun(p, x);
  const open = await step('read', p.source.open());
  const sum = summed(open.bytes);
  const known: Manifest = { ...m, engine: before.engine, log: { ...open.log, epoch: before.epoch } };
  await step('store', p.vault.put(fileOf(x), sum.bytes));
  const after = await step('read', p.source.count());
  const { canary } = x;
  const wanted = {
    engine: before.engine,
    epoch: before.epoch,
    keys: keysBetween(before, after),
    ...(canary === undefined ? {} : { canary }),
  };
  return { m: { ...known, ...sum.end() }, wanted };
}

/**
 * Takes one snapshot: read, store, read back, compare, load, look. What it says is in the vault beside the file, also
 * when it does not count. Throws only when even that cannot be written.
 */
export async function takeSnapshot(p: TakePorts, x: TakeInput): Promise<Manifest> {
  const { clock, source, vault } = p;
  const { canary: _, ...named } = x;
  const at = clock.now();
  const none = { log: { epoch: 0, replid: '', offset: 0 }, engine: '', size: 0, sha256: '' };
  let m: Manifest = { ...named, at, tookMs: 0, ...none, is: 'failed' };
  try {
    const done = await stored(p, x, m);
    m = done.m;
    const loaded = await reload(p, m);
    m = { ...m, keys: loaded.keys };
    const bad = misfit(loaded, done.wanted);
    m = bad === undefined ? { ...m, is: 'verified' } : { ...m, ...bad };
  } catch (e) {
    m = { ...m, step: e instanceof SnapshotError ? e.step : 'read', why: text(e) };
  }
  if (x.canary !== undefined) await source.uproot().catch(() => undefined);
  m = { ...m, tookMs: clock.now() - at };
  await writeManifest(vault, m);
  return m;
}

async function writeManifest(vault: Vault, m: Manifest): Promise<void> {
  async function* bytes(): AsyncIterable<Uint8Array> {
    yield Buffer.from(`${JSON.stringify(m, null, 2)}\n`);
  }
  await vault.put(manifestOf(m), bytes());
}

/** All manifests of an app, newest first; a file that is none is passed over. */
export async function manifestsIn(vault: Vault, of: { fleet: string; app: string }): Promise<Manifest[]> {
  const names = (await vault.list(`${of.fleet}/${of.app}/`)).filter((n) => n.endsWith('.json'));
  const read = await Promise.all(
    names.map(async (name) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of vault.get(name)) parts.push(chunk);
      try {
        return [JSON.parse(Buffer.concat(parts).toString()) as Manifest];
      } catch {
        return [];
      }
    }),
  );
  return read.flat().toSorted((a, b) => b.at - a.at);
}

/** The manifest goes first: a file without one is nothing. */
export async function removeSnapshot(vault: Vault, m: Manifest): Promise<void> {
  await vault.remove(manifestOf(m));
  await vault.remove(fileOf(m));
}

/** The bytes of a snapshot. */
export const bytesOfSnapshot = (vault: Vault, m: Manifest): AsyncIterable<Uint8Array> => vault.get(fileOf(m));
