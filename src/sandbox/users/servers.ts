/** A server that did not answer is asked last for this long. */
const PENALTY_MS = 30_000;

interface Known {
  /** Smoothed round trip, ms. */
  rtt: number;
  deadUntil: number;
}

/**
 * What a resolver remembers of nameservers: it asks the fastest, tries unknown ones first, and leaves silent ones for
 * last (as BIND and Unbound do). Pure but for its own table.
 */
export class ServerTable {
  readonly #known = new Map<string, Known>();

  answered(ip: string, ms: number): void {
    const old = this.#known.get(ip);
    this.#known.set(ip, { rtt: old === undefined ? ms : old.rtt * 0.7 + ms * 0.3, deadUntil: 0 });
  }

  silent(ip: string, now: number): void {
    const old = this.#known.get(ip);
    this.#known.set(ip, { rtt: old?.rtt ?? 0, deadUntil: now + PENALTY_MS });
  }

  /** Order in which to ask; equal ones keep the order given. */
  order(ips: readonly string[], now: number): string[] {
    const weight = (ip: string): number => {
      const k = this.#known.get(ip);
      return k === undefined ? 0 : k.rtt + (k.deadUntil > now ? 1e6 : 0);
    };
    return [...ips].sort((a, b) => weight(a) - weight(b));
  }
}
