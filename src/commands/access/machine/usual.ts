import type { AuditRecord } from '../model.ts';

/** Runs of before that count. */
const LAST = 9;

const verbOf = (r: AuditRecord): unknown => (r.data as { verb?: unknown } | null)?.verb;

/** How long a verb takes: the median of its last runs that ended well. Undefined: there was none. Milliseconds. */
export function usualMs(records: readonly AuditRecord[], verb: string): number | undefined {
  const began = new Map<string, number>();
  const took: number[] = [];
  for (const r of records) {
    if (verbOf(r) !== verb) continue;
    if (r.what === 'started') began.set(r.command, r.at);
    const at = began.get(r.command);
    if (r.what === 'ended' && at !== undefined && (r.data as { exit?: number }).exit === 0) took.push(r.at - at);
  }
  const sorted = took.slice(-LAST).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

interface Before {
  verb: string;
  state: 'waits' | 'runs';
  /** Since when it runs or waits. Unix milliseconds. */
  since: number;
}

/** How long it is until all of these are through. Undefined: of one of them nobody knows. */
export function waitMs(records: readonly AuditRecord[], before: readonly Before[], now: number): number | undefined {
  let sum = 0;
  for (const p of before) {
    const usual = usualMs(records, p.verb);
    if (usual === undefined) return undefined;
    sum += p.state === 'runs' ? Math.max(0, usual - (now - p.since)) : usual;
  }
  return sum;
}
