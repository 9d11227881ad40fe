import type { ClusterName } from '../../kernel/index.ts';
import { type Action, type Decided, NOT_YET, type Reason } from '../model.ts';
import {
  blueOf,
  brakesOfGivenUp,
  decideOn,
  givenUp,
  lifts,
  onSwitch,
  type Round,
  silence,
  valueOf,
  viewOf,
  wentBack,
} from './common.ts';

function step(x: Round, c: ClusterName): Action[] {
  const v = viewOf(x, c);
  const sw = valueOf(v.sw);
  if (sw !== undefined) return wentBack(x.r, c, sw) ? [] : [onSwitch('back', c, sw, x.r.epoch)];
  const why: Reason = silence(v.sw) ?? { code: 'TW7012', say: `${c} is silent`, cluster: c };
  return v.braked || v.mayBrake.length > 0 || why.code === NOT_YET ? [] : [{ do: 'brake', cluster: c, why }];
}

/** Every member is written back, those that are blue already too: only that stops a delayed flip. Green's health plays no part. */
export function aborting(x: Round): Decided {
  const left = givenUp(x);
  if (left !== undefined) return decideOn(left);
  const open = x.r.members.filter((c) => !wentBack(x.r, c, valueOf(viewOf(x, c).sw)));
  if (open.length === 0) return decideOn({ ...x.r, decision: 'rolledback', since: x.now });
  const why = open.map((c): Reason => {
    const v = viewOf(x, c);
    const say = silence(v.sw)?.say ?? `is written back to ${blueOf(x.r, c)}`;
    return { code: 'TW7031', say: `${c}${v.braked ? ' (braked)' : ''}: ${say}`, cluster: c };
  });
  const actions = [...open.flatMap((c) => step(x, c)), ...liftsOfBlue(x), ...brakesOfGivenUp(x)];
  return { actions: actions.length > 0 ? actions : [{ do: 'wait' }], why };
}

function liftsOfBlue(x: Round): Action[] {
  return lifts(x, (c) => {
    const v = viewOf(x, c);
    return wentBack(x.r, c, valueOf(v.sw)) && valueOf(v.blue)?.healthy === true;
  });
}
