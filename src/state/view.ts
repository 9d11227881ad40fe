import type { ClusterName } from '../kernel/index.ts';
import type { FenceReport, Lacking, Shortage } from './model.ts';
import type { StatePlan } from './plan.ts';
import type { AgentReport } from './ports.ts';
import { shortSay } from './short.ts';
import { fencesOf, type HomeChange, lastChange, storyOf } from './story.ts';

/** What an agent says, or why nothing was heard. */
export type Heard = { cluster: ClusterName; report: AgentReport } | { cluster: ClusterName; why: string };

/** `open`, `closed`: where all clusters write, this one does or does not. */
export type Role = 'home' | 'copy' | 'catching up' | 'fenced' | 'gateway' | 'open' | 'closed' | 'unknown';
export interface Standing {
  name: ClusterName;
  role: Role;
  lagMs?: number;
  epoch?: number;
  via?: string;
  why?: string;
  /** TW5113: as home it refuses writes, or would. */
  short?: readonly Shortage[];
  /** The last ballot that it was fenced for, and what it could prove then. */
  fence?: FenceReport;
}
export interface Facts {
  app: string;
  mode: string;
  home: ClusterName | null;
  /** Copies in step, home's own with them; clusters that take writes where all of them do. */
  copies: number;
  epoch: number | null;
  clusters: readonly Standing[];
  /** A change of home that is under way; `waits`: it cannot go on without these proofs. */
  ballot?: { n: number; by: string; why: string; waits?: Lacking | undefined };
  story: readonly string[];
  last?: HomeChange;
}

function roleOf(r: AgentReport, newest: number): { role: Role; why?: string } {
  if (r.look === undefined) return { role: 'unknown', why: 'its Redis does not answer' };
  if (r.look.role === 'fenced') return { role: 'fenced' };
  if (r.applied !== newest) return { role: 'catching up', why: `at epoch ${r.applied}, home is at ${newest}` };
  if (r.look.role === 'primary') return { role: 'home' };
  return r.look.link ? { role: 'copy' } : { role: 'catching up', why: 'its link to home is down' };
}

/** What keeps it from its work, and what it has too little of. */
function troubleOf(why: string | undefined, short: readonly Shortage[] = []): Pick<Standing, 'why' | 'short'> {
  const all = [...(why === undefined ? [] : [why]), ...short.map(shortSay)];
  return { ...(all.length === 0 ? {} : { why: all.join('; ') }), ...(short.length === 0 ? {} : { short }) };
}

function standing(h: Heard, newest: number): Standing {
  if ('why' in h) return { name: h.cluster, role: 'unknown', why: h.why };
  const { report } = h;
  const { role, why } = roleOf(report, newest);
  return {
    name: h.cluster,
    role,
    ...(role === 'home' ? { lagMs: 0 } : role === 'copy' ? { lagMs: report.lagMs } : {}),
    ...(report.applied === 0 ? {} : { epoch: report.applied }),
    ...(role === 'home' || report.via === undefined ? {} : { via: report.via }),
    ...troubleOf(why, report.look?.short),
  };
}

/** What the ballot lacks, when all who know of it say that it waits; who has heard the most is right. */
function waitsOf(reports: readonly AgentReport[], n: number): Lacking | undefined {
  const told = reports.flatMap((r) => (r.ballot?.n === n ? [r.ballot.waits] : []));
  const waits = told.flatMap((w) => w ?? []).toSorted((a, b) => a.clusters.length - b.clusters.length);
  return waits.length === told.length ? waits[0] : undefined;
}

/** The state of one app as people ask for it; `gateways`: clusters without a copy. */
export function factsOf(plan: StatePlan, heard: readonly Heard[], gateways: readonly ClusterName[]): Facts {
  const reports = heard.flatMap((h) => ('report' in h ? [h.report] : []));
  const newest = Math.max(0, ...reports.map((r) => r.epoch?.epoch ?? 0));
  const fences = fencesOf(reports);
  const clusters = heard.map((h): Standing => {
    const fence = fences[h.cluster];
    return { ...standing(h, newest), ...(fence === undefined ? {} : { fence }) };
  });
  const last = lastChange(reports);
  const home = clusters.find((c) => c.role === 'home');
  const open = reports.find((r) => r.ballot !== undefined && r.ballot.n > newest)?.ballot;
  return {
    app: plan.app,
    mode: plan.mode,
    home: home?.name ?? null,
    copies: clusters.filter((c) => c.role === 'home' || c.role === 'copy').length,
    epoch: newest === 0 ? null : newest,
    clusters: [...clusters, ...gateways.map((name): Standing => ({ name, role: 'gateway' }))],
    ...(open === undefined ? {} : { ballot: { ...open, waits: waitsOf(reports, open.n) } }),
    story: storyOf(reports),
    ...(last === undefined ? {} : { last }),
  };
}

/** Why a release must not commit while the state of this cluster is as it is; empty = it may. Limits in milliseconds. */
export function gateOf(h: Heard, maxLagMs: number): string[] {
  if ('why' in h) return [`the state of ${h.cluster} cannot be asked: ${h.why}`];
  const { report: r } = h;
  const { epoch, ballot } = r;
  if (epoch === undefined) return [`state: ${h.cluster} knows of no home`];
  if (ballot !== undefined && ballot.n > epoch.epoch) return [`state: home moves: ${ballot.why}`];
  const { role, why } = roleOf(r, epoch.epoch);
  if (role !== 'home' && role !== 'copy')
    return [`state: the copy in ${h.cluster} is ${role}${why === undefined ? '' : `: ${why}`}`];
  return copyGate(r, role, maxLagMs);
}

function copyGate(r: AgentReport, role: Role, maxLagMs: number): string[] {
  const short = (r.look?.short ?? []).map((s) => `state: ${r.cluster}: ${shortSay(s)}`);
  if (short.length > 0) return short;
  if (role === 'copy' && r.lagMs > maxLagMs)
    return [`state: the copy in ${r.cluster} is ${Math.round(r.lagMs)} ms behind, limit ${maxLagMs} ms`];
  return [];
}

const HOME_MS = 120_000;
const FEW_MS = 15_000;
/** Copies that do not answer for so long are not waited for, where there is a home. */
const SILENT_MS = 30_000;

export interface Waited {
  voters: number;
  /** Voters whose clusters are built. */
  standing: number;
  /** Milliseconds so far. */
  took: number;
}

/** A home is there, and those who are missing do not answer. */
function isRest(f: Facts, x: Waited): boolean {
  const silent = f.clusters.filter((c) => c.role === 'unknown').length;
  return f.home !== null && f.copies >= x.voters - silent && x.took > SILENT_MS;
}

/** How the copies stand once they are waited for no longer; undefined: a little more patience. */
export function settled(f: Facts, x: Waited): { state: 'done' | 'note' | 'failed'; detail: string } | undefined {
  const say = `${f.home ?? 'no home'}, ${f.copies} of ${x.voters} copies`;
  if (f.home !== null && f.copies >= x.standing) return { state: 'done', detail: say };
  // The first home needs every copy; without one that is not built nothing is waited for but a home that is there.
  const built = x.standing === x.voters;
  if (!isRest(f, x) && x.took <= (built ? HOME_MS : FEW_MS)) return undefined;
  const each = f.clusters.map((c) => `${c.name}: ${c.role}${c.why === undefined ? '' : ` (${c.why})`}`);
  return { state: f.home === null && built ? 'failed' : 'note', detail: each.join('; ') };
}
