/** A fleet of three on the in-memory twins, for tests of what is told to it. */
import { systemClock, TwError } from '../kernel/index.ts';
import { memoryHttp, memoryLookup, memoryStore } from './adapters/memory.ts';
import type { NameserverView, TrafficDeps } from './engine.ts';
import { evaluate } from './machine/evaluate.ts';
import { SITES, snapshot } from './machine/fixtures.ts';
import { isNewer, snapshotId, worldOf } from './machine/world.ts';
import type { HealthView, SignedSnapshot, Snapshot } from './model.ts';
import type { SnapshotStore } from './ports.ts';
import { makeKeys, verifySnapshot } from './sign.ts';

const CLUSTERS = SITES.map((s) => s.cluster);
const keys = makeKeys();
const silence = (): Promise<never> => new Promise(() => undefined);

/** Three clusters with a nameserver each; a silent one takes every call and answers none. */
export interface TwinFleet {
  deps: TrafficDeps;
  silent: Set<string>;
  health: HealthView;
  /** What each nameserver runs. */
  runs: Map<string, Snapshot>;
  /** Snapshots that were taken over by some nameserver. */
  taken: string[];
}

export function createFleet(): TwinFleet {
  const silent = new Set<string>();
  const runs = new Map<string, { snapshot: Snapshot; signed: SignedSnapshot }>();
  const [objects, health, taken] = [memoryStore(CLUSTERS), {} as HealthView, [] as string[]];
  const at = (ip: string): string => SITES.find((s) => s.nameserver?.ip === ip)?.cluster ?? '';
  const page = (cluster: string, path: string): string => {
    const run = runs.get(cluster);
    if (path === '/snapshot') return JSON.stringify(run?.signed ?? null);
    const s = run?.snapshot;
    const held = s?.holds.some((h) => h.cluster === cluster) ?? false;
    const known = s === undefined ? null : { id: snapshotId(s), term: s.term, seq: s.seq, map: s.map.id };
    const view: NameserverView = { cluster, at: 0, snapshot: known, held, health, edges: {}, peers: {}, counters: {} };
    return JSON.stringify(view);
  };
  const take = (cluster: string, body: string): void => {
    const { snapshot: signed } = JSON.parse(body) as { snapshot: SignedSnapshot };
    const found = verifySnapshot(signed, keys.publicKey, snapshot().fleet);
    if (found === undefined || !isNewer(found, runs.get(cluster)?.snapshot)) return;
    runs.set(cluster, { snapshot: found, signed });
    taken.push(`${cluster} ${found.seq}`);
  };
  const http = memoryHttp((r) => {
    const url = new URL(r.url);
    if (r.method === 'POST') take(at(url.hostname), r.body ?? '');
    return { status: 200, body: r.method === 'POST' ? '{}' : page(at(url.hostname), url.pathname) };
  });
  const lookup = memoryLookup((q) => {
    const run = runs.get(at(q.server))?.snapshot ?? snapshot();
    const world = worldOf(run, { health, names: {}, load: {}, now: systemClock.now() });
    const { answer } = evaluate(world, { name: q.name, type: q.type, source: '192.0.2.1', ecs: q.ecs ?? '0.0.0.0/0' });
    return { rcode: answer.rcode, data: answer.data };
  });
  const reach = <T>(cluster: string, run: () => Promise<T>): Promise<T> => (silent.has(cluster) ? silence() : run());
  const store: SnapshotStore = {
    get: (c, name) => reach(c, () => objects.get(c, name)),
    put: (c, name, data) => reach(c, () => objects.put(c, name, data)),
  };
  const deps: TrafficDeps = {
    fleet: snapshot().fleet,
    clusters: CLUSTERS,
    store,
    lookup: { ask: (q, signal) => reach(at(q.server), () => lookup.ask(q, signal)) },
    http: { send: (r, signal) => reach(at(new URL(r.url).hostname), () => http.send(r, signal)) },
    keys,
    clock: systemClock,
    nameservers: Object.fromEntries(SITES.flatMap((s) => (s.nameserver ? [[s.cluster, s.nameserver]] : []))),
  };
  return {
    deps,
    silent,
    health,
    taken,
    get runs() {
      return new Map([...runs].map(([c, r]) => [c, r.snapshot]));
    },
  };
}

/** The code of a failure; `none` when it did not fail. */
export const codeOf = async (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => 'none',
    (e: unknown) => (e instanceof TwError ? e.code : String(e)),
  );
