import type { Context } from '../commands/index.ts';
import type { ServerDeps } from './ports.ts';

/** An old context is closed when nobody can be at work with it any more. Milliseconds. */
const LINGER_MS = 30_000;

/** The one context that all looks share: its connections stay warm. A new one when the project changed. */
export class LookContexts {
  readonly #deps: Pick<ServerDeps, 'engine' | 'stamp' | 'clock'>;
  #now: { stamp: string; context: Promise<Context> } | undefined;
  readonly #old = new Set<Promise<Context>>();
  constructor(deps: Pick<ServerDeps, 'engine' | 'stamp' | 'clock'>) {
    this.#deps = deps;
  }

  get(): Promise<Context> {
    const stamp = this.#deps.stamp();
    if (this.#now?.stamp === stamp) return this.#now.context;
    this.forget();
    const context = this.#deps.engine({ verb: 'status', args: {} });
    this.#now = { stamp, context };
    return context;
  }

  /** The next look begins anew: a command changed the world, or nothing answers any more. */
  forget(): void {
    const old = this.#now?.context;
    this.#now = undefined;
    if (old === undefined) return;
    this.#old.add(old);
    const timer = setTimeout(() => void this.#close(old), LINGER_MS);
    timer.unref();
  }

  async #close(c: Promise<Context>): Promise<void> {
    if (!this.#old.delete(c)) return;
    await c.then((x) => x.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.forget();
    await Promise.all([...this.#old].map((c) => this.#close(c)));
  }
}
