// What is wrong with the data of all clouds at rest, given what apps were told.
import type { Cloud } from '../state-chaos/wan.ts';
import type { Told } from './load.ts';

type Data = Readonly<Record<string, string>>;
export interface Verdict {
  acked: number;
  /** Acknowledged, gone, and not in flight from memory that was lost. */
  lost: string[];
  /** Acknowledged and gone with the memory of the cloud that took it. */
  inFlight: string[];
  duplicated: string[];
  /** Nobody wrote it, or it was refused. */
  phantom: string[];
  /** Keys whose values are not the same everywhere. */
  differ: string[];
  /** The counter is outside of what acknowledged and unknown increments allow. */
  miscounted: string[];
}
/** Memory that was lost without a copy on disk, and since when what was written there may have had no other copy. */
export interface Loss {
  at: Cloud;
  from: number;
}

const wordsIn = (value: string | undefined): string[] => (value ?? '').replace(/^\w+ /, '').split(',').filter(Boolean);
const nameOf = (t: Told): string =>
  'list' in t.what ? `list ${t.what.list}` : 'member' in t.what ? `set ${t.what.member}` : `by ${t.what.by}`;

function differing(all: readonly Data[]): string[] {
  const keys = new Set(all.flatMap((d) => Object.keys(d)));
  return [...keys].filter((k) => all.some((d) => d[k] !== all[0]?.[k]));
}

function miscounted(value: string | undefined, told: readonly Told[], losses: readonly Loss[]): string[] {
  const sum = (some: readonly Told[]): number => some.reduce((n, t) => n + ('by' in t.what ? t.what.by : 0), 0);
  const acked = told.filter((t) => t.said === 'ok');
  const safe = acked.filter((t) => !mayBeGone(t, losses));
  const most = sum(acked) + sum(told.filter((t) => t.said === 'unknown'));
  const is = Number((value ?? 'string 0').slice('string '.length));
  return is >= sum(safe) && is <= most ? [] : [`count is ${is}, not in [${sum(safe)}, ${most}]`];
}

const mayBeGone = (t: Told, losses: readonly Loss[]): boolean => losses.some((l) => l.at === t.at && t.to >= l.from);

/** `all`: raw data of every cloud. */
export function check(told: readonly Told[], all: readonly Data[], losses: readonly Loss[] = []): Verdict {
  const [first] = all;
  const words = [
    ...wordsIn(first?.['list']).map((w) => `list ${w}`),
    ...wordsIn(first?.['set']).map((w) => `set ${w}`),
  ];
  const at = new Set(words);
  const named = told.filter((t) => !('by' in t.what));
  const possible = new Set(named.filter((t) => t.said !== 'failed').map(nameOf));
  const missing = named.filter((t) => t.said === 'ok' && !at.has(nameOf(t)));
  return {
    acked: told.filter((t) => t.said === 'ok').length,
    lost: missing.filter((t) => !mayBeGone(t, losses)).map(nameOf),
    inFlight: missing.filter((t) => mayBeGone(t, losses)).map(nameOf),
    duplicated: words.filter((w, i) => words.indexOf(w) !== i),
    phantom: words.filter((w) => !possible.has(w)),
    differ: differing(all),
    miscounted: miscounted(
      first?.['count'],
      told.filter((t) => 'by' in t.what),
      losses,
    ),
  };
}
