import pLimit from 'p-limit';
import { ulid } from 'ulid';
import type { Config } from '../config/index.ts';
import { type Clock, type Cloud, fault, type Journal, type Problem, problemOf, toJson } from '../kernel/index.ts';
import { needsInit, problemOfRun, type RootFacts, saysChecksum } from './classify.ts';
import { emptyRun, foldRun, longest, type RunView, rootStates } from './machine.ts';
import type { InfraEvent, Phase, Place, Root, RootEvent, RootState, RunRef, Verb } from './model.ts';
import type { RunHandle, Terraform } from './ports.ts';
import type { TfEvent } from './stream.ts';

/** What every verb of this room works with. */
export interface InfraContext {
  config: Config;
  place: Place;
  tf: Terraform;
  journal: Journal;
  clock: Clock;
  /** Id of the command's run in the journal; made up when absent. */
  run?: string;
  /** How long terraform waits for a state lock. Default 60. */
  lockSeconds?: number;
}

/** Signals of a person: first stop safely, then leave terraform alone. */
export interface Signals {
  stop?: AbortSignal | undefined;
  detach?: AbortSignal | undefined;
}

/** One command of this room while it runs. */
export interface Engine {
  ctx: InfraContext;
  run: string;
  emit(e: InfraEvent): void;
  stopped(): boolean;
  detached(): boolean;
  /** Keeps a running terraform known, so that signals reach it; `told` is called when it is asked to stop. */
  watch(h: RunHandle, told?: () => void): void;
  init<T>(work: () => Promise<T>): Promise<T>;
  parallel<T>(work: () => Promise<T>): Promise<T>;
}

export function engine(ctx: InfraContext, emit: (e: InfraEvent) => void, signals: Signals = {}): Engine {
  const running = new Map<RunHandle, (() => void) | undefined>();
  const interrupt = (h: RunHandle, told?: () => void): void => {
    h.interruptOnce();
    told?.();
  };
  signals.stop?.addEventListener('abort', () => running.forEach((told, h) => interrupt(h, told)));
  signals.detach?.addEventListener('abort', () => running.forEach((_, h) => h.detach()));
  const inits = pLimit(ctx.tf.serialInit ? 1 : ctx.config.infra.parallel);
  const roots = pLimit(ctx.config.infra.parallel);
  return {
    ctx,
    run: ctx.run ?? ulid(),
    emit,
    stopped: () => signals.stop?.aborted ?? false,
    detached: () => signals.detach?.aborted ?? false,
    watch: (h, told) => {
      running.set(h, told);
      if (signals.stop?.aborted) interrupt(h, told);
      if (signals.detach?.aborted) h.detach();
      void h.done.finally(() => running.delete(h));
    },
    init: (work) => inits(work),
    parallel: (work) => roots(work),
  };
}

function cloudOf(config: Config, root: Pick<Root, 'cluster'>): Cloud {
  return config.clusters.find((c) => c.name === root.cluster)?.cloud ?? 'aws';
}
const factsOf = (config: Config, root: Pick<Root, 'id' | 'cluster'>): RootFacts => ({
  root: root.id,
  ...(root.cluster === undefined ? {} : { cluster: root.cluster }),
  cloud: cloudOf(config, root),
});

const PHASE_OF: Partial<Record<RootState, Phase>> = {
  queued: 'queued',
  initialising: 'init',
  planning: 'plan',
  planned: 'plan',
  deferred: 'queued',
  locking: 'plan',
  draining: 'drain',
  destroying: 'destroy',
  sweeping: 'destroy',
  verifying: 'verify',
  unchanged: 'done',
  ready: 'done',
  gone: 'done',
  leftovers: 'failed',
  partial: 'failed',
  failed: 'failed',
  interrupted: 'interrupted',
  detached: 'detached',
};

/** Minutes that the clouds take, from public logs (infra.md trap 9); only where the clouds are the real ones. */
const USUAL_MINUTES: Partial<Record<Cloud, number>> = { aws: 10.3, azure: 6.1, gcp: 4.1 };

function usualMs(ctx: InfraContext, root: Root): number | undefined {
  const known = rootStates(ctx.journal.read({ kind: 'infra.state' })).get(root.id)?.tookMs;
  if (known !== undefined || root.cluster === undefined) return known;
  const minutes = Object.keys(ctx.place.endpoints).length === 0 ? USUAL_MINUTES[cloudOf(ctx.config, root)] : undefined;
  return minutes === undefined ? undefined : minutes * 60_000;
}

/** What is usual is known of building, not of taking down. */
const GOING: readonly RootState[] = ['draining', 'destroying', 'sweeping'];

/** Events that change what people see. */
const moves = (e: TfEvent): boolean =>
  e.type === 'start' || e.type === 'progress' || e.type === 'complete' || e.type === 'errored';

/** The state of one root while a command works on it: journal entries and events come from here. */
export interface Tracker {
  root: Root;
  state(): RootState;
  view(): RunView;
  to(state: RootState, extra?: { problem?: Problem; note?: string; tookMs?: number }): void;
  /** Tells people that the root is known and waits. */
  announce(): void;
  note(note: string): void;
  /** Starts counting anew; `planned` is known from the plan. */
  begin(planned: number): void;
  fold(e: TfEvent): void;
  elapsedMs(): number;
}

