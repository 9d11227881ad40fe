import { fault, type Journal, type Problem, toJson } from '../kernel/index.ts';
import { verb } from './apply.ts';
import {
  type Engine,
  execute,
  failureOf,
  followed,
  guarded,
  type InfraContext,
  inRoot,
  lockArg,
  type Signals,
  type Tracker,
  tracker,
} from './engine.ts';
import { type OpenRun, openRuns, rootStates, unsettled } from './machine.ts';
import type { InfraEvent, Place, RootId } from './model.ts';
import { rootName } from './model.ts';

const ended = (e: Engine, key: string): void => {
  e.ctx.journal.append({ kind: 'infra.run', run: e.run, data: toJson({ state: 'ended', key, code: null }) });
};

/** A destroy that ended unseen is done when the state is empty. */
async function verifyDestroy(e: Engine, t: Tracker): Promise<Problem | undefined> {
  const { roots } = e.ctx.tf;
  const left = (await roots.state(t.root.id))?.resources ?? 0;
  if (left > 0) return partial(t, `${left} resources are still there`, 'tw down');
  await roots.remove(t.root.id);
  t.to('gone');
  return undefined;
}

/** What became of a root whose run ended unseen: a plan tells, events never do. */
async function verify(e: Engine, t: Tracker, wasDestroy: boolean): Promise<Problem | undefined> {
  if (wasDestroy) return await verifyDestroy(e, t);
  const args = ['plan', '-json', '-input=false', lockArg(e), '-detailed-exitcode'];
  const result = await inRoot(e, t, 'verifying', async () => {
    t.begin(0);
    return await execute(e, t, 'verify', args);
  });
  const problem =
    'problem' in result ? result.problem : result.ran.code === 1 ? failureOf(e, t, result.ran, 'plan') : undefined;
  if (problem !== undefined) {
    t.to('failed', { problem });
    return problem;
  }
  if ('ran' in result && result.ran.code === 2) {
    const n = result.ran.view.planned;
    return partial(t, `${n} ${n === 1 ? 'change is' : 'changes are'} still to do`, 'tw up');
  }
  t.to('ready');
  return undefined;
}

function partial(t: Tracker, why: string, command: string): Problem {
  const on = t.root.cluster === undefined ? '' : ` --on ${t.root.cluster}`;
  const problem = fault('TW2117', {
    value: t.root.id,
    where: t.root.cluster === undefined ? [] : [{ cluster: t.root.cluster }],
    why: [why],
    fix: [{ say: 'Finish it:', command: `${command}${on}` }],
  }).problem;
  t.to('partial', { problem });
  return problem;
}

/** Follows a run that is still going, to its end; the run is closed in the journal. False: it was left alone. */
async function followRun(e: Engine, t: Tracker, open: OpenRun): Promise<boolean> {
  if (!e.ctx.tf.runs.alive(open.ref)) {
    ended(e, open.key);
    t.note(`run ${open.ref.run} ended unseen`);
    return true;
  }
  t.to(open.ref.verb === 'destroy' ? 'destroying' : 'applying', { note: `run ${open.ref.run} is still going` });
  const handle = await e.ctx.tf.runs.attach(open.ref);
  e.watch(handle);
  if (!(await followed(handle, t)).detached) return true;
  t.to('detached');
  return false;
}

/** Takes the verb of a run, or what its key says. The others only look: whoever was killed in it has lost nothing. */
const changes = (verb: string): boolean => /^(apply|destroy)\b/.test(verb);

async function resumeRun(e: Engine, open: OpenRun, check: boolean): Promise<Problem[]> {
  const root = await e.ctx.tf.roots.load(open.ref.root, e.ctx.config.fleet);
  if (root === undefined) {
    ended(e, open.key);
    return [];
  }
  const t = tracker(e, root);
  return await guarded<Problem[]>(
    t,
    async () => {
      if (!(await followRun(e, t, open)) || !check || !changes(open.ref.verb)) return [];
      const problem = await verify(e, t, open.ref.verb === 'destroy');
      return problem === undefined ? [] : [problem];
    },
    (problem) => [problem],
  );
}

