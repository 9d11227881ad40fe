import type { ClusterName } from '../kernel/index.ts';
import type { Ballot, FenceReport, StoreView } from './model.ts';
import type { AgentNote, AgentReport } from './ports.ts';

/** The last change of home, as the agents tell it. */
export interface HomeChange {
  epoch: Ballot;
  /** Who was home; null: nobody who speaks saw it. */
  from: ClusterName | null;
  to: ClusterName;
  why: string;
  /** Who opened the ballot. */
  by: ClusterName;
  /** Somebody asked for it, or a stop in order; else it is a failover. */
  planned: boolean;
  /** When the ballot was opened, Unix milliseconds; null: nobody remembers. */
  at: number | null;
  /** From then until home took writes. */
  tookMs: number | null;
}

/** What an agent remembers of who is home, and who was. */
export interface Homes {
  epoch: Ballot;
  home: ClusterName;
  before?: ClusterName;
}
/** With what the store says now. */
export function homesOf(was: Homes | undefined, view: StoreView): Homes | undefined {
  const v = view.epoch?.value;
  if (v === undefined || v.epoch <= (was?.epoch ?? 0)) return was;
  return { epoch: v.epoch, home: v.primary, ...(was === undefined ? {} : { before: was.home }) };
}

const STORY = new Set(['txn ballot', 'fence', 'txn report', 'txn decide', 'promote', 'follow']);
const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);
type Told = AgentNote & { by: ClusterName };

/** What the agents did since the last ballot was opened, in the order of their clocks. */
function sinceBallot(reports: readonly AgentReport[]): Told[] {
  const told = reports
    .flatMap((r) => r.events.filter((e) => STORY.has(e.did)).map((e) => ({ ...e, by: r.cluster })))
    .toSorted((a, b) => a.at - b.at);
  const from = told.findLastIndex((e) => e.did === 'txn ballot' && e.end === 'ok');
  return from < 0 ? [] : told.slice(from);
}
const lastBallot = (reports: readonly AgentReport[]): AgentReport['last'] =>
  reports
    .flatMap((r) => (r.last === undefined ? [] : [r.last]))
    .toSorted((a, b) => a.n - b.n)
    .at(-1);

/** The last change of home as the agents remember it, line by line. */
export function storyOf(reports: readonly AgentReport[]): string[] {
  const told = sinceBallot(reports);
  if (told.length === 0) return [];
  const last = lastBallot(reports);
  const lines = told.map((e) => `${clock(e.at)} ${e.by}: ${e.did.replace('txn ', '')} ${e.end}`);
  return [...(last === undefined ? [] : [`last change of home: ${last.why} (ballot ${last.n})`]), ...lines];
}

/** The change that made the newest epoch; undefined: there is none, its reason is not known, or home takes no writes yet. */
export function lastChange(reports: readonly AgentReport[]): HomeChange | undefined {
  const [newest] = reports.toSorted((a, b) => (b.epoch?.epoch ?? 0) - (a.epoch?.epoch ?? 0));
  const v = newest?.epoch;
  const ballot = lastBallot(reports);
  const open = reports.some((r) => r.cluster === v?.primary && r.applied === v.epoch);
  if (v === undefined || ballot?.n !== v.epoch || !open) return undefined;
  return {
    epoch: v.epoch,
    from: reports.find((r) => r.epoch?.epoch === v.epoch && r.before !== undefined)?.before ?? null,
    to: v.primary,
    why: ballot.why,
    by: ballot.by,
    planned: ballot.prefer !== undefined || v.restored !== undefined,
    ...timesOf(sinceBallot(reports), v.primary),
  };
}
function timesOf(told: readonly Told[], home: ClusterName): Pick<HomeChange, 'at' | 'tookMs'> {
  const [first] = told;
  const done = told.find((e) => e.by === home && e.did === 'promote' && e.end === 'done');
  if (first === undefined) return { at: null, tookMs: null };
  return { at: first.at, tookMs: done === undefined ? null : done.at - first.at };
}

/** What each cluster promised last, as whoever has heard most of it says. */
export function fencesOf(reports: readonly AgentReport[]): Record<ClusterName, FenceReport> {
  const fences: Record<ClusterName, FenceReport> = {};
  for (const [c, f] of reports.flatMap((r) => Object.entries(r.fences))) {
    const was = fences[c];
    if (was === undefined || f.ballot > was.ballot || (f.ballot === was.ballot && was.at === 'none')) fences[c] = f;
  }
  return fences;
}
