// What a release costs: requests of a client, calls of the decision function.
import type { ReleaseConfig } from '../../src/config/index.ts';
import type { KubeApi } from '../../src/fleet/index.ts';
import { decide } from '../../src/release/machine/decide.ts';
import type { ClusterView, Observations, ReleaseRecord } from '../../src/release/model.ts';
import { planRelease } from '../../src/release/plan.ts';
import type { Row } from '../lib/measure.ts';

/** Short enough to wait for. */
export const TERMS: ReleaseConfig = {
  driver: 'httproute',
  strategy: 'atomic',
  soak: 2000,
  lastSoak: 2000,
  keepBlue: 3_600_000,
  prepare: { timeout: 60_000, checks: [], require: 'all' },
  skew: { max: 5000, onMissed: 'brake' },
  judge: { errors: 0.01, factor: 2, latency: 1.5, requests: 100, probes: 0, path: '/' },
  approve: [],
  acceptLoss: false,
};

/** Tells each call of the API: one request each, once the kinds of the server are known. */
export const counted = (api: KubeApi, told: (verb: string) => void): KubeApi =>
  new Proxy(api, {
    get: (t, key) => {
      const value: unknown = Reflect.get(t, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (key !== 'index' && key !== 'close') told(String(key));
        return Reflect.apply(value, t, args) as unknown;
      };
    },
  });

function soaking(n: number): { record: ReleaseRecord; seen: Observations } {
  const clusters = Array.from({ length: n }, (_, i) => `c${i}`);
  const members = clusters.map((name) => ({ name, live: 'v1', refused: [] }));
  const plan = planRelease({ app: 'shop', green: 'v2', config: TERMS, clusters: members });
  const of = { release: 'r1', planId: plan.id, green: 'v2', blue: plan.blue, members: plan.members, lagging: [] };
  const step = { epoch: 1, decision: 'committed', wave: 0, step: 'soak', since: 0, startedAt: 0 } as const;
  const record: ReleaseRecord = { app: 'shop', ...of, ...step, terms: plan.terms, requests: [], by: 'bench' };
  const workload = { exists: true, healthy: true, ready: 2, wanted: 2, fence: 1, restarts: 0, why: [] };
  const sw = { uid: 'u', fence: 3, epoch: 1, release: 'r1', vote: false, live: 'v2' };
  const view: ClusterView = {
    sw: { at: 0, value: sw },
    green: { at: 0, value: workload },
    blue: { at: 0, value: workload },
    checked: true,
    verdict: { is: 'pass', why: [] },
    gates: [],
    quiet: false,
    braked: false,
    mayBrake: [],
  };
  return { record, seen: { register: record, clusters: Object.fromEntries(clusters.map((c) => [c, view])) } };
}

const FOR_MS = 1000;
function perSecond(n: number): number {
  const { record, seen } = soaking(n);
  let [calls, began] = [0, performance.now()];
  const warm = began + FOR_MS / 4;
  for (; performance.now() < began + FOR_MS; ) {
    if (performance.now() < warm) calls = 0;
    for (let i = 0; i < 100; i++) decide(record, seen, 1000);
    calls += 100;
  }
  began = warm;
  return calls / ((performance.now() - began) / 1000);
}

/** Calls of `decide` per second on one processor, for a release in its soak. */
export const deciding = (): Row[] =>
  [3, 50].map((n) => ({
    name: `decide, ${n} clusters`,
    ours: `${Math.round(perSecond(n)).toLocaleString('en')} calls/s`,
  }));
