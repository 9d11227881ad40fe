/** Where the primary's log ended, and when that was heard. Bytes; milliseconds of a clock that never jumps. */
export interface Heard {
  at: number;
  offset: number;
}

const KEPT = 400;

/** The newest last; what the log has not moved since stays as it was first heard. */
export function heard(all: readonly Heard[], now: Heard): readonly Heard[] {
  const last = all.at(-1);
  if (last !== undefined && now.offset < last.offset) return [now];
  return last?.offset === now.offset ? all : [...all, now].slice(-KEPT);
}

/** How long ago the primary had what is applied here and no more, ms; 0 = nothing is known to be missing. */
export function lagMs(all: readonly Heard[], applied: number, now: number): number {
  const missing = all.find((h) => h.offset > applied);
  return missing === undefined ? 0 : Math.max(0, now - missing.at);
}
