import { type Fact, own } from '../kernel/index.ts';
import type { Phase, RootState, RunRef } from './model.ts';
import { type Diagnostic, knownStream, type TfEvent } from './stream.ts';

/** Which states may follow; every arrow is a fact in the journal. */
const NEXT: Readonly<Record<RootState, readonly RootState[]>> = {
  queued: [
    'interrupted',
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
  planned: ['locking', 'applying', 'destroying', 'failed', 'interrupted', 'planning'],
  deferred: ['initialising', 'planning', 'failed', 'interrupted', 'locking'],
  unchanged: ['ready', 'planning', 'failed', 'gone'],
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

/** What people call the step that a resource of this type belongs to. */
function phaseOfType(kind: string): Phase {
  return own(PHASES, kind) ?? 'network';
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
  /** Step of the operation that runs longest. */
  phase: Phase;
  diagnostics: readonly Diagnostic[];
  errored: readonly { address: string; kind: string; action: string }[];
  /** Changed outside of terraform since the last run. */
  drift: readonly { address: string; kind: string; action: string }[];
  /** Set by a stream whose major is unknown. */
  foreign?: string;
}
export const emptyRun: RunView = {
  planned: 0,
  done: 0,
  running: [],
  phase: 'network',
  diagnostics: [],
  errored: [],
  drift: [],
};

const units = (action: string): number => (action === 'replace' ? 2 : 1);
const without = (running: readonly Running[], address: string): Running[] =>
  running.filter((r) => r.address !== address);

function begun(v: RunView, e: Extract<TfEvent, { type: 'start' }>, at: number): RunView {
  return phased({ ...v, running: [...without(v.running, e.address), { address: e.address, kind: e.kind, since: at }] });
}

/** The step is that of the operation that people see; it stays when nothing runs for a moment. */
function phased(v: RunView): RunView {
  const seen = oldest(v.running);
  return seen === undefined ? v : { ...v, phase: phaseOfType(seen.kind) };
}

const oldest = (running: readonly Running[]): Running | undefined =>
  running.reduce<Running | undefined>((a, b) => (a === undefined || b.since < a.since ? b : a), undefined);

type Folds = { [T in TfEvent['type']]?: (v: RunView, e: Extract<TfEvent, { type: T }>, at: number) => RunView };
const FOLDS: Folds = {
  planned: (v, e) => (e.action === 'noop' || e.action === 'read' ? v : { ...v, planned: v.planned + units(e.action) }),
  start: (v, e, at) => (e.action === 'read' ? v : begun(v, e, at)),
  complete: (v, e) =>
    e.action === 'read' ? v : phased({ ...v, done: v.done + 1, running: without(v.running, e.address) }),
  errored: (v, e) => ({
    ...v,
    running: without(v.running, e.address),
    errored: [...v.errored, { address: e.address, kind: e.kind, action: e.action }],
  }),
  drift: (v, e) => ({ ...v, drift: [...v.drift, { address: e.address, kind: e.kind, action: e.action }] }),
  diagnostic: (v, e) => ({ ...v, diagnostics: [...v.diagnostics, e.diagnostic] }),
  version: (v, e) => (knownStream(e.ui) ? v : { ...v, foreign: e.ui }),
};

/** Folds one event of a run; `at` is when it was read. Read-only operations are not counted. */
export function foldRun(v: RunView, e: TfEvent, at: number): RunView {
  const fold = FOLDS[e.type] as ((v: RunView, e: TfEvent, at: number) => RunView) | undefined;
  return fold === undefined ? v : fold(v, e, at);
}

/** The operation that has run longest. */
export const longest = (v: RunView): string | undefined => oldest(v.running)?.address;

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
  /** What was last done to it. */
  last?: 'applying' | 'destroying';
  /** Where it was, by the name of the place. */
  place?: string;
  /** How long its last creation took. */
  tookMs?: number;
}

interface StateFact {
  root: string;
  state: RootState;
  tookMs?: number;
  place?: string;
}

function lastOf(before: RootHistory | undefined, state: RootState): Pick<RootHistory, 'last'> {
  if (state === 'applying' || state === 'destroying') return { last: state };
  return before?.last === undefined ? {} : { last: before.last };
}

function later(before: RootHistory | undefined, d: StateFact): RootHistory {
  const took = d.tookMs ?? before?.tookMs;
  const born = { everReady: false, applied: false };
  const since = d.state === 'gone' || before === undefined ? born : before;
  return {
    state: d.state,
    everReady: since.everReady || d.state === 'ready',
    applied: since.applied || d.state === 'applying',
    ...lastOf(before, d.state),
    ...(d.place === undefined ? {} : { place: d.place }),
    ...(took === undefined ? {} : { tookMs: took }),
  };
}

/** What the journal knows of each root. */
export function rootStates(facts: readonly Fact[]): Map<string, RootHistory> {
  const roots = new Map<string, RootHistory>();
  for (const f of facts) {
    if (f.kind !== 'infra.state') continue;
    const d = f.data as unknown as StateFact;
    roots.set(d.root, later(roots.get(d.root), d));
  }
  return roots;
}

const UNSEEN: readonly RootState[] = ['applying', 'destroying', 'interrupted', 'detached'];

/** Roots of which the journal does not know how they ended. */
export function unsettled(facts: readonly Fact[]): { root: string; destroying: boolean }[] {
  return [...rootStates(facts)]
    .filter(([, h]) => UNSEEN.includes(h.state))
    .map(([root, h]) => ({ root, destroying: h.last === 'destroying' }));
}

/** False only when this journal saw the root being built and never ready: then nothing of worth is lost. */
export function mayHoldUsers(facts: readonly Fact[], root: string): boolean {
  const known = rootStates(facts).get(root);
  return known === undefined || known.everReady || !known.applied;
}
