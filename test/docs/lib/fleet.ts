// A fleet in memory: everything but its clusters, which are twins, is what `tw` runs.
import type { Context, Engine } from '../../../src/commands/index.ts';
import { stateDoor } from '../../../src/compose/state.ts';
import type { Config } from '../../../src/config/index.ts';
import { KubeTwin } from '../../../src/fleet/adapters/kube-twin.ts';
import { ports } from '../../../src/fleet/fixtures.ts';
import { type Clock, type Json, memoryJournal, memoryStore, StoreWorld } from '../../../src/kernel/index.ts';
import { noEvidence } from '../../../src/release/evidence.ts';
import { quickClock } from '../../../src/release/fixtures.ts';
import { WorldTwin } from '../../../src/release/twin.ts';
import { type Said, type Typist, type } from './line.ts';

const APP = 'guestbook';
/** A Wednesday on which nothing is frozen. */
const WEDNESDAY = Date.parse('2026-11-25T10:00Z');

/** Ten times faster than a clock on the wall, from a day of the test's choice: heartbeats stand a busy machine. */
function clockFrom(start: number): Clock {
  const quick = quickClock(10);
  return { ...quick, now: () => start + quick.now() };
}

/** Soaks that nobody waits for, and limits that a busy machine keeps. */
const calm = (c: Config): Config => ({
  ...c,
  apps: c.apps.map((a) => {
    const { release: r } = a;
    if (r === undefined) return a;
    const limits = { prepare: { ...r.prepare, timeout: 3_600_000 }, skew: { ...r.skew, max: 600_000 } };
    return { ...a, release: { ...r, ...limits, soak: 1000, lastSoak: 1000 } };
  }),
});

/** Home of the state is `home`; every agent says so. */
function twinOf(cluster: string, home: string, all: readonly string[]): KubeTwin {
  const value = { epoch: 7, primary: home, from: { epoch: 0, offset: 0, run: 'r' }, copies: all, w: 1 };
  const look = { run: cluster, role: cluster === home ? 'primary' : 'replica', link: true, offset: 9, loading: false };
  const report = { cluster, look, applied: 7, lagMs: 5, epoch: value, fences: {}, gone: [], rtts: {}, events: [] };
  const twin = new KubeTwin(cluster, {
    proxy: () => JSON.stringify(report),
    logs: ({ name }) => [`2026-11-25T10:00:00Z ${name} serves`],
  });
  const put = (o: object): void => void twin.put(o as never, 'docs');
  const named = (name: string) => ({ name, namespace: `state-${APP}` });
  const data = { 'settings.json': JSON.stringify({ voters: all, home }) };
  put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `state-${APP}` } });
  put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: named('state-settings'), data });
  put({ apiVersion: 'v1', kind: 'Pod', metadata: named('redis-0'), status: { podIP: '10.0.0.1' } });
  for (const version of ['v1', 'v2']) {
    const labels = { 'tradewind.dev/app': APP, 'tradewind.dev/version': version };
    const metadata = { name: `${APP}-${version}-5f-aa`, namespace: APP, labels };
    put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { containers: [{ name: 'web' }] },
      status: { phase: 'Running' },
    });
  }
  return twin;
}

export class Fleet {
  readonly clock: Clock;
  readonly world: WorldTwin;
  readonly names: readonly string[];
  readonly journal;
  readonly kept = new StoreWorld();
  /** As every line finds it. */
  config: Config;
  readonly #store = memoryStore();
  readonly #engine: Engine;
  readonly #dir: string;

  private constructor(config: Config, dir: string, clock: Clock) {
    this.config = config;
    this.#dir = dir;
    this.clock = clock;
    this.world = new WorldTwin(this.clock);
    this.journal = memoryJournal(this.clock);
    this.names = config.clusters.map((c) => c.name);
    const twins = Object.fromEntries(this.names.map((c) => [c, twinOf(c, 'mtl', this.names)]));
    const outputs = async () => Object.fromEntries(this.names.map((c) => [c, {}])) as never;
    const kube = (c: string) => twins[c];
    const common = { config, clock: this.clock, kube, outputs, store: this.#store };
    this.#engine = {
      ...common,
      release: {
        ports: () => ({ ...this.world.ports(APP, this.#store), journal: this.journal }),
        evidence: () => noEvidence('pass'),
      },
      state: stateDoor({ ...common, stateDir: dir, secret: 'ab', image: 'tradewind:v1', pinned: new Map() }),
      fleet: ports(this.clock as never),
      infra: { config, journal: this.journal },
      close: async () => undefined,
    } as unknown as Engine;
  }

  /** Every cluster serves `v1`. */
  static async open(config: Config, dir: string, clock = clockFrom(WEDNESDAY)): Promise<Fleet> {
    const fleet = new Fleet(calm(config), dir, clock);
    for (const c of fleet.names) await fleet.world.stand(c, 'v1');
    return fleet;
  }

  context(): Context {
    return {
      cwd: this.#dir,
      stateDir: this.#dir,
      clock: this.clock,
      journal: () => this.journal,
      book: () => memoryStore(undefined, this.kept),
      config: async () => this.config,
      engine: async () => this.#engine,
      sandbox: () => Promise.reject(new Error('no sandbox')),
      close: async () => undefined,
    };
  }

  /** Somebody changes a value of the book behind the back of everybody. */
  alter(key: string, change: (value: Record<string, Json>) => Json): void {
    const [entry] = this.kept.view(key).entries;
    this.kept.write({ if: [], put: [{ key, value: change(entry?.value as Record<string, Json>) }] });
  }

  /** Versions that are live, cluster by cluster. */
  live(): (string | undefined)[] {
    return this.names.map((c) => this.world.switches.seen(c).state?.live);
  }

  /** A person at a terminal of this folder types it. */
  async type(line: string, by: Partial<Typist> = {}): Promise<Said> {
    return await type(this.context(), line, by);
  }
}
