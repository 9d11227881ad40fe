import { type Measured, measuredNow } from '../../commands/index.ts';
import { type Clock, within } from '../../kernel/index.ts';
import type { LookContexts } from '../contexts.ts';
import { ofVerb } from '../topics.ts';
import type { Sample } from './definitions.ts';
import { measuredSamples, type StatusData, statusSamples } from './view.ts';

/** How often the clusters are looked at for metrics. Milliseconds. */
const EVERY_MS = 15_000;
/** Older than this a look says nothing about now. Milliseconds. */
const STALE_MS = 60_000;
/** A look that hangs is not waited for longer. Milliseconds. */
const LOOK_MS = 30_000;
/** Nobody scraped for so long: the looks end. Milliseconds. */
const QUIET_MS = 300_000;

export interface LooksDeps {
  clock: Clock;
  status(): Promise<StatusData>;
  measured(): Promise<Measured>;
  stopping: AbortSignal;
}

/**
 * Looks at the fleet while somebody scrapes. A scrape waits for no look: it reads the last ones and keeps the next ones
 * coming.
 */
export class Looks {
  readonly #deps: LooksDeps;
  readonly #last = new Map<string, { at: number; samples: readonly Sample[] }>();
  /** Cluster to the time it answered last. Unix milliseconds. */
  readonly #seen = new Map<string, number>();
  #scrapedAt = 0;
  #going = false;

  constructor(deps: LooksDeps) {
    this.#deps = deps;
  }

  /** Somebody scrapes: the looks begin, or go on. */
  scraped(): void {
    this.#scrapedAt = this.#deps.clock.monotonic();
    if (this.#going) return;
    this.#going = true;
    const ends = [this.#again(() => this.#status()), this.#again(() => this.#measured())];
    void Promise.all(ends).then(() => (this.#going = false));
  }

  /** What was last seen; what is too old is left out, but for when a cluster answered last. */
  samples(): Sample[] {
    const since = this.#deps.clock.now() - STALE_MS;
    const fresh = [...this.#last.values()].filter((l) => l.at >= since);
    const seen = [...this.#seen].map(
      ([cluster, at]): Sample => ({
        name: 'cluster_last_seen_timestamp_seconds',
        labels: { cluster },
        value: at / 1000,
      }),
    );
    return [...fresh.flatMap((l) => l.samples), ...seen];
  }

  /** One after the other until nobody scrapes any more; one that fails is tried again in its turn. */
  async #again(look: () => Promise<void>): Promise<void> {
    const { clock, stopping } = this.#deps;
    while (!stopping.aborted && clock.monotonic() - this.#scrapedAt < QUIET_MS) {
      await within(clock, LOOK_MS, look(), () => undefined).catch(() => undefined);
      await clock.sleep(EVERY_MS, stopping).catch(() => undefined);
    }
  }

  async #status(): Promise<void> {
    const data = await this.#deps.status();
    const at = this.#deps.clock.now();
    for (const c of data.clusters) if (c.reachable) this.#seen.set(c.name, at);
    this.#last.set('status', { at, samples: statusSamples(data) });
  }

  async #measured(): Promise<void> {
    const data = await this.#deps.measured();
    this.#last.set('measured', { at: this.#deps.clock.now(), samples: measuredSamples(data) });
  }
}

export function looksOf(contexts: LookContexts, o: { clock: Clock; stopping: AbortSignal }): Looks {
  const status = ofVerb(contexts, 'status');
  return new Looks({
    ...o,
    status: async () => (await status()) as unknown as StatusData,
    measured: async () => await measuredNow(await contexts.get()),
  });
}
