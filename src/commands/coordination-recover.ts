import { type Problem, toJson } from '../kernel/index.ts';
import { board, STEP_TONE } from './board.ts';
import type { Context, Io } from './context.ts';
import { coordinationOf, meetMembers } from './coordination.ts';
import type { Args, Outcome } from './model.ts';
import type { RecoveryPlan } from './ports.ts';
import { confirmed } from './sure.ts';
import { dryOrAgreed } from './would.ts';

function sayPlan(p: RecoveryPlan): string {
  const blank = p.blank.length === 0 ? '' : `; ${p.blank.join(', ')} lose their data and join it`;
  const lost = p.lost.length === 0 ? '' : `; ${p.lost.join(', ')} must never come back with the old disk`;
  return `The store begins anew with what ${p.from} has (entry ${p.index})${blank}${lost}. What only others had is lost`;
}

/** `tw coordination recover`: typed with the name of the fleet. */
export async function coordinationRecover(c: Context, args: Args, io: Io): Promise<Outcome> {
  const e = await c.engine();
  const door = await coordinationOf(c);
  const outputs = await e.outputs();
  const plan = await door.planRecover(args['lost'] as string[], outputs);
  const dry = dryOrAgreed(c, args, { store: sayPlan(plan) });
  if (dry !== undefined) return dry;
  await confirmed({ verb: 'coordination recover', args }, io, { fleet: e.config.fleet, text: sayPlan(plan) });
  await c.take?.();
  c.journal().append({ kind: 'coordination.recovered', data: toJson({ ...plan, index: String(plan.index) }) });
  const b = board(io.show, c.clock.now);
  b.set(['recover'], { tone: 'busy', label: 'coordination (etcd): anew' });
  for await (const s of door.recover(plan, outputs, io.signal)) {
    const tone = STEP_TONE[s.state];
    b.set(['recover', s.step], { tone, ...(s.detail === undefined ? {} : { why: s.detail }) });
  }
  b.set(['recover'], { tone: 'ok' });
  const problems: Problem[] = await meetMembers(e, outputs, b, io.signal);
  const [problem] = problems;
  return {
    data: toJson({ from: plan.from, blank: [...plan.blank], lost: [...plan.lost] }),
    view: b.view(),
    ...(problem === undefined ? {} : { problem }),
  };
}
