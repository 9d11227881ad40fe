import { foldInfra, type InfraFold, infraSettle, infraView, unfinished, unfinishedChanges } from '../infra/index.ts';
import { fault, type Problem } from '../kernel/index.ts';
import type { Board } from './board.ts';
import type { Io } from './context.ts';
import { mirror } from './mirror.ts';
import type { Engine } from './ports.ts';

/** Runs of an earlier `tw` that change clouds and have no end in the journal, as a warning for verbs that only look. */
export function earlierRuns(e: Engine): Problem[] {
  const { open, intents } = unfinishedChanges(e.infra);
  if (open.length + intents.length === 0) return [];
  const why = open.map(({ ref }) =>
    e.infra.tf.runs.alive(ref)
      ? `run ${ref.run} is still going: terraform ${ref.verb} of ${ref.root}, process ${ref.pid}`
      : `run ${ref.run} ended unseen: terraform ${ref.verb} of ${ref.root}`,
  );
  return [
    fault('TW2116', {
      value: `${open.length + intents.length}`,
      where: open.map(({ ref }) => ({ cluster: ref.root.replace('cluster:', '') })),
      why: [...why, ...intents.map((k) => `${k}: begun, and nothing more is known`)],
      fix: [{ say: 'Follow or verify it:', command: 'tw resume' }],
    }).problem,
  ];
}

/** Waits for the terraforms that an earlier `tw` left going: their state locks would stop the plan. */
export async function settle(e: Engine, io: Io, b: Board, now: () => number): Promise<void> {
  const { open, intents } = unfinished(e.infra);
  if (open.length + intents.length === 0) return;
  const runs = [...new Set(open.map((o) => o.ref.run))].join(', ');
  const going = open.some((o) => e.infra.tf.runs.alive(o.ref));
  b.set(['earlier'], {
    tone: 'busy',
    label: `earlier run ${runs} ${going ? 'is still going' : 'ended, verifying by a new plan'}`,
  });
  let fold: InfraFold = new Map();
  for await (const event of infraSettle(e.infra, { stop: io.signal, detach: io.detach })) {
    fold = foldInfra(fold, event);
    mirror(b, ['earlier'], infraView(fold, now()).rows);
  }
  b.set(['earlier'], { tone: 'ok' });
}
