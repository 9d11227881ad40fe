import type { ReleaseRecord } from '../../../src/release/model.ts';
import type { WorldTwin } from '../../../src/release/twin.ts';

export const CLUSTERS = ['mtl', 'sao', 'syd'];
export const GREEN = 'v2';
export const BLUE = 'v1';

const liveOf = (w: WorldTwin, c: string): string | undefined => w.switches.seen(c).state?.live;
const isGreen = (w: WorldTwin, c: string): boolean => liveOf(w, c) === GREEN;

function afterEnd(w: WorldTwin, r: ReleaseRecord): string | undefined {
  const green = r.members.filter((c) => isGreen(w, c));
  if (r.decision === 'rolledback')
    return green.length > 0 ? `I2 ${green.join()} serves green after the rollback` : undefined;
  if (green.length < r.members.length) return `I3 done, and only ${green.join()} serves green`;
  const bare = r.lagging.filter((c) => !w.braked.has(c));
  return bare.length > 0 ? `I3 done, and ${bare.join()} is lagging without a brake` : undefined;
}

const over = (r: ReleaseRecord): boolean => r.decision === 'done' || r.decision === 'rolledback';
function wentBack(r: ReleaseRecord, before: ReleaseRecord | undefined): string | undefined {
  if (before === undefined) return undefined;
  if (before.epoch > r.epoch || before.release !== r.release) return 'I6 the register went back';
  return over(before) && before.decision !== r.decision ? `I6 ${before.decision} became ${r.decision}` : undefined;
}

/** I1-I6 over the world and the register as they are; `before` is the record of the check before this one. */
export function broken(w: WorldTwin, r: ReleaseRecord, before: ReleaseRecord | undefined): string | undefined {
  const early = r.wave < 0 ? CLUSTERS.filter((c) => isGreen(w, c)) : [];
  if (early.length > 0) return `I1 ${early.join()} serves green without commit`;
  const bare = r.decision === 'done' ? [] : CLUSTERS.filter((c) => !w.units.has(`${c} ${BLUE}`));
  if (bare.length > 0) return `I4 blue of ${bare.join()} is gone, and the release is ${r.decision}`;
  return wentBack(r, before) ?? (over(r) ? afterEnd(w, r) : undefined);
}

/** I5, asked when the register takes the commit. */
export function voteless(w: WorldTwin, r: ReleaseRecord): string | undefined {
  const without = r.members.filter((c) => {
    const sw = w.switches.seen(c).state;
    return sw?.vote !== true || sw.epoch !== r.epoch || sw.release !== r.release;
  });
  return without.length > 0 ? `I5 commit without the vote of ${without.join()}` : undefined;
}

/** A cluster of a begun wave that is neither switched nor braked long after the skew allowed. */
export function skewed(w: WorldTwin, r: ReleaseRecord, now: number): string | undefined {
  if (r.decision !== 'committed' || r.step !== 'flip' || now < r.since + r.terms.skewMs + REACT_MS) return undefined;
  const reached = r.terms.waves.slice(0, r.wave + 1).flatMap((x) => x.clusters);
  const late = reached.filter((c) => r.members.includes(c) && !isGreen(w, c) && !w.braked.has(c));
  return late.length > 0 ? `skew: ${late.join()} is late and not braked` : undefined;
}
/** Longest time from the deadline to the brake: a silent answer, a slow write, a round. */
const REACT_MS = 15_000;

/** What must be true once everything is healed and a shell has finished. */
export function unfinished(w: WorldTwin, r: ReleaseRecord): string | undefined {
  const [stays, goes] = r.decision === 'done' ? [GREEN, BLUE] : [BLUE, GREEN];
  if (r.decision !== 'done' && r.decision !== 'rolledback') return `L the release is ${r.decision}`;
  const wrong = r.members.filter((c) => liveOf(w, c) !== stays || !w.units.has(`${c} ${stays}`));
  if (wrong.length > 0) return `L ${wrong.join()} does not serve ${stays}`;
  const left = r.members.filter((c) => w.units.has(`${c} ${goes}`));
  if (left.length > 0) return `L ${goes} still runs on ${left.join()}`;
  const braked = r.members.filter((c) => w.braked.has(c) && (w.units.get(`${c} ${stays}`)?.ready ?? 0) > 0);
  return braked.length > 0 ? `L ${braked.join()} stays braked` : undefined;
}
