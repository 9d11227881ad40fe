// Tradewind in simulated time: the shell of a release, the state machine and the switch drivers as they are, over API
// servers in memory behind the lines of the clusters. Workloads, brakes and metrics are stand-ins.
import type { ReleaseConfig } from '../../src/config/index.ts';
import { KubeTwin } from '../../src/fleet/adapters/kube-twin.ts';
import type { KubeApi, KubeObject } from '../../src/fleet/index.ts';
import { type Journal, memoryJournal, memoryStore, type Store } from '../../src/kernel/index.ts';
import { httpRouteSwitch } from '../../src/release/adapters/switch/httproute.ts';
import { serviceSwitch } from '../../src/release/adapters/switch/service.ts';
import { noEvidence } from '../../src/release/evidence.ts';
import {
  ask,
  type Brakes,
  drive,
  planRelease,
  type ReleasePorts,
  type ReleaseRecord,
  type RoundSeen,
  registerOf,
  type Switch,
  takeover,
  type Workloads,
} from '../../src/release/index.ts';
import { claim } from '../../src/release/register.ts';
import { Life, portsOf } from '../../test/sim/release-shell/life.ts';
import type { SimClock } from '../../test/sim/release-shell/time.ts';
import { TERMS } from '../planes/counts.ts';
import { type Make, PREPARE_MS, RESUME_MS, type Run, type Sim, type SimCluster, type Stage } from './world.ts';

type Driver = 'httproute' | 'service';
const [APP, NS] = ['shop', 'shop'];
const CALLS = new Set(['get', 'list', 'create', 'apply', 'remove', 'patch']);

/** The API server of a cluster behind its line; tells every object that a write left. */
const behind = (twin: KubeTwin, c: SimCluster, wrote: (o: unknown) => void): KubeApi =>
  new Proxy<KubeApi>(twin, {
    get: (t, key) => {
      const value: unknown = Reflect.get(t, key);
      if (typeof value !== 'function') return value;
      const call = (...args: unknown[]): unknown => Reflect.apply(value, t, args) as unknown;
      if (!CALLS.has(String(key))) return call;
      return (...args: unknown[]) =>
        c.call(async () => {
          const out = await call(...args);
          if (key === 'patch') wrote(out);
          return out;
        });
    },
  });

function workloadsOf(at: (c: string) => SimCluster): Workloads {
  const fenced = (c: SimCluster, version: string, fence: number): boolean =>
    (c.pods.get(version)?.fence ?? 0) === fence;
  return {
    refuse: async () => [],
    ungraceful: async () => [],
    missingRoom: async () => 0,
    state: (name, version) =>
      at(name).call(() => {
        const c = at(name);
        const pods = c.pods.get(version);
        const ready = c.ready(version) ? 2 : 0;
        const counts = { ready, wanted: pods === undefined ? 0 : 2, fence: pods?.fence ?? 0, restarts: 0 };
        return {
          exists: pods !== undefined,
          complete: true,
          healthy: ready > 0,
          ...counts,
          why: ready > 0 ? [] : ['not ready'],
        };
      }),
    makeGreen: (name, version, _, fence) =>
      at(name).call(() => {
        if (!fenced(at(name), version, fence)) return 'stale';
        at(name).start(version);
        return 'ok';
      }),
    retire: (name, version, fence) =>
      at(name).call(() => {
        if (!fenced(at(name), version, fence)) return 'stale';
        at(name).pods.delete(version);
        return 'ok';
      }),
    settle: async () => 'ok',
  };
}

/** Traffic answers at once; one cluster may be held, as the rule of the product has it, and never the last one. */
function brakesOf(clusters: readonly SimCluster[], at: (c: string) => SimCluster): Brakes {
  return {
    now: async () => clusters.filter((c) => c.braked).map((c) => c.name),
    may: async (c) =>
      clusters.some((o) => o.braked && o.name !== c) ? [{ code: 'TW4032', say: 'another is held' }] : [],
    brake: async (c) => {
      at(c).braked = true;
      return 'ok';
    },
    lift: async (c) => {
      at(c).braked = false;
    },
  };
}

function switchOf(driver: Driver, api: (c: string) => KubeApi): Switch {
  const shape = { app: APP, namespace: NS, service: APP, port: 80, api, lagMs: 0 };
  const plain: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: APP, namespace: NS },
    spec: { selector: { app: APP }, ports: [{ port: 80 }] },
  };
  if (driver === 'service') return serviceSwitch({ ...shape, acceptLoss: false, rendered: async () => plain });
  const gateway = { namespace: NS, name: 'gateway' };
  return httpRouteSwitch({ ...shape, host: 'shop.example', gateway, secret: () => 'x' });
}

const STAGES: Readonly<Record<string, Stage>> = { aborting: 'back', done: 'end', rolledback: 'end' };
function stageOf(r: RoundSeen): Stage {
  const { decision, step } = r.record;
  if (decision === 'committed') return step === 'flip' ? 'flip' : step === 'soak' ? 'soak' : 'end';
  if (decision !== 'preparing') return STAGES[decision] ?? 'end';
  const voted = Object.values(r.seen.clusters).every((c) => 'value' in c.sw && c.sw.value.vote);
  return voted && Object.keys(r.seen.clusters).length > 0 ? 'prepared' : 'start';
}