export function tracker(e: Engine, root: Root): Tracker {
  const { clock, journal } = e.ctx;
  const began = clock.monotonic();
  const usuallyMs = usualMs(e.ctx, root);
  const cluster = root.cluster === undefined ? {} : { cluster: root.cluster };
  const keep = (kind: string, data: object): void => {
    journal.append({ kind, run: e.run, ...cluster, data: toJson({ root: root.id, ...data }) });
  };
  let state: RootState = 'queued';
  let view = emptyRun;
  let fixed: number | undefined;
  const elapsedMs = (): number => Math.round(clock.monotonic() - began);
  const emit = (extra: { problem?: Problem; note?: string } = {}): void => {
    const address = longest(view);
    const event: RootEvent = {
      type: 'root',
      at: clock.now(),
      root: root.id,
      ...cluster,
      state,
      phase: state === 'applying' ? view.phase : (PHASE_OF[state] ?? 'queued'),
      done: view.done,
      planned: Math.max(fixed ?? view.planned, view.done),
      ...(address === undefined ? {} : { address }),
      elapsedMs: elapsedMs(),
      ...(usuallyMs === undefined || GOING.includes(state) ? {} : { usuallyMs }),
      ...extra,
    };
    e.emit(event);
  };
  return {
    root,
    state: () => state,
    view: () => view,
    elapsedMs,
    to: (next, extra = {}) => {
      state = next;
      keep('infra.state', { state, ...extra, place: e.ctx.place.name });
      const { tookMs: _, ...shown } = extra;
      emit(shown);
    },
    announce: () => emit(),
    note: (note) => emit({ note }),
    begin: (planned) => {
      view = emptyRun;
      fixed = planned;
    },
    fold: (event) => {
      view = foldRun(view, event, clock.monotonic());
      if (moves(event) && event.type !== 'progress') keep('infra.op', event);
      if (moves(event) && (state === 'applying' || state === 'destroying')) emit();
    },
  };
}

export interface Ran {
  code: number | null;
  view: RunView;
  stderr: string;
  detached: boolean;
  ref: RunRef;
}

/** Runs terraform once on the tracker's root and folds its stream. */
export async function execute(e: Engine, t: Tracker, verb: Verb, args: readonly string[]): Promise<Ran> {
  const handle = await e.ctx.tf.runs.start({ run: e.run, root: t.root.id, verb, args });
  e.watch(handle, () => t.note(awaited(t)));
  return await followed(handle, t);
}

/** What a terraform that was asked to stop still waits for. */
function awaited(t: Tracker): string {
  const begun = t.view().running.map((r) => r.address.replace(/^module\.this\./, ''));
  return begun.length === 0 ? 'stopping' : `stopping; waits for ${begun.join(', ')}`;
}

export async function followed(handle: RunHandle, t: Tracker): Promise<Ran> {
  for await (const event of handle.events) t.fold(event);
  const result = await handle.done;
  return {
    code: result.code,
    view: t.view(),
    stderr: result.stderr,
    detached: result.detached ?? false,
    ref: handle.ref,
  };
}

export const lockArg = (e: Engine): string => `-lock-timeout=${e.ctx.lockSeconds ?? 60}s`;

/** The problem of a run that did not end well. */
export function failureOf(e: Engine, t: Tracker, ran: Ran, verb: Verb): Problem {
  if (ran.detached || (e.stopped() && ran.code !== 0)) {
    return fault('TW2113', {
      value: t.root.id,
      where: t.root.cluster === undefined ? [] : [{ cluster: t.root.cluster }],
      why: [ran.detached ? 'terraform finishes alone' : 'terraform stopped safely; what it had begun is in the state'],
      fix: [{ say: 'Look at the result and go on:', command: 'tw resume' }],
    }).problem;
  }
  return problemOfRun(ran.view, factsOf(e.ctx.config, t.root), ran.stderr, verb);
}

/** State of a root after a run that did not end well. */
export const badState = (e: Engine, ran: Ran): RootState =>
  ran.detached ? 'detached' : e.stopped() ? 'interrupted' : 'failed';

/** Initialises the root; undefined when all is well. */
async function initRoot(e: Engine, t: Tracker, renewed = false): Promise<Problem | undefined> {
  const { roots } = e.ctx.tf;
  t.to('initialising');
  const ran = await e.init(async () => {
    t.begin(0);
    return await execute(e, t, 'init', ['init', '-json', '-input=false']);
  });
  if (ran.code === 0) {
    await roots.markInitialised(t.root);
    return undefined;
  }
  if (!renewed && e.ctx.tf.ownProviders && saysChecksum(ran.view)) {
    await roots.unlock(t.root);
    return await initRoot(e, t, true);
  }
  return failureOf(e, t, ran, 'init');
}

/** Runs a verb in an initialised root; a root that turns out not to be initialised is, once. */
export async function inRoot(
  e: Engine,
  t: Tracker,
  state: RootState,
  work: () => Promise<Ran>,
): Promise<{ ran: Ran } | { problem: Problem }> {
  const { roots } = e.ctx.tf;
  if (!(await roots.initialised(t.root))) {
    const problem = await initRoot(e, t);
    if (problem !== undefined) return { problem };
  }
  t.to(state);
  const ran = await work();
  if (ran.code !== 1 || !needsInit(ran.view)) return { ran };
  if (e.ctx.tf.ownProviders && saysChecksum(ran.view)) await roots.unlock(t.root);
  const problem = await initRoot(e, t);
  if (problem !== undefined) return { problem };
  t.to(state);
  return { ran: await work() };
}

/** Turns what one root threw into its failure. */
export async function guarded<T>(t: Tracker, work: () => Promise<T>, failed: (p: Problem) => T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const problem = problemOf(error);
    t.to('failed', { problem });
    return failed(problem);
  }
}
