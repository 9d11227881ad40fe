import { type Clock, type ClusterName, fault, memoryJournal, memoryStore, type Store } from '../kernel/index.ts';
import { SwitchTwin } from './adapters/switch/twin.ts';
import type { Counters, Reason, VersionId, WorkloadState } from './model.ts';
import type { Brakes, Metrics, Prober, ReleasePorts, Workloads } from './ports.ts';

interface Unit {
  ready: number;
  wanted: number;
  fence: number;
  why: readonly string[];
}

/** One app's clusters in memory: versions come up at once unless told otherwise. */
export class WorldTwin {
  readonly switches: SwitchTwin;
  readonly units = new Map<string, Unit>();
  readonly counters = new Map<string, Counters>();
  readonly braked = new Set<ClusterName>();
  /** Clusters that answer nothing. */
  readonly cut = new Set<ClusterName>();
  /** Versions that never become ready, by `<cluster> <version>`. */
  readonly sick = new Map<string, string>();
  /** Pods of a second version that would find no node. */
  readonly crowded = new Map<ClusterName, number>();
  /** What is not graceful about any version. */
  warnings: readonly string[] = [];
  /** A failover of the app's state goes on. */
  failover = false;
  /** Why nobody may be braked. */
  mayNot: readonly Reason[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock, faults: ConstructorParameters<typeof SwitchTwin>[0] = {}) {
    this.#clock = clock;
    this.switches = new SwitchTwin({
      ...faults,
      faults: (call) => (this.cut.has(call.cluster) ? { is: 'unreachable' } : faults.faults?.(call)),
    });
  }

  /** A cluster that serves `live` with `ready` pods. */
  async stand(c: ClusterName, live: VersionId, ready = 2): Promise<void> {
    this.units.set(`${c} ${live}`, { ready, wanted: ready, fence: 1, why: [] });
    await this.switches.create(c, live);
  }

  #answer(c: ClusterName): void {
    if (this.cut.has(c)) throw fault('TW7012', { value: c, why: ['cut off'], where: [{ cluster: c }] });
  }

  readonly workloads: Workloads = {
    missingRoom: async (c) => {
      this.#answer(c);
      return this.crowded.get(c) ?? 0;
    },
    refuse: async (c) => {
      this.#answer(c);
      return [];
    },
    ungraceful: async () => this.warnings,
    state: async (c, version) => {
      this.#answer(c);
      const u = this.units.get(`${c} ${version}`);
      const none: WorkloadState = {
        exists: false,
        healthy: false,
        ready: 0,
        wanted: 0,
        fence: 0,
        restarts: 0,
        why: [],
      };
      if (u === undefined) return none;
      return {
        ...none,
        exists: true,
        healthy: u.ready >= u.wanted,
        ready: u.ready,
        wanted: u.wanted,
        fence: u.fence,
        why: u.why,
      };
    },
    makeGreen: async (c, version, replicas, fence) => {
      this.#answer(c);
      const key = `${c} ${version}`;
      if ((this.units.get(key)?.fence ?? 0) !== fence) return 'stale';
      const why = this.sick.get(key);
      this.units.set(key, {
        ready: why === undefined ? replicas : 0,
        wanted: Math.max(1, replicas),
        fence: fence + 1,
        why: why === undefined ? [] : [why],
      });
      return 'ok';
    },
    retire: async (c, version, fence) => {
      this.#answer(c);
      const u = this.units.get(`${c} ${version}`);
      if (u !== undefined && u.fence !== fence) return 'stale';
      this.units.delete(`${c} ${version}`);
      return 'ok';
    },
    settle: async (c) => {
      this.#answer(c);
      return 'ok';
    },
  };

  readonly metrics: Metrics = {
    read: async (c, version) => {
      this.#answer(c);
      return this.counters.get(`${c} ${version}`);
    },
  };

  /** `requests` more of one version, `errors` of them failed. */
  serve(c: ClusterName, version: VersionId, requests: number, errors: number): void {
    const old = this.counters.get(`${c} ${version}`);
    const count = (old?.requests ?? 0) + requests;
    this.counters.set(`${c} ${version}`, {
      at: this.#clock.now(),
      requests: count,
      errors: (old?.errors ?? 0) + errors,
      latency: [
        { le: 0.1, count },
        { le: Infinity, count },
      ],
    });
  }

  readonly prober: Prober = {
    ask: async (c) => {
      this.#answer(c);
      return { status: 200, ms: 1 };
    },
  };

  readonly brakes: Brakes = {
    now: async () => [...this.braked],
    may: async (c) =>
      this.braked.size > 0 && !this.braked.has(c) ? [{ code: 'TW4032', say: 'another is held' }] : this.mayNot,
    brake: async (c) => {
      this.braked.add(c);
      return 'ok';
    },
    lift: async (c) => {
      this.braked.delete(c);
    },
  };

  /** Ports of one shell over this world. */
  ports(app: string, store: Store = memoryStore()): ReleasePorts {
    return {
      app,
      clock: this.#clock,
      journal: memoryJournal(this.#clock),
      store,
      switches: this.switches,
      workloads: this.workloads,
      metrics: this.metrics,
      prober: this.prober,
      brakes: this.brakes,
      gates: async () => [],
      failover: async () => this.failover,
    };
  }
}
