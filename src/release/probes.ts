import type { ClusterName } from '../kernel/index.ts';
import type { ReleasePorts } from './ports.ts';

const ANSWER_MS = 5000;

/** A thin stream of requests as users send them, to each cluster's own edge: a quiet app can be judged too. */
export class Probes {
  readonly #ports: ReleasePorts;
  readonly #path: string;
  readonly #everyMs: number | undefined;
  readonly #running = new Map<ClusterName, AbortController>();
  constructor(ports: ReleasePorts, o: { perSecond: number; path: string }) {
    this.#ports = ports;
    this.#path = o.path;
    this.#everyMs = o.perSecond > 0 ? 1000 / o.perSecond : undefined;
  }

  /** Starts the streams that do not run yet. */
  on(clusters: readonly ClusterName[]): void {
    if (this.#everyMs === undefined) return;
    for (const c of clusters) {
      if (this.#running.has(c)) continue;
      const stop = new AbortController();
      this.#running.set(c, stop);
      void this.#stream(c, this.#everyMs, stop.signal);
    }
  }

  off(): void {
    for (const stop of this.#running.values()) stop.abort();
    this.#running.clear();
  }

  /** One at a time: a slow cluster gets fewer, never more at once. The answer counts at the gateway. */
  async #stream(c: ClusterName, everyMs: number, stopped: AbortSignal): Promise<void> {
    const { clock, prober } = this.#ports;
    while (!stopped.aborted) {
      const signal = AbortSignal.any([stopped, AbortSignal.timeout(ANSWER_MS)]);
      await prober.ask(c, this.#path, { preview: false, signal }).catch(() => undefined);
      await clock.sleep(everyMs, stopped).catch(() => undefined);
    }
  }
}
