import { LETTERS, markOf, NAMES, SNAPSHOT, type Voter } from './layout.ts';
import { redisOf } from './redis.ts';
import { restoredIn } from './store.ts';
import type { State } from './world.ts';

const nameOf = (v: Voter): string => NAMES[v] as string;

/** I1-I5 of the design page, and I7 (a restore is whole: nothing of before comes back); the first that does not hold. */
export function broken(s: State): string | undefined {
  for (let v = 0; v < s.redises.length; v++) {
    const law = fenceLaw(s, v) ?? primaryLaw(s, v) ?? streamLaw(s, v);
    if (law !== undefined) return law;
  }
  return undefined;
}

function fenceLaw(s: State, v: Voter): string | undefined {
  const r = redisOf(s, v);
  const me = nameOf(v);
  const promised = s.store.fences[me]?.ballot ?? 0;
  if (r.role === 0 || r.epoch >= promised) return undefined;
  return `I2 Redis ${v} reported its fence for ${promised} and ${r.role === 1 ? 'follows in' : 'is primary of'} ${r.epoch}`;
}
function primaryLaw(s: State, v: Voter): string | undefined {
  const r = redisOf(s, v);
  if (r.role < 2) return undefined;
  for (let u = 0; u < v; u++) {
    const o = redisOf(s, u);
    if (o.role >= 2 && o.epoch === r.epoch) return `I1 two primaries of epoch ${r.epoch}: ${u} and ${v}`;
  }
  const chosen = s.store.versions.some(
    ({ epoch: e }) => e?.epoch === r.epoch && e.primary === nameOf(v) && e.from.run === `r${r.run}`,
  );
  if (!chosen) return `I5 Redis ${v} is primary of ${r.epoch}, another process was chosen`;
  return dataLaw(s, v);
}

function dataLaw(s: State, v: Voter): string | undefined {
  const r = redisOf(s, v);
  const since = restoredIn(s.store, r.epoch);
  // Before its marker a primary takes no write.
  if (since > 0 && r.role === 3 && !(r.log.startsWith(SNAPSHOT) && Number(r.log[SNAPSHOT.length]) >= since))
    return `I7 epoch ${since} restored "${SNAPSHOT}"; primary ${v} of epoch ${r.epoch} has ${r.log}`;
  for (const [i, w] of s.writes.entries())
    if (w.is === 'A' && w.epoch < r.epoch && w.epoch >= since && !r.log.includes(LETTERS[i] as string))
      return `I3 write ${LETTERS[i]} was acknowledged in epoch ${w.epoch}; primary ${v} of epoch ${r.epoch} has ${r.log}`;
  return undefined;
}

function streamLaw(s: State, v: Voter): string | undefined {
  const b = redisOf(s, v).log;
  for (let u = 0; u < v; u++) {
    const a = redisOf(s, u).log;
    if (a === '' || b === '' || markOf(a) !== markOf(b) || a.startsWith(b) || b.startsWith(a)) continue;
    return `I4 one epoch, two streams: ${u} has ${a}, ${v} has ${b}`;
  }
  return undefined;
}
