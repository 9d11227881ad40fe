import { type ClusterName, type Row, type Span, type Tone, text, untrusted, type View } from '../kernel/index.ts';
import { flipped, valueOf, voted, wentBack } from './machine/common.ts';
import type { ClusterView, Observations, Reason, ReleaseRecord } from './model.ts';

/** What one member shows now, for people and machines. */
export interface Lane {
  name: ClusterName;
  version: string | null;
  vote: boolean;
  wave: number;
  /** Word of the phase this cluster is in. */
  phase: string;
  verdict: string;
  braked: boolean;
  lagging: boolean;
  flippedAtMs: number | null;
  why: string | null;
}
export interface ReleaseView {
  app: string;
  release: string;
  planId: string;
  green: string;
  decision: ReleaseRecord['decision'];
  step: string;
  wave: number;
  waves: number;
  epoch: number;
  by: string;
  /** `open` until it is decided; `done` as soon as every cluster serves green and the last soak passed. */
  outcome: 'open' | 'done' | 'rolledback';
  cause: Reason | null;
  /** Unix milliseconds until which a rollback is instant; null = no such rollback. */
  rollbackUntilMs: number | null;
  pointOfNoReturn: boolean;
  /** Milliseconds between the first and the last flip. */
  skewMs: number | null;
  lanes: readonly Lane[];
  /** What blocks the next step. */
  why: readonly Reason[];
}
export interface Folded {
  record: ReleaseRecord;
  seen?: Observations;
  why: readonly Reason[];
  flippedAt: Readonly<Record<ClusterName, number>>;
}

const waveOf = (r: ReleaseRecord, c: ClusterName): number => r.terms.waves.findIndex((w) => w.clusters.includes(c));

function preparingPhase(r: ReleaseRecord, v: ClusterView | undefined): string {
  if (voted(r, valueOf(v?.sw))) return 'ready';
  const green = valueOf(v?.green);
  if (green === undefined || !green.exists) return 'making';
  return green.healthy ? 'checking' : `starting ${green.ready}/${green.wanted}`;
}

function committedPhase(r: ReleaseRecord, c: ClusterName, v: ClusterView | undefined): string {
  if (!flipped(r, valueOf(v?.sw))) return waveOf(r, c) > r.wave ? 'waits' : 'switching';
  return r.step === 'keep' ? 'serves' : 'judged';
}

const PHASE: Readonly<Record<ReleaseRecord['decision'], (f: Folded, c: ClusterName) => string>> = {
  preparing: (f, c) => preparingPhase(f.record, f.seen?.clusters[c]),
  committed: (f, c) => committedPhase(f.record, c, f.seen?.clusters[c]),
  aborting: (f, c) => (wentBack(f.record, c, valueOf(f.seen?.clusters[c]?.sw)) ? 'back' : 'going back'),
  done: () => 'serves',
  rolledback: () => 'back',
};

function phaseOf(f: Folded, c: ClusterName): string {
  if (f.record.lagging.includes(c)) return 'left out';
  const v = f.seen?.clusters[c];
  return v !== undefined && valueOf(v.sw) === undefined ? 'no answer' : PHASE[f.record.decision](f, c);
}

/** What a cluster that was not looked at must serve: known only once the release has ended. */
function settledOn(r: ReleaseRecord, c: ClusterName): string | null {
  if (r.decision === 'done') return r.green;
  return r.decision === 'rolledback' ? (r.blue[c] ?? null) : null;
}

function seenOf(f: Folded, c: ClusterName): Pick<Lane, 'version' | 'vote' | 'verdict'> {
  const v = f.seen?.clusters[c];
  const sw = valueOf(v?.sw);
  if (v === undefined) return { version: settledOn(f.record, c), vote: false, verdict: '' };
  if (sw === undefined) return { version: null, vote: false, verdict: '' };
  return { version: sw.live, vote: sw.vote, verdict: flipped(f.record, sw) ? v.verdict.is : '' };
}

