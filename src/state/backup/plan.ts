import { type ClusterName, duration } from '../../kernel/index.ts';
import type { Counted, Expected, Loaded, Manifest, Step } from './model.ts';

export interface CopyThere {
  name: ClusterName;
  role: string;
  lagMs?: number;
  /** Round trip to home, milliseconds; absent = not measured. */
  rttMs?: number;
}
const LAG_MS = 5000;

/** The copy that is read: never home, in step, the nearest to home. Else why there is none. */
export function chooseCopy(all: readonly CopyThere[]): { name: ClusterName } | { why: string[] } {
  const fit = all.filter((c) => c.role === 'copy' && (c.lagMs ?? 0) <= LAG_MS);
  const [best] = fit.toSorted((a, b) => (a.rttMs ?? Infinity) - (b.rttMs ?? Infinity) || (a.name < b.name ? -1 : 1));
  if (best !== undefined) return { name: best.name };
  return { why: all.map((c) => `${c.name} is ${c.role}${c.role === 'copy' ? `, ${c.lagMs ?? 0} ms behind` : ''}`) };
}

/** A write that changes the number of keys by one costs the log at least so many bytes (`$1\r\na\r\n` of a long DEL). */
const BYTES_OF_A_KEY = 7;

/**
 * Keys that the snapshot may have: between the counts before and after it was taken, widened by what the log moved in
 * between, because a key may come and go while it is taken.
 */
export function keysBetween(before: Counted, after: Counted): Expected['keys'] {
  const slack = Math.floor(Math.max(0, after.offset - before.offset) / BYTES_OF_A_KEY);
  return {
    least: Math.max(0, Math.min(before.keys, after.keys) - slack),
    most: Math.max(before.keys, after.keys) + slack,
  };
}

/** `7.0.15` of `7.0.15` and `7.0.2`: files of one minor version load in the other. */
const minor = (engine: string): string => engine.split('.').slice(0, 2).join('.');

/** Why what was loaded is not what was there; undefined = it is. */
export function misfit(loaded: Loaded, wanted: Expected): { step: Step; why: string } | undefined {
  if (minor(loaded.engine) !== minor(wanted.engine))
    return { step: 'engine', why: `loaded by Redis ${loaded.engine}, written by ${wanted.engine}` };
  if (loaded.epoch !== wanted.epoch)
    return { step: 'marker', why: `its marker says epoch ${loaded.epoch}, wanted was ${wanted.epoch}` };
  if (wanted.canary !== undefined && loaded.canary !== wanted.canary)
    return { step: 'canary', why: 'the key that was written just before is not in it' };
  const { least, most } = wanted.keys;
  if (loaded.keys >= least && loaded.keys <= most) return undefined;
  return { step: 'keys', why: `${loaded.keys} keys, ${least} to ${most} were there` };
}

const newestFirst = (a: Manifest, b: Manifest): number => b.at - a.at || (a.id < b.id ? 1 : -1);
const counts = (m: Manifest): boolean => m.is === 'verified' && m.kind === 'snapshot';

/** The newest one that counts. */
export const lastVerified = (all: readonly Manifest[]): Manifest | undefined =>
  all.filter(counts).toSorted(newestFirst)[0];

/**
 * What may go: verified ones beyond the newest `keep`, salvages beyond as many, and failed ones that are older than a
 * verified one. The last verified snapshot never goes.
 */
export function outdated(all: readonly Manifest[], keep: number): Manifest[] {
  const last = lastVerified(all);
  const sorted = all.toSorted(newestFirst);
  const old = (of: (m: Manifest) => boolean): Manifest[] => sorted.filter(of).slice(Math.max(1, keep));
  const failed = sorted.filter((m) => m.is === 'failed' && m.kind === 'snapshot' && m.at < (last?.at ?? 0));
  return [...old(counts), ...old((m) => m.kind === 'salvage'), ...failed];
}

/** Whether it is time for the next one: `every` after the last that was tried. Milliseconds. */
export function isDue(all: readonly Manifest[], every: number, now: number): boolean {
  const tried = all.filter((m) => m.kind === 'snapshot').toSorted(newestFirst)[0];
  if (tried === undefined) return true;
  // What failed is tried again sooner.
  const wait = tried.is === 'verified' ? every : Math.min(every, Math.max(60_000, every / 10));
  return now - tried.at >= wait;
}

/** Why a release must wait for a snapshot; undefined = there is one that is young enough. Milliseconds. */
export function tooOld(last: Manifest | undefined, maxAge: number, now: number): string | undefined {
  if (last === undefined) return 'state: no verified snapshot';
  const age = now - last.at;
  if (age <= maxAge) return undefined;
  return `state: the last verified snapshot is ${duration(age)} old, limit ${duration(maxAge)}`;
}

/** What a restore gives up, as far as positions tell. */
export function givenUp(m: Manifest, now: { log: Manifest['log']; keys: number } | undefined, at: number): string[] {
  const age = `the snapshot is of ${new Date(m.at).toISOString()}, ${duration(at - m.at)} ago`;
  if (now === undefined) return [age, 'nobody can say what was written since'];
  const keys = `keys: ${m.keys ?? '?'} in the snapshot, ${now.keys} now`;
  if (now.log.epoch === m.log.epoch && now.log.replid === m.log.replid)
    return [age, `${Math.max(0, now.log.offset - m.log.offset)} bytes of log were written since`, keys];
  return [
    age,
    `home changed since (epoch ${m.log.epoch}, now ${now.log.epoch}): all writes after it are given up`,
    keys,
  ];
}

/** Name of a snapshot: sorts by time. `random`: a few letters, so that two machines make two. */
export const idOf = (app: string, at: number, random: string): string =>
  `${app}-${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z-${random}`;