class Tradewind implements Sim {
  readonly #clusters: readonly SimCluster[];
  readonly #clock: SimClock;
  readonly #ports: ReleasePorts;
  readonly #twins: ReadonlyMap<string, KubeTwin>;
  readonly #driver: Driver;
  readonly #store: Store = memoryStore();
  readonly #journal: Journal;
  readonly #live = new Map<string, string>();
  #life: Life | undefined;
  #run: Run | undefined;
  #told: (s: Stage) => void = () => undefined;
  #strike: (n: number) => void = () => undefined;
  #steps = 0;

  constructor(driver: Driver, clusters: readonly SimCluster[], clock: SimClock) {
    this.#driver = driver;
    this.#clusters = clusters;
    this.#clock = clock;
    const all = new Map(clusters.map((c) => [c.name, c]));
    const at = (c: string): SimCluster => all.get(c) as SimCluster;
    const twins = new Map(clusters.map((c) => [c.name, new KubeTwin(c.name, { clock })]));
    this.#twins = twins;
    const live = (c: string, o: unknown): void => {
      const { metadata } = o as KubeObject;
      const version = metadata.annotations?.['tradewind.dev/live'];
      if (metadata.name === APP && version !== undefined) this.#live.set(c, version);
    };
    const apis = new Map(
      clusters.map((c) => [c.name, behind(twins.get(c.name) as KubeTwin, c, (o) => live(c.name, o))]),
    );
    const journal = memoryJournal(clock);
    // every entry of the journal is a place where the process may die
    const told: Journal = {
      ...journal,
      append: (e) => {
        const out = journal.append(e);
        this.#step();
        return out;
      },
    };
    this.#journal = told;
    this.#ports = {
      app: APP,
      clock,
      journal: told,
      store: this.#store,
      switches: switchOf(driver, (c) => apis.get(c) as KubeApi),
      workloads: workloadsOf(at),
      metrics: { read: async () => undefined },
      prober: { ask: async () => ({ status: 200, ms: 1 }) },
      brakes: brakesOf(clusters, at),
      gates: async () => [],
      failover: async () => false,
    };
  }

  async stand(): Promise<void> {
    const ns = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } };
    for (const c of this.#clusters) {
      const twin = this.#twins.get(c.name) as KubeTwin;
      twin.put(ns, 'bench');
      await switchOf(this.#driver, () => twin).create(c.name, 'v1');
    }
  }

  live(c: SimCluster): string {
    return this.#live.get(c.name) ?? 'v1';
  }

  onStep(strike: (n: number) => void): void {
    this.#strike = strike;
  }
  #step(): void {
    this.#strike(++this.#steps);
  }

  #register() {
    return registerOf(APP, this.#store, this.#journal);
  }

  release(run: Run, told: (s: Stage) => void): void {
    const config: ReleaseConfig = {
      ...TERMS,
      lastSoak: run.soakMs,
      prepare: { ...TERMS.prepare, timeout: PREPARE_MS },
    };
    const clusters = this.#clusters.map((c) => ({ name: c.name, live: 'v1', refused: [] }));
    const plan = planRelease({ app: APP, green: run.version, config, clusters });
    const first = this.#run === undefined;
    if (first) [this.#run, this.#told] = [run, told];
    claim(this.#register(), { plan, by: 'an operator', seenEpoch: 0, clock: this.#clock }).then(
      (mine) => void this.#drive(mine),
      () => this.#say(run, 'refused'),
    );
  }

  async #drive(mine: ReleaseRecord): Promise<void> {
    const life = new Life(this.#clock, undefined);
    this.#life = life;
    const ports = portsOf(this.#ports, this.#store, life);
    const show = (r: RoundSeen): void => this.#told(stageOf(r));
    const signal = new AbortController().signal;
    const evidence = noEvidence('pass');
    const x = { checks: [], evidence, signal, show, ask: () => undefined, leaveAt: 'decision' } as const;
    const end = await drive(ports, mine, x).catch(() => undefined);
    const run = this.#run;
    if (end === undefined || run === undefined || life.dead) return;
    this.#say(run, end.record.decision === 'rolledback' ? 'failed' : 'done');
  }
  #say(run: Run, said: Run['said']): void {
    [run.said, run.saidAt] = [said, this.#clock.now()];
  }

  kill(): void {
    this.#life?.kill();
    void this.#clock.sleep(RESUME_MS).then(() => this.#takeover());
  }
  async #takeover(): Promise<void> {
    const held = await this.#register().read();
    // The process died before it had claimed anything: its operator starts again.
    if (held.record === undefined) return this.#run === undefined ? undefined : this.release(this.#run, this.#told);
    await this.#drive(await takeover(this.#register(), APP, { clock: this.#clock }));
  }
  rollback(run: Run): void {
    run.said = undefined;
    const request = { kind: 'rollback', by: 'a person', at: this.#clock.now() } as const;
    if (this.#life === undefined) return;
    const now = ask(this.#register(), APP, { request, may: () => undefined });
    void now.then(async () => {
      const mine = await takeover(this.#register(), APP, { clock: this.#clock });
      await this.#drive(mine);
    });
  }
  abort(run: Run): void {
    this.rollback(run);
  }
}

export const tradewind =
  (driver: Driver): Make =>
  async (clusters, clock) => {
    const sim = new Tradewind(driver, clusters, clock);
    await sim.stand();
    return sim;
  };
