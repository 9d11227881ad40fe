import { fleetApply } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { fault, type Problem, toJson, untrusted } from '../kernel/index.ts';
import { namespaceOf, type VoterWish } from '../state/index.ts';
import { type Board, board } from './board.ts';
import type { Context, Io } from './context.ts';
import { meetState } from './coordination.ts';
import { planApps } from './makeplan.ts';
import type { Args, Outcome } from './model.ts';
import type { Engine } from './ports.ts';
import { chosenOne, doorOf, stateFacts } from './state.ts';
import { dryOrAgreed, lockToAct } from './would.ts';

interface Change {
  c: Context;
  e: Engine;
  io: Io;
  b: Board;
  outputs: Outputs;
  app: string;
  wish: VoterWish;
}

/** Deploys the data plane of the app alone, as the store says it is now; lets the copies meet. What failed. */
async function deployed(x: Change, key: string, label: string): Promise<Problem[]> {
  const { b, c, e, io, outputs } = x;
  b.set([key], { tone: 'busy', label });
  const problems: Problem[] = [];
  const plan = await planApps(e, outputs, [namespaceOf(x.app)]);
  for await (const event of fleetApply(plan, { api: async (n) => e.kube(n, outputs), clock: c.clock }, io.signal)) {
    if (event.type === 'step')
      b.set([key, `${event.cluster} ${event.app}`], { tone: 'busy', cells: { step: event.step } });
    if (event.type === 'end') problems.push(...event.failed.map((f) => f.problem));
  }
  if (!io.signal.aborted) problems.push(...(await meetState(e, outputs, b, io.signal)));
  b.set([key], { tone: problems.length === 0 ? 'ok' : 'bad' });
  return problems;
}

/** Throws the first problem: each step looks what is done, so the verb can be said again. */
function goOn(x: Change, problems: readonly Problem[]): void {
  const [first] = problems;
  if (first === undefined && !x.io.signal.aborted) return;
  const { add, leave } = x.wish;
  const again = `tw state add-voter ${add}${leave === undefined ? '' : ` --instead-of ${leave}`} --app ${x.app}`;
  throw fault('TW5152', {
    value: add,
    why: [first === undefined ? 'it was stopped' : `${first.code} ${first.title}: ${first.why.join('; ')}`],
    fix: [{ say: 'Say it again to finish it:', command: again }],
  });
}

async function changed(x: Change): Promise<{ voters: readonly string[]; epoch: number; ms: number }> {
  const { app, b, e, io, outputs, wish } = x;
  await e.state.begin({ app, wish, begins: async () => await x.c.take?.() }, outputs);
  goOn(x, await deployed(x, 'begin', `a Redis in ${wish.add}`));
  const show = (say: string): void => b.set(['decide'], { tone: 'busy', label: 'copies', why: say });
  const done = await e.state.decide({ app, wish, show }, outputs, io.signal);
  b.set(['decide'], { tone: 'ok', label: `copies in ${done.voters.join(', ')}`, why: '' });
  goOn(x, await deployed(x, 'end', 'everybody is told'));
  await e.state.end({ app, wish });
  return done;
}

/**
 * `tw state add-voter`: another cluster gets a copy that counts; nothing acknowledged is lost. Throws TW5006, TW5114,
 * TW5151, TW5152, TW1020.
 */
export async function stateAddVoter(c: Context, args: Args, io: Io): Promise<Outcome> {
  const free = lockToAct(c, 'state add-voter', args);
  try {
    const door = await doorOf(c);
    const e = await c.engine();
    const f = await chosenOne(door, c, args['app'] as string | undefined);
    const leave = args['insteadOf'] as string | undefined;
    const wish: VoterWish = { add: args['cluster'] as string, ...(leave === undefined ? {} : { leave }) };
    const instead = leave === undefined ? '' : ` instead of ${leave}`;
    const dry = dryOrAgreed(c, args, stateFacts(f, `${wish.add} gets a copy that counts${instead}`));
    if (dry !== undefined) return dry;
    const b = board(io.show, () => c.clock.now());
    const done = await changed({ c, e, io, b, outputs: await e.outputs(), app: f.app, wish });
    c.journal().append({ kind: 'state.voters', cluster: wish.add, data: toJson({ app: f.app, ...wish, ...done }) });
    const say = `${f.app} has copies in ${done.voters.join(', ')}; writes waited ${(done.ms / 1000).toFixed(1)} s`;
    return {
      data: toJson({ app: f.app, ...wish, ...done }),
      view: { at: c.clock.now(), rows: [{ key: 'voters', tone: 'ok', label: [untrusted(say)], cells: {}, kids: [] }] },
    };
  } finally {
    free();
  }
}
