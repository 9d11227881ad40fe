import type { ClusterName } from '../../kernel/index.ts';
import type { StatePlan } from '../plan.ts';
import { shortSay } from '../short.ts';
import type { Facts, Standing, Waited } from '../view.ts';
import type { ActiveReport } from './ports.ts';

/** What the agent of one cluster says, or why nothing was heard. */
export type ActiveHeard = { cluster: ClusterName; report: ActiveReport } | { cluster: ClusterName; why: string };

/** How old the oldest write of another cluster is that this one lacks, as the others know it; milliseconds. */
function lagInto(cluster: ClusterName, reports: readonly ActiveReport[]): number {
  return Math.max(0, ...reports.map((r) => r.peers[cluster]?.lagMs ?? 0));
}

const closed = (r: ActiveReport): string =>
  r.waitsFor === undefined ? 'not open yet' : [r.waitsFor.why, ...(r.waitsFor.clusters ?? [])].join(': ');

/** Clocks that differ make the order of writes strange; the data still ends equal. */
function skewOf(cluster: ClusterName, reports: readonly ActiveReport[]): string[] {
  const others = reports.filter((r) => r.cluster !== cluster);
  const behind = others.find((r) => r.peers[cluster]?.skewMs !== undefined);
  const late = behind?.peers[cluster]?.skewMs;
  if (behind !== undefined && late !== undefined)
    return [
      `TW5120 its clock is ${Math.round(late / 1000)} s behind that of ${behind.cluster}, whose writes it refuses`,
    ];
  const off = others.flatMap((r) => r.peers[cluster]?.aheadMs ?? []);
  // Whose clock is off, most others say; it says so of all of them.
  if (off.length * 2 <= others.length) return [];
  const ms = off.toSorted((a, b) => Math.abs(a) - Math.abs(b))[0] ?? 0;
  const say = `${(Math.abs(ms) / 1000).toFixed(1)} s ${ms > 0 ? 'ahead' : 'behind'}`;
  return [`TW5120 its clock is ${say}: what is written at once may be ordered otherwise; all end equal`];
}

/** Why the others cannot send to it, or what it lacks, as each of them says. */
const unsentOf = (cluster: ClusterName, reports: readonly ActiveReport[]): string[] =>
  reports.flatMap((r) => {
    const why = r.peers[cluster]?.why;
    return why === undefined ? [] : [`${r.cluster} to it: ${why}`];
  });

function standing(h: ActiveHeard, reports: readonly ActiveReport[]): Standing {
  if ('why' in h) return { name: h.cluster, role: 'unknown', why: h.why };
  const { report: r } = h;
  const { short = [] } = r;
  const full = { ...(short.length === 0 ? {} : { short }) };
  if (!r.open) {
    const why = [...short.map(shortSay), closed(r), ...unsentOf(h.cluster, reports)].join('; ');
    return { name: h.cluster, role: 'closed', why, ...full };
  }
  const vias = Object.entries(r.peers).flatMap(([peer, p]) =>
    p.via === undefined || p.via === 'direct' ? [] : [`${p.via} to ${peer}`],
  );
  const why = [
    ...short.map(shortSay),
    ...skewOf(h.cluster, reports),
    ...(r.waitsFor === undefined ? [] : [closed(r)]),
    ...unsentOf(h.cluster, reports),
  ];
  return {
    name: h.cluster,
    role: 'open',
    lagMs: lagInto(h.cluster, reports),
    ...(vias.length === 0 ? {} : { via: vias.join(', ') }),
    ...(why.length === 0 ? {} : { why: why.join('; ') }),
    ...full,
  };
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);
const STORY = 12;

/** The state of one app whose clusters all take writes. */
export function activeFacts(plan: StatePlan, heard: readonly ActiveHeard[]): Facts {
  const reports = heard.flatMap((h) => ('report' in h ? [h.report] : []));
  const clusters = heard.map((h) => standing(h, reports));
  const told = reports
    .flatMap((r) => r.events.map((e) => ({ ...e, by: r.cluster })))
    .toSorted((a, b) => a.at - b.at)
    .slice(-STORY);
  return {
    app: plan.app,
    mode: plan.mode,
    home: null,
    copies: clusters.filter((c) => c.role === 'open').length,
    epoch: null,
    clusters,
    story: told.map((e) => `${clock(e.at)} ${e.by}: ${e.did} ${e.end}`),
  };
}

/** Why a release must not commit while the state of `cluster` is as it is; empty = it may. Limits in milliseconds. */
export function activeGate(cluster: ClusterName, heard: readonly ActiveHeard[], maxLagMs: number): string[] {
  const reports = heard.flatMap((h) => ('report' in h ? [h.report] : []));
  const mine = heard.find((h) => h.cluster === cluster);
  if (mine === undefined || 'why' in mine)
    return [`the state of ${cluster} cannot be asked: ${mine?.why ?? 'no answer'}`];
  if (!mine.report.open) return [`state: ${cluster} takes no writes: ${closed(mine.report)}`];
  const [short] = mine.report.short ?? [];
  if (short !== undefined) return [`state: ${cluster}: ${shortSay(short)}`];
  const lag = lagInto(cluster, reports);
  return lag > maxLagMs ? [`state: ${cluster} is ${Math.round(lag)} ms behind, limit ${maxLagMs} ms`] : [];
}

const OPEN_MS = 120_000;
const SILENT_MS = 30_000;

/** How the clusters stand once they are waited for no longer; undefined: a little more patience. */
export function activeSettled(f: Facts, x: Waited): { state: 'done' | 'note' | 'failed'; detail: string } | undefined {
  if (f.copies >= x.standing) return { state: 'done', detail: `${f.copies} of ${x.voters} clusters take writes` };
  const silent = f.clusters.filter((c) => c.role === 'unknown').length;
  const rest = f.copies > 0 && f.copies >= x.voters - silent && x.took > SILENT_MS;
  if (!rest && x.took <= OPEN_MS) return undefined;
  const each = f.clusters.map((c) => `${c.name}: ${c.role}${c.why === undefined ? '' : ` (${c.why})`}`);
  return { state: f.copies === 0 ? 'failed' : 'note', detail: each.join('; ') };
}
