import type { Decided, Observations, Reason, ReleaseRecord } from '../model.ts';
import { aborting } from './aborting.ts';
import { committed } from './committed.ts';
import { type Round, valueOf } from './common.ts';
import { ended } from './ended.ts';
import { preparing } from './preparing.ts';

const BY_DECISION = { preparing, committed, aborting, done: ended, rolledback: ended } as const;

/** A newer claim, in the register or on a switch: this shell must not write any more. */
function newer(record: ReleaseRecord, seen: Observations): Reason | undefined {
  const held = seen.register;
  if (held !== undefined && (held.release !== record.release || held.epoch > record.epoch))
    return {
      code: 'TW7041',
      say: `${held.release} is at epoch ${held.epoch}, this process at ${record.epoch} of ${record.release}`,
    };
  for (const [cluster, v] of Object.entries(seen.clusters)) {
    const sw = valueOf(v.sw);
    if (sw !== undefined && sw.epoch > record.epoch)
      return {
        code: 'TW7041',
        say: `the switch of ${cluster} is at epoch ${sw.epoch}, this process at ${record.epoch}`,
        cluster,
      };
  }
  return undefined;
}

/**
 * The one decision function of a release: what to do now, from the record this shell claimed and what it
 * sees. Pure; `now` is read for deadlines and the age of evidence alone. A `decide` action stands alone:
 * nothing is written to a switch before the register has taken the decision it follows from.
 */
export function decide(record: ReleaseRecord, seen: Observations, now: number): Decided {
  const stale = newer(record, seen);
  if (stale !== undefined) return { actions: [{ do: 'stepDown', why: stale }], why: [stale] };
  if (seen.register === undefined)
    return {
      actions: [{ do: 'wait' }],
      why: [{ code: 'TW7040', say: 'the register cannot be read: nothing is decided' }],
    };
  const x: Round = { r: seen.register, seen, now };
  return BY_DECISION[x.r.decision](x);
}