function laneOf(f: Folded, c: ClusterName): Lane {
  const v = f.seen?.clusters[c];
  const lagging = f.record.lagging.includes(c);
  return {
    name: c,
    ...seenOf(f, c),
    wave: waveOf(f.record, c),
    phase: phaseOf(f, c),
    braked: v?.braked ?? lagging,
    lagging,
    flippedAtMs: f.flippedAt[c] ?? null,
    why: f.why.find((w) => w.cluster === c)?.say ?? null,
  };
}

function outcomeOf(r: ReleaseRecord): ReleaseView['outcome'] {
  if (r.decision === 'rolledback') return 'rolledback';
  return r.decision === 'done' || (r.decision === 'committed' && r.step === 'keep') ? 'done' : 'open';
}

/** The one view of a release: terminal, web, chat and JSON are made from it. */
export function releaseView(f: Folded): ReleaseView {
  const r = f.record;
  const times = Object.values(f.flippedAt);
  const kept = r.decision === 'committed' && r.step === 'keep';
  return {
    app: r.app,
    release: r.release,
    planId: r.planId,
    green: r.green,
    decision: r.decision,
    step: r.step,
    wave: r.wave,
    waves: r.terms.waves.length,
    epoch: r.epoch,
    by: r.by,
    outcome: outcomeOf(r),
    cause: r.cause ?? null,
    rollbackUntilMs: kept ? r.since + r.terms.keepBlueMs : null,
    pointOfNoReturn: r.decision === 'done',
    skewMs: times.length < 2 ? null : Math.max(...times) - Math.min(...times),
    lanes: [...r.members, ...r.lagging].map((c) => laneOf(f, c)),
    why: f.why,
  };
}

const TITLE: Readonly<Record<ReleaseRecord['decision'], string>> = {
  preparing: 'preparing: users see the old version',
  committed: 'committed',
  aborting: 'rolling back',
  done: 'done',
  rolledback: 'rolled back: every cluster serves its old version',
};

function titleOf(v: ReleaseView): string {
  if (v.decision === 'committed' && v.step === 'keep')
    return 'released: every cluster serves it, the old version is kept';
  if (v.decision !== 'committed') return TITLE[v.decision];
  return `wave ${v.wave + 1} of ${v.waves}: ${v.step === 'flip' ? 'switching' : 'judged'}`;
}

function toneOf(v: ReleaseView): Tone {
  if (v.outcome === 'done') return 'ok';
  return v.decision === 'aborting' || v.decision === 'rolledback' ? 'bad' : 'busy';
}

function laneTone(v: ReleaseView, l: Lane): Tone {
  if (l.braked || l.phase === 'no answer') return 'bad';
  if (['ready', 'serves', 'back'].includes(l.phase)) return 'ok';
  if (l.phase === 'waits') return 'wait';
  return v.outcome === 'open' ? 'busy' : 'ok';
}

function cellsOf(l: Lane): Record<string, Span[]> {
  return {
    phase: [text(l.phase)],
    serves: [untrusted(l.version ?? '')],
    verdict: [text(l.verdict)],
    brake: [text(l.braked ? 'braked' : '')],
  };
}

/** Rows for the terminal: the release, one lane per cluster below it. */
export function releaseRows(v: ReleaseView, at: number): View {
  const general = v.why.filter((w) => !v.lanes.some((l) => l.name === w.cluster));
  const because = v.cause?.say ?? general[0]?.say;
  const row: Row = {
    key: v.release,
    tone: toneOf(v),
    label: [text(`${v.app}@${v.green} ${v.release}: ${titleOf(v)}`)],
    cells: {},
    ...(because === undefined ? {} : { why: [untrusted(because)] }),
    kids: v.lanes.map((l) => ({
      key: l.name,
      tone: laneTone(v, l),
      label: [text(l.name)],
      cells: cellsOf(l),
      ...(l.why === null ? {} : { why: [untrusted(l.why)] }),
      kids: [],
    })),
  };
  return { at, rows: [row] };
}
