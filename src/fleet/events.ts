import type { Problem } from '../kernel/index.ts';
import type { Health, Ref } from './model.ts';

export type ApplyStep = 'unchanged' | 'claimed' | 'wave' | 'gate' | 'pruning' | 'sealed' | 'stopped' | 'lagging';
export type ObjectStep = 'created' | 'updated' | 'adopted' | 'moved' | 'recreated' | 'deleted' | 'kept';

/** What apply reports while it works; JSON-safe. */
export type FleetEvent =
  | { type: 'identity'; cluster: string; uid: string }
  | { type: 'step'; cluster: string; app: string; step: ApplyStep; wave?: number; problem?: Problem }
  | { type: 'object'; cluster: string; app: string; ref: Ref; did: ObjectStep; note?: string }
  | { type: 'waiting'; cluster: string; app: string; wave: number; on: { ref: Ref; health: Health }[]; ms: number }
  | { type: 'throttled'; cluster: string; ms: number; why: string }
  | { type: 'end'; applied: number; failed: { cluster: string; app?: string; problem: Problem }[] };
