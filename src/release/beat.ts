import type { Clock, Store } from '../kernel/index.ts';
import type { ReleasePorts } from './ports.ts';
import { beatKey } from './register.ts';

const EVERY_MS = 5000;
const DEAD_MS = 15_000;
const POLL_MS = 500;

/** A counter beside the record that a living shell moves: safety never depends on it, it avoids duels. */
export class Beat {
  readonly #ports: ReleasePorts;
  readonly #epoch: number;
  #last = Number.NEGATIVE_INFINITY;
  constructor(ports: ReleasePorts, epoch: number) {
    this.#ports = ports;
    this.#epoch = epoch;
  }

  async tick(): Promise<void> {
    const now = this.#ports.clock.monotonic();
    if (now - this.#last < EVERY_MS) return;
    this.#last = now;
    await this.#write(true);
  }

  /** Says that nobody drives any more, so that the next one need not wait. */
  stop(): void {
    void this.#write(false);
  }

  async #write(alive: boolean): Promise<void> {
    const key = beatKey(this.#ports.app);
    try {
      const { revision } = await this.#ports.store.get(key);
      await this.#ports.store.cas(key, revision, { epoch: this.#epoch, alive });
    } catch {
      // The register's own fault is told where it is read for decisions.
    }
  }
}

/** Whether a shell drives the app's release: its counter moves within 15 s by this clock. */
export async function isDriven(store: Store, app: string, clock: Clock): Promise<boolean> {
  const first = await store.get(beatKey(app));
  if (first.value === undefined || (first.value as { alive?: boolean }).alive !== true) return false;
  const until = clock.monotonic() + DEAD_MS;
  while (clock.monotonic() < until) {
    await clock.sleep(POLL_MS);
    if ((await store.get(beatKey(app))).revision !== first.revision) return true;
  }
  return false;
}
