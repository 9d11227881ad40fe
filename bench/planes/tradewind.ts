// Tradewind in the planes: the shell of a release, its switch drivers and fleet's versioned workloads as the product
// has them; brakes in memory and no metrics, since nobody serves requests here.
import type { AppConfig, Config } from '../../src/config/index.ts';
import { type KubeApi, type KubeObject, VersionedWorkloads } from '../../src/fleet/index.ts';
import { memoryJournal, memoryStore, type Store, systemClock } from '../../src/kernel/index.ts';
import { httpRouteSwitch } from '../../src/release/adapters/switch/httproute.ts';
import { serviceSwitch } from '../../src/release/adapters/switch/service.ts';
import { noEvidence } from '../../src/release/evidence.ts';
import {
  drive,
  planRelease,
  type Register,
  type ReleasePorts,
  type ReleaseRecord,
  type RoundSeen,
  registerOf,
  takeover,
} from '../../src/release/index.ts';
import { claim } from '../../src/release/register.ts';
import { WorldTwin } from '../../src/release/twin.ts';
import { Life, portsOf } from '../../test/sim/release-shell/life.ts';
import type { SimClock } from '../../test/sim/release-shell/time.ts';
import { until } from '../lib/child.ts';
import { type Arm, type Fleet, namespace, OWN, type Said, STAND_MS } from './arms.ts';
import { counted, TERMS } from './counts.ts';

type Driver = 'httproute' | 'service';
const APP = 'web';

const service: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
};
const deployment: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:v' }] } },
  },
};

interface Made {
  ports: ReleasePorts;
  register: Register;
  apis: Readonly<Record<string, KubeApi>>;
  /** Requests so far. */
  calls: { n: number };
}

/** Ports of one shell, with clients of its own. */
function portsFor(f: Fleet, ns: string, driver: Driver, store: Store): Made {
  const calls = { n: 0 };
  const apis = Object.fromEntries(f.names.map((c) => [c, counted(f.planes.open(c), () => calls.n++)]));
  const api = (c: string): KubeApi => apis[c] as KubeApi;
  const app = {
    name: APP,
    namespace: ns,
    version: 'v1',
    manifests: ['m'],
    placement: { selector: {} },
    overrides: [],
    replicas: 'same',
    pull: [],
    traffic: { host: 'web.example', service: 'web', port: 80 },
    release: { ...TERMS, driver },
  } as unknown as AppConfig;
  const clusters = f.names.map((name) => ({ name, cloud: 'aws', region: 'bench', labels: {}, nodes: { max: 1 } }));
  const config = { fleet: 'bench', clusters, apps: [app] } as unknown as Config;
  const objects = [service, deployment].map((body) => ({ body, origin: { file: 'm' } }));
  const render = async () => structuredClone({ objects, tool: 'bench', inputHash: 'x' });
  const fleet = { clock: systemClock, renderer: { render }, secret: () => '', key: 'bench' };
  const shape = { app: APP, namespace: ns, service: 'web', port: 80, api, lagMs: 0 };
  const gateway = { namespace: ns, name: 'gateway' };
  const switches =
    driver === 'service'
      ? serviceSwitch({
          ...shape,
          acceptLoss: false,
          rendered: async () => ({ ...service, metadata: { name: 'web', namespace: ns } }),
        })
      : httpRouteSwitch({ ...shape, gateway, host: `${ns}.example`, secret: () => 'x' });
  const workloads = new VersionedWorkloads({ config, app: APP, api, ports: fleet });
  const journal = memoryJournal(systemClock);
  const ports = { ...new WorldTwin(systemClock).ports(APP, store), journal, switches, workloads };
  return { ports, register: registerOf(APP, store, journal), apis, calls };
}
const closed = (m: Made): Promise<unknown> => Promise.all(Object.values(m.apis).map((a) => a.close()));

const END: Readonly<Record<string, Said>> = { done: 'done', committed: 'done', rolledback: 'failed' };
interface Drive {
  stop: AbortSignal;
  show?: (r: RoundSeen) => void;
  leaveAt?: 'keep' | 'decision';
}
async function driven(m: Made, record: ReleaseRecord, x: Drive): Promise<Said> {
  const life = new Life(systemClock as unknown as SimClock, undefined);
  const kill = new Promise<Said>((done) =>
    x.stop.addEventListener('abort', () => {
      life.kill();
      done('killed');
    }),
  );
  const ports = portsOf(m.ports, m.ports.store, life);
  const show = x.show ?? (() => undefined);
  const how = { checks: [], evidence: noEvidence('pass'), signal: new AbortController().signal, ask: () => undefined };
  const work = drive(ports, record, { ...how, show, leaveAt: x.leaveAt ?? 'keep' });
  return await Promise.race([kill, work.then((end) => END[end.record.decision] ?? 'killed')]);
}

/** Requests of the last whole release, all clusters. */
export const spent: Record<string, number> = {};

function arm(driver: Driver): Arm {
  const stores = new Map<string, Store>();
  const storeOf = (ns: string): Store => {
    const store = stores.get(ns) ?? memoryStore();
    stores.set(ns, store);
    return store;
  };
  const made = (f: Fleet, ns: string): Made => portsFor(f, ns, driver, storeOf(ns));
  const taken = async (f: Fleet, ns: string, wish?: 'rollback'): Promise<Said> => {
    const m = made(f, ns);
    const request = wish === undefined ? {} : { request: { kind: wish, by: 'bench', at: Date.now() } as const };
    const mine = await takeover(m.register, APP, { ...request, clock: systemClock });
    const leaveAt = wish === undefined ? 'keep' : 'decision';
    const said = await driven(m, mine, { stop: new AbortController().signal, leaveAt });
    await closed(m);
    return wish !== undefined && said === 'failed' ? 'done' : said;
  };
  return {
    name: `Tradewind, ${driver}`,
    stand: async (f, ns) => {
      const m = made(f, ns);
      await Promise.all(
        f.names.map(async (c) => {
          await m.apis[c]?.apply(namespace(ns), OWN);
          const put = await m.ports.workloads.makeGreen(c, 'v1', 2, 0);
          if (put !== 'ok') throw new Error(`v1 of ${c}: ${put}`);
          await m.ports.switches.create(c, 'v1');
          await until(`v1 runs on ${c}`, async () => (await m.ports.workloads.state(c, 'v1')).healthy, STAND_MS);
        }),
      );
      await closed(m);
    },
    release: async (f, ns, x) => {
      const m = made(f, ns);
      const members = f.names.map((name) => ({ name, live: 'v1', refused: [] }));
      const plan = planRelease({ app: APP, green: 'v2', config: { ...TERMS, prepare: PREPARE }, clusters: members });
      const mine = await claim(m.register, { plan, by: 'bench', seenEpoch: 0, clock: systemClock });
      let told = false;
      const show = (r: RoundSeen): void => {
        if (told || r.record.decision !== 'committed') return;
        told = true;
        x.first();
      };
      const said = await driven(m, mine, { stop: x.stop, show });
      spent[`${driver} ${ns}`] = m.calls.n;
      await closed(m);
      return said;
    },
    rollback: (f, ns) => taken(f, ns, 'rollback'),
    abort: (f, ns) => taken(f, ns, 'rollback'),
    resume: (f, ns) => taken(f, ns),
  };
}
/** As long as the scripts wait for green. */
const PREPARE: typeof TERMS.prepare = { timeout: 60_000, checks: [], require: 'all' };

export const TRADEWIND_ARMS: readonly Arm[] = [arm('httproute'), arm('service')];
