import type { Effect } from './judge.ts';
import { KINDS, type Kind, type Shape, STAGE } from './layout.ts';

/** Kinds of moves; those of persons come last. */
export const MOVE = {
  claim: 0,
  look: 1,
  round: 2,
  act: 3,
  land: 4,
  ahead: 5,
  end: 6,
  leave: 7,
  blind: 8,
  fail: 9,
  die: 10,
  cut: 11,
  heal: 12,
  lose: 13,
  rollback: 14,
  giveUp: 15,
} as const;
export const isPersons = (move: number): boolean => (move & 31) >= MOVE.rollback;
/** A move in one number: what, which shell, which cluster, detail. */
export const moveOf = (what: number, shell = 0, cluster = 0, detail = 0): number =>
  what | (shell << 5) | (cluster << 8) | (detail << 12);

export const ACTS: readonly Effect['does'][] = ['makeGreen', 'retire', 'brake', 'lift'];
export const landed = (detail: number): { kind: Kind; epoch: number } => ({
  kind: KINDS[detail >> 3] as Kind,
  epoch: detail & 7,
});

/** What follows the stage when all goes well. */
export function aheadOf(s: Shape, stage: number): number {
  if (stage === STAGE.preparing) return 1;
  if (stage === STAGE.aborting) return -1;
  const wave = Math.floor((stage - 1) / 3);
  const step = (stage - 1) % 3;
  if (step === 2) return STAGE.done;
  return step === 1 && wave + 1 < s.waves.length ? stage + 2 : stage + 1;
}
export function endOf(stage: number): number {
  if (stage === STAGE.preparing) return STAGE.rolled;
  return stage === STAGE.aborting ? STAGE.undone : STAGE.aborting;
}
