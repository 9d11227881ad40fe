import { foldView } from '../../../src/state/machine/keys.ts';
import type { EpochValue, FenceReport, StateTxn, StoreView, ValidRun } from '../../../src/state/model.ts';

/** One version of ballot and epoch; versions with only other keys changed are not kept apart. */
interface Version {
  ballot: number;
  epoch: EpochValue | null;
  /** Whom the ballot wishes for. */
  wish?: readonly string[];
}
/** The store of the world. Revision of `ballot` = its number, of `epoch` = number of the version that brought it + 100. */
export interface Store {
  versions: readonly Version[];
  fences: Readonly<Record<string, FenceReport>>;
  runs: Readonly<Record<string, { value: ValidRun; revision: number }>>;
  /** The ballot that a restore keeps others from deciding, and the process that loaded its file. */
  restoring?: { ballot: number; run: number };
}

const last = (s: Store): Version => s.versions.at(-1) as Version;
export const ballotOf = (s: Store): number => last(s).ballot;
export const epochOf = (s: Store): EpochValue | null => last(s).epoch;

function epochRevision(s: Store, version: number): number {
  const { epoch } = s.versions[version] as Version;
  if (epoch === null) return 0;
  return 100 + s.versions.findIndex((v) => v.epoch?.epoch === epoch.epoch && v.epoch.primary === epoch.primary);
}

const HOLD = { by: 'ca', to: 'ca', restore: 's' };

/** Epoch and ballot as of `version`, everything else as it is now. */
export function viewOf(s: Store, version: number, fresh: boolean): StoreView {
  const { ballot, epoch, wish } = s.versions[version] as Version;
  const by = { by: 'nobody', why: '', ...(wish === undefined ? {} : { voters: [...wish] }) };
  const entries = [
    ...(ballot === 0 ? [] : [{ key: 'ballot', value: by, revision: ballot }]),
    ...(epoch === null ? [] : [{ key: 'epoch', value: epoch as never, revision: epochRevision(s, version) }]),
    ...Object.entries(s.fences).map(([c, f]) => ({ key: `fence/${c}`, value: f as never, revision: 1 })),
    ...Object.entries(s.runs).map(([c, r]) => ({ key: `run/${c}`, value: r.value as never, revision: r.revision })),
    ...(s.restoring?.ballot === ballot ? [{ key: 'hold', value: HOLD, revision: 1 }] : []),
  ];
  return foldView(entries, { revision: version + 1, fresh });
}

function revisionOf(s: Store, key: string): number {
  if (key === 'ballot') return ballotOf(s);
  if (key === 'epoch') return epochRevision(s, s.versions.length - 1);
  return s.runs[key.slice('run/'.length)]?.revision ?? 0;
}
/** Revisions never come back: a guard that fails now fails for ever. */
export const canLand = (s: Store, t: StateTxn): boolean => t.if.every((g) => revisionOf(s, g.key) === g.revision);
/** Nobody reads a report once its ballot is decided. */
export const isSpent = (s: Store, t: StateTxn): boolean =>
  !canLand(s, t) || (t.put[0]?.key.startsWith('fence/') === true && epochOf(s)?.epoch === ballotOf(s));

export function opened(s: Store, wish?: readonly string[]): Store {
  const version = { ballot: ballotOf(s) + 1, epoch: epochOf(s), ...(wish === undefined ? {} : { wish }) };
  return { ...s, versions: [...s.versions, version] };
}

/** The hold goes: whoever restores has died, or the ballot is decided. */
export function givenUp(s: Store): Store {
  const { restoring: _, ...rest } = s;
  return rest;
}
/** The first epoch of the one restore, if that is not after `epoch`; 0 = none. */
export function restoredIn(s: Store, epoch: number): number {
  const first = s.versions.find((v) => v.epoch?.restored !== undefined)?.epoch?.epoch ?? 0;
  return first <= epoch ? first : 0;
}

export function landed(s: Store, t: StateTxn): Store {
  let next = s;
  for (const { key, value } of t.put) {
    const [kind, c = ''] = key.split('/');
    const v = value as never;
    if (key === 'epoch' && next.restoring !== undefined) next = givenUp(next);
    if (kind === 'epoch') next = { ...next, versions: [...next.versions, { ballot: ballotOf(next), epoch: v }] };
    if (kind === 'fence') next = { ...next, fences: { ...next.fences, [c]: v } };
    if (kind === 'run')
      next = { ...next, runs: { ...next.runs, [c]: { value: v, revision: (next.runs[c]?.revision ?? 0) + 1 } } };
  }
  return next;
}
