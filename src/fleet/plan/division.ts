export interface Member {
  name: string;
  weight: number;
  min?: number;
  max?: number;
  /** Replicas it has now, when known. */
  current?: number;
}
export type Divided = { ok: true; counts: Record<string, number> } | { ok: false; why: string };

interface Bounded {
  name: string;
  weight: number;
  min: number;
  max: number;
  current: number;
}

const clamp = (v: number, m: Bounded): number => Math.min(m.max, Math.max(m.min, v));
const sum = (ms: readonly Bounded[], f: (m: Bounded) => number): number => ms.reduce((s, m) => s + f(m), 0);

/** The level λ with Σ clamp(λ·weight, min, max) = total; the sum is monotone in λ. */
function level(ms: readonly Bounded[], total: number): number {
  let low = 0;
  let high = 1;
  while (sum(ms, (m) => clamp(high * m.weight, m)) < total && high < 1e12) high *= 2;
  for (let i = 0; i < 100; i++) {
    const mid = (low + high) / 2;
    if (sum(ms, (m) => clamp(mid * m.weight, m)) < total) low = mid;
    else high = mid;
  }
  return high;
}

/** Floors the shares at level λ, then hands out what is left by largest fraction, current, name. */
function hand(ms: readonly Bounded[], total: number): Map<string, number> {
  const at = level(ms, total);
  const shares = ms.map((m) => ({ m, share: clamp(at * m.weight, m) }));
  const counts = new Map(shares.map(({ m, share }) => [m.name, Math.max(m.min, Math.floor(share + 1e-9))]));
  const order = shares
    .map(({ m, share }) => ({ m, rest: share - Math.floor(share + 1e-9) }))
    .toSorted(
      (a, b) =>
        (Math.abs(a.rest - b.rest) < 1e-9 ? 0 : b.rest - a.rest) ||
        b.m.current - a.m.current ||
        (a.m.name < b.m.name ? -1 : 1),
    );
  for (let left = total - [...counts.values()].reduce((s, n) => s + n, 0); left > 0; ) {
    const open = order.map(({ m }) => m).filter((m) => (counts.get(m.name) ?? 0) < m.max);
    if (open.length === 0) break;
    for (const m of open.slice(0, left)) counts.set(m.name, (counts.get(m.name) ?? 0) + 1);
    left -= Math.min(left, open.length);
  }
  return counts;
}

/** Growing never lowers a cluster and shrinking never raises one: bounds tightened by what is there. */
function tighten(ms: readonly Bounded[], total: number): Bounded[] {
  const now = sum(ms, (m) => m.current);
  return ms.map((m) => {
    const current = Math.min(m.max, Math.max(m.min, m.current));
    return now <= total ? { ...m, min: current } : { ...m, max: current };
  });
}

/**
 * Divides `total` replicas: proportional to weight within min and max, largest remainder, ties by
 * larger current, then name. `sticky`: weights, bounds and members are as before, so nothing moves
 * that need not. Vector: 9 over A(w1, 4..6), B(w2, 4..8) → 4, 5.
 */
export function divide(total: number, members: readonly Member[], sticky = false): Divided {
  const ms: Bounded[] = members.map((m) => ({
    name: m.name,
    weight: m.weight,
    min: m.min ?? 0,
    max: m.max ?? Number.MAX_SAFE_INTEGER,
    current: m.current ?? 0,
  }));
  const wrong = ms.find((m) => m.min > m.max);
  if (wrong !== undefined) return { ok: false, why: `${wrong.name}: min ${wrong.min} is above max ${wrong.max}` };
  const low = sum(ms, (m) => m.min);
  if (low > total) return { ok: false, why: `the minimums add up to ${low}, the total is ${total}` };
  const room = ms.filter((m) => m.weight > 0 || m.min > 0);
  const high = room.reduce((s, m) => s + (m.weight > 0 ? m.max : m.min), 0);
  if (high < total) return { ok: false, why: `the maximums add up to ${high}, the total is ${total}` };
  const bounded = ms.map((m) => (m.weight > 0 ? m : { ...m, max: m.min }));
  const tight = sticky ? tighten(bounded, total) : bounded;
  const fits = sum(tight, (m) => m.min) <= total && sum(tight, (m) => m.max) >= total;
  return { ok: true, counts: Object.fromEntries(hand(fits ? tight : bounded, total)) };
}
