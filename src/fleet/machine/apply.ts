import type { AppPlan, Op } from '../model.ts';
import { keyOf } from '../plan/objects.ts';
import { isGated } from '../plan/waves.ts';

/** Where one app in one cluster stands. `left`: waves still to write, lowest first. */
export type State =
  | { at: 'ready'; plan: AppPlan }
  | { at: 'wave'; plan: AppPlan; left: readonly (readonly Op[])[] }
  | { at: 'gate'; plan: AppPlan; left: readonly (readonly Op[])[] }
  | { at: 'pruning'; plan: AppPlan; left: readonly Op[] }
  | { at: 'sealing'; plan: AppPlan }
  | { at: 'sealed' }
  | { at: 'stopped'; wave: number | undefined; why: string };

/** What the shell does next. Deletions appear only after every gate, and only ops of the plan. */
export type Action =
  | { do: 'claim' }
  | { do: 'write'; ops: readonly Op[]; wave: number }
  | { do: 'wait'; ops: readonly Op[]; wave: number }
  | { do: 'delete'; op: Op }
  | { do: 'seal' }
  | { do: 'end' };

export type Outcome = { ok: true } | { ok: false; why: string };

const WRITES: ReadonlySet<Op['kind']> = new Set(['create', 'update', 'adopt', 'move', 'recreate', 'unknown']);

/** Ops that write, for counting and for the decision whether anything happens at all. */
const isWrite = (op: Op): boolean => WRITES.has(op.kind);

/** The waves of a plan, lowest first; unchanged objects take part so that their gate counts. */
function wavesOf(plan: AppPlan): Op[][] {
  const byWave = new Map<number, Op[]>();
  for (const op of plan.ops) if (op.kind !== 'delete') byWave.set(op.wave, [...(byWave.get(op.wave) ?? []), op]);
  return [...byWave.entries()].toSorted(([a], [b]) => a - b).map(([, ops]) => ops);
}

/** Nothing to write, nothing to delete and the inventory says so: no step is taken. */
export function isSettled(plan: AppPlan): boolean {
  const inv = plan.inventory;
  if (plan.ops.some((op) => op.kind !== 'same')) return false;
  if (inv === undefined) return plan.ops.length === 0;
  const keys = Object.keys(inv.items);
  const recorded = plan.ops.every((op) => {
    const item = inv.items[keyOf(op.ref)];
    return item !== undefined && item.uid === op.base?.uid && item.hash === op.hash;
  });
  return inv.sealed && recorded && inv.version === plan.version && keys.length === plan.ops.length;
}

export function start(plan: AppPlan): State {
  const blocked = plan.problems.find((p) => p.code === 'TW3031');
  if (blocked !== undefined) return { at: 'stopped', wave: undefined, why: blocked.code };
  const refused = plan.ops.find((op) => op.refused !== undefined);
  if (refused !== undefined) return { at: 'stopped', wave: refused.wave, why: refused.refused?.code ?? 'refused' };
  return { at: 'ready', plan };
}

const head = (left: readonly (readonly Op[])[]): readonly Op[] => left[0] ?? [];
const waveNumber = (left: readonly (readonly Op[])[]): number => head(left)[0]?.wave ?? 0;
const prune = (op: Op | undefined): Action => (op === undefined ? { do: 'seal' } : { do: 'delete', op });

export function next(s: State): Action {
  switch (s.at) {
    case 'ready':
      return { do: 'claim' };
    case 'wave':
      return { do: 'write', ops: head(s.left).filter(isWrite), wave: waveNumber(s.left) };
    case 'gate':
      return {
        do: 'wait',
        ops: head(s.left).filter((op) => isGated(op.ref.group, op.ref.kind)),
        wave: waveNumber(s.left),
      };
    case 'pruning':
      return prune(s.left[0]);
    case 'sealing':
      return { do: 'seal' };
    case 'sealed':
    case 'stopped':
      return { do: 'end' };
  }
}

function toWaves(plan: AppPlan, left: readonly (readonly Op[])[]): State {
  if (left.length > 0) return { at: 'wave', plan, left };
  const deletes = plan.ops.filter((op) => op.kind === 'delete').toSorted((a, b) => b.wave - a.wave);
  return deletes.length > 0 ? { at: 'pruning', plan, left: deletes } : { at: 'sealing', plan };
}

/** The state after the action `next` asked for came out as `outcome`. */
export function after(s: State, outcome: Outcome): State {
  if (s.at === 'sealed' || s.at === 'stopped') return s;
  if (!outcome.ok)
    return {
      at: 'stopped',
      wave: s.at === 'wave' || s.at === 'gate' ? waveNumber(s.left) : undefined,
      why: outcome.why,
    };
  return forward(s);
}

function forward(s: Exclude<State, { at: 'sealed' | 'stopped' }>): State {
  switch (s.at) {
    case 'ready':
      return toWaves(s.plan, wavesOf(s.plan));
    case 'wave':
      return { at: 'gate', plan: s.plan, left: s.left };
    case 'gate':
      return toWaves(s.plan, s.left.slice(1));
    case 'pruning':
      return s.left.length > 1
        ? { at: 'pruning', plan: s.plan, left: s.left.slice(1) }
        : { at: 'sealing', plan: s.plan };
    case 'sealing':
      return { at: 'sealed' };
  }
}
