import type { StateFacts } from '../commands/index.ts';

/** How far the copies of one app were behind home at one moment; null: the cluster did not say. */
interface Sample {
  /** Unix milliseconds. */
  at: number;
  ms: Readonly<Record<string, number | null>>;
}
/** By app, oldest first. */
export type Lags = Readonly<Record<string, readonly Sample[]>>;

/** A point of the chart. Milliseconds. */
const STEP_MS = 5000;
const MOST = 180;

/** The series with one more look; two looks within a step are one point. */
export function withLook(old: Lags, apps: readonly StateFacts[], at: number): Lags {
  const series = apps.map((f) => {
    const before = old[f.app] ?? [];
    const last = before.at(-1);
    if (last !== undefined && at - last.at < STEP_MS) return [f.app, before] as const;
    const copies = f.clusters.filter((c) => c.role !== 'home' && c.role !== 'gateway');
    const ms = Object.fromEntries(copies.map((c) => [c.name, c.lagMs ?? null]));
    return [f.app, [...before, { at, ms }].slice(-MOST)] as const;
  });
  return Object.fromEntries(series);
}
