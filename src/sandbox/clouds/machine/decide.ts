import type { Chaos, CloudError, Input, Op, Outcome, World } from '../model.ts';
import { RULES } from '../rules/index.ts';
import { fail } from '../rules/rule.ts';
import { balance, unbalance } from './balancer.ts';
import { acceptCreate } from './create.ts';
import { acceptDelete } from './delete.ts';
import { type Draft, draftOf } from './draft.ts';
import { drift } from './drift.ts';
import { grow, shrink } from './scale.ts';
import { booted, broken, stepped } from './steps.ts';
import { sweep } from './sweep.ts';
import { tick } from './tick.ts';
import { acceptUpdate } from './update.ts';
import { volume } from './volumes.ts';

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

type Kind = Input['kind'];
type Of<K extends Kind> = Case<Extract<Input, { kind: K }>>;

const HANDLERS: { [K in Kind]: (c: Of<K>) => Answer } = {
  create: (c) => ruled(c.input.type) ?? acceptCreate(c),
  update: (c) => ruled(c.input.type) ?? acceptUpdate(c),
  delete: (c) => ruled(c.input.type) ?? acceptDelete(c),
  tick,
  stop: (c) => stop(c, { which: (op) => op.callerId === c.input.caller, dead: false }),
  gone: (c) => stop(c, { which: (op) => op.id === c.input.op, dead: true }),
  booted,
  stepped,
  broken,
  balance,
  unbalance,
  grow,
  shrink,
  volume,
  sweep,
  drift,
};

function dispatch(c: Case): Answer {
  const handler = HANDLERS[c.input.kind] as (c: Case) => Answer;
  return handler(c);
}

const ruled = (type: string): Answer => (RULES.has(type) ? undefined : { error: noRule(type) });

export function noRule(type: string): CloudError {
  const kin = [...RULES.keys()].filter((t) => t.split('_')[0] === type.split('_')[0]);
  return fail(400, 'TW9011', `The sandbox has no rule for ${type}. It simulates: ${kin.join(', ')}.`);
}

/** The caller stops waiting (`dead`: it is gone and keeps nothing); the cloud does not stop working. */
function stop(c: Case, o: { which: (op: Op) => boolean; dead: boolean }): Answer {
  const waiting = [...c.draft.world.ops.values()].filter((op) => op.phase === 'running' && op.caller === 'waiting');
  for (const op of waiting.filter(o.which)) {
    if (op.ignoreStop && !o.dead) continue;
    c.draft.op({ ...op, caller: 'gone' });
    c.draft.effects.push({ do: 'answer', op: op.id });
    // Nobody will hear of it unless terraform kept the id.
    const lost = op.verb === 'create' && (o.dead || RULES.get(op.type)?.onStop === 'lost');
    const target = c.draft.world.resources.get(op.target);
    if (lost && target) c.draft.put({ ...target, orphan: true });
  }
  return undefined;
}