async function verifyRoot(e: Engine, id: RootId, destroying: boolean): Promise<Problem[]> {
  const root = await e.ctx.tf.roots.load(id, e.ctx.config.fleet);
  if (root === undefined) return [];
  const t = tracker(e, root);
  return await guarded<Problem[]>(
    t,
    async () => {
      const problem = await verify(e, t, destroying);
      return problem === undefined ? [] : [problem];
    },
    (problem) => [problem],
  );
}

/** An intent without a pid: it is not known whether terraform started, so the root is verified. */
async function resumeIntent(e: Engine, key: string): Promise<Problem[]> {
  ended(e, key);
  const [, name = '', verb = ''] = key.split('/');
  const id = (await e.ctx.tf.roots.list()).find((r: RootId) => rootName(r) === name);
  if (id === undefined || !changes(verb)) return [];
  return await verifyRoot(e, id, verb.startsWith('destroy'));
}

/** Runs of this fleet that have no end in the journal. */
export const unfinished = (ctx: Pick<InfraContext, 'journal'>): ReturnType<typeof openRuns> =>
  openRuns(ctx.journal.read({ kind: 'infra.run' }));

/** Those of them that change clouds. */
export function unfinishedChanges(ctx: Pick<InfraContext, 'journal'>): ReturnType<typeof openRuns> {
  const { open, intents } = unfinished(ctx);
  return {
    open: open.filter((o) => changes(o.ref.verb)),
    intents: intents.filter((key) => changes(key.split('/')[2] ?? '')),
  };
}

/** Everything without an end: runs that are known, intents, and roots that were left in the middle. */
function leftOpen(ctx: Pick<InfraContext, 'journal'>) {
  const { open, intents } = unfinished(ctx);
  const known = [...open.map((o) => rootName(o.ref.root)), ...intents.map((k) => k.split('/')[1])];
  const rest = unsettled(ctx.journal.read({ kind: 'infra.state' })).filter(
    (r) => !known.includes(rootName(r.root as RootId)),
  );
  return { open, intents, rest };
}

/** Names of what `infraResume` would follow or verify. */
export function toResume(ctx: Pick<InfraContext, 'journal'>): string[] {
  const { open, intents, rest } = leftOpen(ctx);
  return [...open.map((o) => o.key), ...intents, ...rest.map((r) => r.root)];
}

async function resumeAll(e: Engine): Promise<Problem[]> {
  const { open, intents, rest } = leftOpen(e.ctx);
  if (open.length + intents.length + rest.length > 0) await e.ctx.tf.ready();
  const done = await Promise.all([
    ...open.map((o) => e.parallel(() => resumeRun(e, o, true))),
    ...intents.map((k) => e.parallel(() => resumeIntent(e, k))),
    ...rest.map((r) => e.parallel(() => verifyRoot(e, r.root as RootId, r.destroying))),
  ]);
  return done.flat();
}

/** Follows runs that are still going and verifies what ended unseen or was interrupted. The last event is `end`. */
export function infraResume(ctx: InfraContext, signals: Signals = {}): AsyncIterable<InfraEvent> {
  return verb(ctx, signals, resumeAll);
}

/**
 * Lets the runs of an earlier `tw` come to their end, so that a new plan finds no lock. Nothing is
 * verified: the plan that follows does that. The last event is `end`.
 */
export function infraSettle(ctx: InfraContext, signals: Signals = {}): AsyncIterable<InfraEvent> {
  return verb(ctx, signals, async (e) => {
    const { open, intents } = unfinished(e.ctx);
    for (const key of intents) ended(e, key);
    return (await Promise.all(open.map((o) => e.parallel(() => resumeRun(e, o, false))))).flat();
  });
}

/** Everything built in this place went with it (the sandbox's plug was pulled): the journal says so. */
export function infraForget(journal: Journal, place: Place['name']): void {
  const { open, intents } = unfinished({ journal });
  for (const key of [...open.map((o) => o.key), ...intents])
    journal.append({ kind: 'infra.run', data: toJson({ state: 'ended', key, code: null }) });
  for (const [root, h] of rootStates(journal.read({ kind: 'infra.state' }))) {
    if (h.place !== place || h.state === 'gone') continue;
    const cluster = root.startsWith('cluster:') ? { cluster: root.slice('cluster:'.length) } : {};
    journal.append({ kind: 'infra.state', ...cluster, data: { root, state: 'gone', place } });
  }
}
