import type { Chaos, CloudError, Input, Op, Outcome, World } from '../model.ts';
import { RULES } from '../rules/index.ts';
import { fail } from '../rules/rule.ts';
import { balance, unbalance } from './balancer.ts';
import { acceptCreate } from './create.ts';
import { acceptDelete } from './delete.ts';
import { drift } from './drift.ts';
import { type Draft, draftOf } from './draft.ts';
import { booted, broken, stepped } from './steps.ts';
import { tick } from './tick.ts';
import { acceptUpdate } from './update.ts';

export interface Case<I extends Input = Input> {
  draft: Draft;
  input: I;
  chaos: readonly Chaos[];
  now: number;
}

/**
 * One step of the clouds: a request, the clock, or news from the machines, into changes of the world
 * and effects outside. Pure: time, seed and chaos are arguments; the same arguments give the same ids.
 */
export function decide(world: World, input: Input, chaos: readonly Chaos[], now: number): Outcome {
  const draft = draftOf(world);
  const answer = dispatch({ draft, input, chaos, now });
  if (answer?.error) return { changes: [], effects: [], error: answer.error };
  return { changes: draft.changes, effects: draft.effects, ...(answer?.op === undefined ? {} : { op: answer.op }) };
}

export type Answer = { op?: string; error?: CloudError } | undefined;

function dispatch(c: Case): Answer {
  const { input } = c;
  switch (input.kind) {
    case 'create':
      return RULES.has(input.type) ? acceptCreate({ ...c, input }) : { error: noRule(input.type) };
    case 'update':
      return RULES.has(input.type) ? acceptUpdate({ ...c, input }) : { error: noRule(input.type) };
    case 'delete':
      return RULES.has(input.type) ? acceptDelete({ ...c, input }) : { error: noRule(input.type) };
    case 'tick':
      return tick({ ...c, input });
    case 'stop':
      return stop(c, (op) => op.callerId === input.caller);
    case 'gone':
      return stop(c, (op) => op.id === input.op, true);
    case 'booted':
      return booted({ ...c, input });
    case 'stepped':
      return stepped({ ...c, input });
    case 'broken':
      return broken({ ...c, input });
    case 'balance':
      return balance({ ...c, input });
    case 'unbalance':
      return unbalance({ ...c, input });
    case 'drift':
      return drift({ ...c, input });
  }
}

export function noRule(type: string): CloudError {
  const kin = [...RULES.keys()].filter((t) => t.split('_')[0] === type.split('_')[0]);
  return fail(400, 'TW9011', `The sandbox has no rule for ${type}. It simulates: ${kin.join(', ')}.`);
}

/** The caller stops waiting; the cloud does not stop working. */
function stop(c: Case, which: (op: Op) => boolean, dead = false): Answer {
  for (const op of c.draft.world.ops.values()) {
    if (op.phase !== 'running' || op.caller === 'gone' || !which(op) || (op.ignoreStop && !dead)) continue;
    c.draft.op({ ...op, caller: 'gone' });
    c.draft.effects.push({ do: 'answer', op: op.id });
    // Nobody will hear of it unless terraform kept the id.
    const lost = op.verb === 'create' && (dead || RULES.get(op.type)?.onStop === 'lost');
    const target = c.draft.world.resources.get(op.target);
    if (lost && target) c.draft.put({ ...target, orphan: true });
  }
  return undefined;
}
