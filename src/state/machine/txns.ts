import { type ClusterName, toJson } from '../../kernel/index.ts';
import type { Command, EpochValue, FenceReport, Guard, Opinion, Put, StoreView, TxnKind, ValidRun } from '../model.ts';
import { BALLOT, EPOCH, fenceKey, HOLD, opinionKey, runKey } from './keys.ts';

const ballotGuard = (v: StoreView): Guard => ({ key: BALLOT, revision: v.ballot?.n ?? 0 });
const epochGuard = (v: StoreView): Guard => ({ key: EPOCH, revision: v.epoch?.revision ?? 0 });
const runGuard = (v: StoreView, c: ClusterName): Guard => ({ key: runKey(c), revision: v.runs[c]?.revision ?? 0 });
const txn = (why: TxnKind, guards: readonly Guard[], put: Put): Command => ({
  do: 'txn',
  why,
  txn: { if: guards, put: [put] },
});

type Wish = { why: string; prefer?: ClusterName | undefined; voters?: readonly ClusterName[] };
export const openTxn = (v: StoreView, by: ClusterName, x: Wish): Command =>
  txn('ballot', [ballotGuard(v), epochGuard(v)], { key: BALLOT, value: toJson({ by, ...x }) });

export const reportTxn = (v: StoreView, me: ClusterName, report: FenceReport): Command =>
  txn('report', [ballotGuard(v)], { key: fenceKey(me), value: toJson(report) });

/**
 * Both guards: two choosers of one ballot saw different epochs, and only one of them was the last. Whoever holds writes
 * back for a planned move hears of its end with the new epoch.
 */
export const decideTxn = (v: StoreView, value: EpochValue): Extract<Command, { do: 'txn' }> => ({
  do: 'txn',
  why: 'decide',
  txn: { if: [ballotGuard(v), epochGuard(v)], put: [{ key: EPOCH, value: toJson(value) }], remove: [HOLD] },
});

/** The process is caught up in this epoch. */
export const runTxn = (v: StoreView, me: ClusterName, value: ValidRun): Command =>
  txn('run', [ballotGuard(v), epochGuard(v), runGuard(v, me)], { key: runKey(me), value: toJson(value) });

/** Rewrites the agent's own key, so that nothing a dead agent sent can land after it. */
export const claimTxn = (v: StoreView, me: ClusterName, value: ValidRun): Command =>
  txn('claim', [runGuard(v, me)], { key: runKey(me), value: toJson(value) });

export const sealTxn = (v: StoreView, me: ClusterName, value: ValidRun): Command =>
  txn('seal', [ballotGuard(v), runGuard(v, me)], { key: runKey(me), value: toJson(value) });

export const opinionTxn = (me: ClusterName, value: Opinion): Command =>
  txn('opinion', [], { key: opinionKey(me), value: toJson(value), leased: true });
