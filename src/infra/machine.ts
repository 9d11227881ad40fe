import type { Fact } from '../kernel/index.ts';
import type { Phase, RootState, RunRef } from './model.ts';
import type { Diagnostic, TfEvent } from './stream.ts';

/** Which states may follow; every arrow is a fact in the journal. */
const NEXT: Readonly<Record<RootState, readonly RootState[]>> = {
  queued: [
    'initialising',
    'planning',
    'locking',
    'verifying',
    'draining',
    'destroying',
    'failed',
    'unchanged',
    'deferred',
    'ready',
  ],
  initialising: ['planning', 'failed', 'interrupted', 'detached'],
  planning: [
    'planned',
    'deferred',
    'unchanged',
    'locking',
    'ready',
    'failed',
    'interrupted',
    'detached',
    'partial',
    'destroying',
    'gone',
  ],
  planned: ['locking', 'failed', 'interrupted', 'planning'],
  deferred: ['initialising', 'planning', 'failed', 'interrupted', 'locking'],
  unchanged: ['ready', 'planning'],
  locking: ['applying', 'destroying', 'planning', 'failed', 'interrupted', 'detached'],
  applying: ['ready', 'failed', 'interrupted', 'detached'],
  verifying: ['ready', 'failed', 'partial', 'gone'],
  draining: ['destroying', 'failed', 'interrupted', 'initialising', 'planning'],
  destroying: ['sweeping', 'gone', 'failed', 'interrupted', 'detached'],
  sweeping: ['gone', 'leftovers', 'destroying', 'failed'],
  ready: ['draining', 'planning', 'verifying'],
  partial: ['planning', 'verifying', 'draining'],
  failed: ['planning', 'verifying', 'draining', 'initialising'],
  interrupted: ['verifying', 'planning'],
  detached: ['verifying', 'planning'],
  gone: ['planning', 'initialising'],
  leftovers: ['sweeping', 'draining', 'gone'],
};
export const mayFollow = (from: RootState, to: RootState): boolean => NEXT[from].includes(to);

const PHASES: Readonly<Record<string, Phase>> = {
  aws_eks_cluster: 'control-plane',
  azurerm_kubernetes_cluster: 'control-plane',
  google_container_cluster: 'control-plane',
  aws_eks_node_group: 'nodes',
  azurerm_kubernetes_cluster_node_pool: 'nodes',
  google_container_node_pool: 'nodes',
  aws_eks_access_entry: 'access',
  aws_eks_access_policy_association: 'access',
  aws_eks_addon: 'nodes',
  aws_route53_zone: 'zone',
  aws_route53_record: 'zone',
};
const ORDER: readonly Phase[] = ['network', 'control-plane', 'nodes', 'access', 'zone'];

/** What people call the step that a resource of this type belongs to. */
export function phaseOfType(kind: string): Phase {
  return Object.hasOwn(PHASES, kind) ? (PHASES[kind] ?? 'network') : 'network';
}

/** One operation that runs now. */
interface Running {
  address: string;
  kind: string;
  since: number;
}
/** What one terraform run has told so far. */
export interface RunView {
  planned: number;
  done: number;
  running: readonly Running[];
  /** Furthest step reached. */
  phase: Phase;
  diagnostics: readonly Diagnostic[];
  errored: readonly { address: string; kind: string; action: string }[];
  /** Set by a stream whose major is unknown. */
  foreign?: string;
}
export const emptyRun: RunView = { planned: 0, done: 0, running: [], phase: 'network', diagnostics: [], errored: [] };

const units = (action: string): number => (action === 'replace' ? 2 : 1);
const further = (a: Phase, b: Phase): Phase => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a);
const without = (running: readonly Running[], address: string): Running[] =>
  running.filter((r) => r.address !== address);

/** Folds one event of a run; `at` is when it was read. Read-only operations are not counted. */
export function foldRun(v: RunView, e: TfEvent, at: number): RunView {
  switch (e.type) {
    case 'planned':
      return e.action === 'noop' || e.action === 'read' ? v : { ...v, planned: v.planned + units(e.action) };
    case 'start':
      if (e.action === 'read') return v;
      return {
        ...v,
        running: [...without(v.running, e.address), { address: e.address, kind: e.kind, since: at }],
        phase: further(v.phase, phaseOfType(e.kind)),
      };
    case 'complete':
      if (e.action === 'read') return v;
      return { ...v, done: v.done + 1, running: without(v.running, e.address) };
    case 'errored':
      return {
        ...v,
        running: without(v.running, e.address),
        errored: [...v.errored, { address: e.address, kind: e.kind, action: e.action }],
      };
    case 'diagnostic':
      return { ...v, diagnostics: [...v.diagnostics, e.diagnostic] };
    case 'version':
      return { ...v, ...(/^1(\.|$)/.test(e.ui) ? {} : { foreign: e.ui }) };
    default:
      return v;
  }
}

/** The operation that has run longest. */
export const longest = (v: RunView): string | undefined =>
  v.running.reduce<Running | undefined>((a, b) => (a === undefined || b.since < a.since ? b : a), undefined)?.address;

export interface OpenRun {
  /** Names the run in the journal. */
  key: string;
  ref: RunRef;
  cluster?: string;
}
type RunFact = { state: 'intent' | 'started' | 'ended'; key: string; ref?: RunRef };

/** Runs that were begun and have no end in the journal. An intent without a pid has no ref. */
export function openRuns(facts: readonly Fact[]): { open: OpenRun[]; intents: string[] } {
  const runs = new Map<string, { ref?: RunRef; cluster?: string }>();
  for (const f of facts) {
    if (f.kind !== 'infra.run') continue;
    const d = f.data as unknown as RunFact;
    if (d.state === 'ended') runs.delete(d.key);
    else
      runs.set(d.key, {
        ...(d.ref === undefined ? {} : { ref: d.ref }),
        ...(f.cluster === undefined ? {} : { cluster: f.cluster }),
      });
  }
  const open: OpenRun[] = [];
  const intents: string[] = [];
  for (const [key, r] of runs) {
    if (r.ref === undefined) intents.push(key);
    else open.push({ key, ref: r.ref, ...(r.cluster === undefined ? {} : { cluster: r.cluster }) });
  }
  return { open, intents };
}

export interface RootHistory {
  state: RootState;
  /** It was ready once since it was last gone. */
  everReady: boolean;
  /** This journal saw it being applied; otherwise somebody else built it. */
  applied: boolean;
  /** How long its last creation took. */
  tookMs?: number;
}

/** What the journal knows of each root. */
export function rootStates(facts: readonly Fact[]): Map<string, RootHistory> {
  const roots = new Map<string, RootHistory>();
  for (const f of facts) {
    if (f.kind !== 'infra.state') continue;
    const d = f.data as unknown as { root: string; state: RootState; tookMs?: number };
    const before = d.state === 'gone' ? undefined : roots.get(d.root);
    const took = d.tookMs ?? roots.get(d.root)?.tookMs;
    roots.set(d.root, {
      state: d.state,
      everReady: d.state === 'ready' || (before?.everReady ?? false),
      applied: d.state === 'applying' || (before?.applied ?? false),
      ...(took === undefined ? {} : { tookMs: took }),
    });
  }
  return roots;
}

/** False only when this journal saw the root being built and never ready: then nothing of worth is lost. */
export function mayHoldUsers(facts: readonly Fact[], root: string): boolean {
  const known = rootStates(facts).get(root);
  return known === undefined || known.everReady || !known.applied;
}
