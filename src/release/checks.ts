import { type ClusterName, causes } from '../kernel/index.ts';
import type { Reason, ReleaseRecord } from './model.ts';
import type { ReleasePorts } from './ports.ts';

export interface Check {
  path: string;
  status: number;
}

/** Requests through the preview before a cluster may vote: they warm the gateway up for green as well. */
const WARM = 5;
const ANSWER_MS = 5000;

/** Smoke checks of green in each cluster; once passed they stay passed for this shell. */
export class Checks {
  readonly #ports: ReleasePorts;
  readonly #checks: readonly Check[];
  readonly #passed = new Set<ClusterName>();
  readonly #why = new Map<ClusterName, Reason>();
  readonly #busy = new Set<ClusterName>();
  constructor(ports: ReleasePorts, checks: readonly Check[]) {
    this.#ports = ports;
    this.#checks = checks;
  }

  passed(c: ClusterName): boolean {
    return this.#passed.has(c);
  }
  why(c: ClusterName): Reason | undefined {
    return this.#why.get(c);
  }

  /** Starts the checks of a cluster whose green is healthy; does not wait for them. */
  begin(r: ReleaseRecord, c: ClusterName): void {
    if (this.#passed.has(c) || this.#busy.has(c)) return;
    this.#busy.add(c);
    void this.#run(r, c)
      .then(
        (why) => (why === undefined ? void this.#passed.add(c) : void this.#why.set(c, why)),
        (e: unknown) =>
          void this.#why.set(c, { code: 'TW7010', say: `${c}: ${causes(e)[0] ?? 'no answer'}`, cluster: c }),
      )
      .finally(() => this.#busy.delete(c));
  }

  async #run(r: ReleaseRecord, c: ClusterName): Promise<Reason | undefined> {
    const { switches, prober } = this.#ports;
    await switches.preview(c, r.green);
    const rounds = Array.from({ length: WARM }, () => this.#checks).flat();
    for (const check of rounds) {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const got = await prober.ask(c, check.path, { preview: true, signal });
      if (got.status !== check.status)
        return {
          code: 'TW7010',
          say: `preview ${check.path} on ${c} answers ${got.status}, wanted ${check.status}`,
          cluster: c,
        };
      if (got.version !== undefined && got.version !== r.green)
        return { code: 'TW7010', say: `the preview on ${c} reaches ${got.version}, wanted ${r.green}`, cluster: c };
    }
    return undefined;
  }
}
