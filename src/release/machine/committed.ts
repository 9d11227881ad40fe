import type { ClusterName } from '../../kernel/index.ts';
import type { Action, Decided, Reason, ReleaseRecord } from '../model.ts';
import {
  brakesOfGivenUp,
  decideOn,
  due,
  flipped,
  givenUp,
  heldBack,
  lastOf,
  lifts,
  onSwitch,
  type Round,
  reached,
  sayWhy,
  silence,
  unknownYet,
  valueOf,
  viewOf,
} from './common.ts';

const isFlipped = (x: Round, c: ClusterName): boolean => flipped(x.r, valueOf(viewOf(x, c).sw));

/** The first reason to take everything back. */
function alarm(x: Round): Reason | undefined {
  const asked = lastOf(x.r, 'rollback');
  if (asked !== undefined) return { code: 'TW7032', say: `${asked.by}: ${asked.why ?? 'rollback'}` };
  for (const c of reached(x.r).filter((k) => isFlipped(x, k))) {
    const v = viewOf(x, c);
    if (v.verdict.is === 'fail') return v.verdict.why[0] ?? { code: 'TW7030', say: `failed on ${c}`, cluster: c };
    const green = valueOf(v.green);
    if (green !== undefined && green.ready === 0)
      return { code: 'TW7030', say: `no pod of ${x.r.green} is ready on ${c}: ${sayWhy(green.why)}`, cluster: c };
  }
  return undefined;
}

interface Missed {
  actions: Action[];
  end?: Reason;
}

/** One brake at a time: a second silent cluster, or one that may not be braked, ends the release. */
function brakeOf(x: Round, c: ClusterName): Missed {
  const v = viewOf(x, c);
  const why: Reason = silence(v.sw) ?? {
    code: 'TW7020',
    say: `${c} still serves ${x.r.blue[c] ?? 'blue'}`,
    cluster: c,
  };
  if (x.r.terms.onMissed === 'brake' && v.mayBrake.length === 0) return { actions: [{ do: 'brake', cluster: c, why }] };
  const because = v.mayBrake[0]?.say ?? 'a missed flip ends this release';
  const say = `${c} did not switch (${why.say}) and is not braked: ${because}`;
  return { actions: [], end: { code: 'TW7020', say, cluster: c } };
}

/** A cluster that still serves blue after `skewMs` is braked, or ends the release when it may not be. */
function missed(x: Round, late: readonly ClusterName[]): Missed {
  const bare = late.filter((c) => !viewOf(x, c).braked);
  const [first, second] = bare;
  if (first === undefined || x.r.terms.onMissed === 'wait' || !due(x, x.r.since + x.r.terms.skewMs))
    return { actions: [] };
  // One of them may be braked already: what traffic says is waited for.
  if (x.r.terms.onMissed === 'brake' && bare.some((c) => unknownYet(viewOf(x, c)))) return { actions: [] };
  if (second === undefined) return brakeOf(x, first);
  return { actions: [], end: { code: 'TW7020', say: `${bare.join(' and ')} did not switch in time`, cluster: second } };
}

function flipStep(x: Round): Decided {
  const late = reached(x.r).filter((c) => !isFlipped(x, c));
  if (late.length === 0) return decideOn({ ...x.r, step: 'soak', since: x.now });
  const { actions, end } = missed(x, late);
  if (end !== undefined) return aborted(x, end);
  const flips = late.flatMap((c) => {
    const sw = valueOf(viewOf(x, c).sw);
    return sw === undefined ? [] : [onSwitch('flip', c, sw, x.r.epoch)];
  });
  const why = late.map(
    (c): Reason => silence(viewOf(x, c).sw) ?? { code: 'TW7020', say: `${c} has not switched yet`, cluster: c },
  );
  return { actions: [...flips, ...actions], why };
}

/** What keeps the wave from being passed. */
function doubts(x: Round): Reason[] {
  const accepted = x.r.requests.some((q) => q.kind === 'accept' && q.at >= x.r.since);
  return reached(x.r).flatMap((c): Reason[] => {
    const v = viewOf(x, c);
    const silent = silence(v.sw);
    if (silent !== undefined) return [silent];
    if (v.verdict.is === 'pass' || accepted) return [];
    return v.verdict.why.length > 0
      ? [...v.verdict.why]
      : [{ code: 'TW7011', say: `no verdict on ${c} yet`, cluster: c }];
  });
}

function soakStep(x: Round): Decided {
  const soak = x.r.terms.waves[x.r.wave]?.soakMs ?? 0;
  if (!due(x, x.r.since + soak)) return { actions: [{ do: 'wait', until: x.r.since + soak }], why: [] };
  const open = doubts(x);
  if (open.length > 0)
    return { actions: [due(x, x.r.since + 2 * soak) ? { do: 'ask', stage: 'wave' } : { do: 'wait' }], why: open };
  const last = x.r.wave === x.r.terms.waves.length - 1;
  const held = heldBack(x.r, last ? undefined : 'wave');
  if (held !== undefined) return held;
  if (last) return decideOn({ ...x.r, step: 'keep', since: x.now });
  return decideOn({ ...x.r, wave: x.r.wave + 1, step: 'flip', since: x.now });
}

/** Blue is kept for an instant rollback until its time is over or a person promotes: then comes the point of no return. */
function keepStep(x: Round): Decided {
  const end = x.r.since + x.r.terms.keepBlueMs;
  const over = due(x, end) || lastOf(x.r, 'promote') !== undefined;
  if (!over) return { actions: [{ do: 'wait', until: end }], why: [] };
  const open = x.r.members.flatMap((c): Reason[] => {
    const silent = silence(viewOf(x, c).sw);
    if (silent !== undefined) return [silent];
    return isFlipped(x, c) ? [] : [{ code: 'TW7020', say: `${c} does not serve ${x.r.green}`, cluster: c }];
  });
  if (open.length > 0) return { actions: [{ do: 'wait' }], why: open };
  return heldBack(x.r, 'done') ?? finished(x);
}
const finished = (x: Round): Decided => decideOn({ ...x.r, decision: 'done', since: x.now });

const aborted = (x: Round, cause: Reason): Decided => {
  const next: ReleaseRecord = { ...x.r, decision: 'aborting', cause, since: x.now };
  return decideOn(next, [cause]);
};

const STEPS = { flip: flipStep, soak: soakStep, keep: keepStep } as const;

/** Switches move wave by wave; each wave is judged; one alarm takes every cluster back. */
export function committed(x: Round): Decided {
  const cause = alarm(x);
  if (cause !== undefined) return aborted(x, cause);
  const left = givenUp(x);
  if (left !== undefined) return decideOn(left);
  const step = STEPS[x.r.step](x);
  if (step.actions[0]?.do === 'decide') return step;
  const green = (c: ClusterName): boolean => isFlipped(x, c) && valueOf(viewOf(x, c).green)?.healthy === true;
  return { ...step, actions: [...step.actions, ...lifts(x, green), ...brakesOfGivenUp(x)] };
}
