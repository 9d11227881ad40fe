// Chance that comes out the same each time: a seeded generator and the draws that simulations need.

/** mulberry32: 32 bits of state, good enough for figures of a few digits. Numbers in [0, 1). */
export function chance(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normal(rnd: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - rnd())) * Math.cos(2 * Math.PI * rnd());
}

/** How many of events that come `mean` times on average (exact up to 30, then by the normal curve). */
export function poisson(rnd: () => number, mean: number): number {
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(rnd)));
  const floor = Math.exp(-mean);
  let n = 0;
  for (let p = rnd(); p > floor; p *= rnd()) n++;
  return n;
}

/** How many of `n` hit, each with the share `p` (exact while fewer than 30 are expected). */
export function binomial(rnd: () => number, n: number, p: number): number {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(rnd, n, 1 - p);
  const variance = n * p * (1 - p);
  if (n * p > 30) return Math.min(n, Math.max(0, Math.round(n * p + Math.sqrt(variance) * normal(rnd))));
  // Inversion: up the distribution until the drawn share is reached.
  const odds = p / (1 - p);
  let [k, term, left] = [0, (1 - p) ** n, rnd()];
  while (left > term && k < n) {
    left -= term;
    term *= (odds * (n - k)) / (k + 1);
    k += 1;
  }
  return k;
}
