// How far apart three clusters change, and how long it takes to take all of them back, over lines of 15, 125 and 200 ms
// of round trip: guarded writes of the switch drivers beside kubectl, one cluster after the other or all at once. The
// clusters are real control planes; their machines are played (planes/). When a write landed is seen in the cluster.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { dictOf, type KubeApi, type KubeObject, textOf } from '../src/fleet/index.ts';
import { type Journal, memoryJournal, memoryStore, type Store, systemClock } from '../src/kernel/index.ts';
import { httpRouteSwitch } from '../src/release/adapters/switch/httproute.ts';
import { serviceSwitch } from '../src/release/adapters/switch/service.ts';
import { noEvidence } from '../src/release/evidence.ts';
import {
  ask,
  drive,
  planRelease,
  type Register,
  type RoundSeen,
  registerOf,
  type Switch,
  takeover,
} from '../src/release/index.ts';
import { claim } from '../src/release/register.ts';
import { WorldTwin } from '../src/release/twin.ts';
import { until, withScratch } from './lib/child.ts';
import { median, ms, quantile, ROOT, type Row, run, table } from './lib/measure.ts';
import { counted, deciding, TERMS } from './planes/counts.ts';
import { installGateway } from './planes/gateway.ts';
import { kubectlBinary } from './planes/kubectl.ts';
import type { Obj } from './planes/local.ts';
import { noPlanes, openPlanes, type Plane, type Planes } from './planes/plane.ts';

const RTT_MS: Readonly<Record<string, number>> = { mtl: 15, sao: 125, syd: 200 };
const NAMES = Object.keys(RTT_MS);
const NS = 'bench';
const ROUNDS = 11;
const WITHIN_MS = 30_000;

interface World {
  planes: Planes;
  kubectl: string;
  /** Clients of the shell that holds a release: their connections are open. */
  warm: Readonly<Record<string, KubeApi>>;
  route: Switch;
  service: Switch;
}

function drivers(api: (c: string) => KubeApi): Pick<World, 'route' | 'service'> {
  const gateway = { namespace: NS, name: 'gateway' };
  const shape = { namespace: NS, port: 80, gateway, api, lagMs: 0 };
  const rendered = async (): Promise<KubeObject> => plain('shop');
  return {
    route: httpRouteSwitch({ ...shape, app: 'shop', service: 'shop', host: 'shop.example', secret: () => '' }),
    service: serviceSwitch({ ...shape, app: 'shop', service: 'shop', acceptLoss: false, rendered }),
  };
}
const plain = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: NS },
  spec: { selector: { app: 'web', version: 'v1' }, ports: [{ port: 80 }] },
});
const web = (version: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: NS },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: `web:${version}` }] },
    },
  },
});
const own = { manager: 'bench', dryRun: false, force: true, expect: 'any' } as const;

const WATCHED = {
  route: `/apis/gateway.networking.k8s.io/v1/namespaces/${NS}/httproutes`,
  service: `/api/v1/namespaces/${NS}/services`,
  web: `/apis/apps/v1/namespaces/${NS}/deployments`,
} as const;

async function furnish(w: World): Promise<void> {
  await Promise.all(
    w.planes.all.map(async ({ name, order }) => {
      const api = w.warm[name] as KubeApi;
      await installGateway(api);
      await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } }, own);
      await w.route.create(name, 'v1');
      await w.service.create(name, 'v1');
      await api.apply(plain('plain'), own);
      await api.apply(web('v1'), own);
      await until(`web v1 runs on ${name}`, () => serves(api, 'v1'), WITHIN_MS);
      await api.apply(web('v2'), own);
      await until(`web v2 runs on ${name}`, () => serves(api, 'v2'), WITHIN_MS);
      for (const path of Object.values(WATCHED)) order({ do: 'watch', path });
    }),
  );
  for (const p of w.planes.all) p.order({ do: 'line', oneWayMs: (RTT_MS[p.name] ?? 0) / 2 });
}

const imageOf = (o: unknown): string => (/"image":"web:([^"]*)"/.exec(JSON.stringify(o) ?? '') ?? [])[1] ?? '';
/** The controllers have seen the change, and only pods of this version run. */
function isDone(o: { metadata: object; spec?: unknown; status?: unknown }, version: string): boolean {
  const s = dictOf(o.status);
  const seen = s['observedGeneration'] === dictOf(o.metadata)['generation'];
  return (
    seen && imageOf(o.spec) === version && ['replicas', 'updatedReplicas', 'availableReplicas'].every((k) => s[k] === 2)
  );
}
async function serves(api: KubeApi, version: string): Promise<boolean> {
  const o = await api.get({ group: 'apps', kind: 'Deployment', namespace: NS, name: 'web' });
  return o !== undefined && isDone(o, version);
}

type Landed = (o: Obj) => boolean;
/** Unix ms at which the first such change was seen in each cluster. */
async function landed(w: World, path: string, name: string, is: Landed): Promise<number[]> {
  const at = (p: Plane): number | undefined =>
    p.changes.find((c) => c.path === path && c.object.metadata.name === name && is(c.object))?.at;
  await until('all clusters have changed', () => w.planes.all.every((p) => at(p) !== undefined), WITHIN_MS);
  return w.planes.all.map((p) => at(p) ?? Number.NaN);
}
const forget = (w: World): void => w.planes.all.forEach((p) => p.changes.splice(0));

interface Change {
  /** Between the first and the last cluster. */
  skew: number;
  /** From the start to the last cluster, and until whoever asked knows. */
  last: number;
  known: number;
  /** Until the last cluster serves the other version, where that takes longer. */
  served?: number;
}

async function timed(
  w: World,
  x: { path: string; name: string; is: Landed; served?: Landed },
  work: () => Promise<unknown>,
): Promise<Change> {
  forget(w);
  const began = Date.now();
  await work();
  const known = Date.now() - began;
  const at = await landed(w, x.path, x.name, x.is);
  const change = { skew: Math.max(...at) - Math.min(...at), last: Math.max(...at) - began, known };
  if (x.served === undefined) return change;
  return { ...change, served: Math.max(...(await landed(w, x.path, x.name, x.served))) - began };
}

/** One kubectl for one cluster. Throws when it fails. */
async function kubectl(w: World, cluster: string, args: readonly string[]): Promise<void> {
  const child = spawn(w.kubectl, ['--kubeconfig', w.planes.kubeconfig, '--context', cluster, '-n', NS, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}`);
}
async function each(how: 'loop' | 'parallel', work: (cluster: string) => Promise<unknown>): Promise<void> {
  if (how === 'parallel') return void (await Promise.all(NAMES.map(work)));
  for (const c of NAMES) await work(c);
}

const liveOf = (o: { metadata: { annotations?: Readonly<Record<string, string>> } }): string =>
  o.metadata.annotations?.['tradewind.dev/live'] ?? '';
const other = (v: string): string => (v === 'v1' ? 'v2' : 'v1');

/** A round of the shell asks several things of each cluster at once, so some connections are open. */
async function warmUp(w: World): Promise<void> {
  const one = { group: '', kind: 'Namespace', name: NS };
  await Promise.all(NAMES.flatMap((c) => [1, 2, 3].map(async () => await w.warm[c]?.get(one))));
}

/** As the shell of a release does it: what was read in the last round is written from, all clusters at once. */
async function flip(w: World, driver: 'route' | 'service'): Promise<Change> {
  const sw = w[driver];
  await warmUp(w);
  const states = await Promise.all(NAMES.map(async (c) => ({ c, now: await sw.read(c) })));
  const to = other(states[0]?.now?.live ?? '');
  return timed(w, { path: WATCHED[driver], name: 'shop', is: (o) => liveOf(o) === to }, () =>
    Promise.all(
      states.map(async ({ c, now }) => {
        if (now === undefined) throw new Error(`${c} has no switch`);
        const put = await sw.write(c, now, { ...now, fence: now.fence + 1, live: to }, ['v1', 'v2']);
        if (put !== 'ok') throw new Error(`the flip of ${c} was ${put}`);
      }),
    ),
  );
}

let plainTo = 'v2';
async function patch(w: World, how: 'loop' | 'parallel'): Promise<Change> {
  const [to, body] = [plainTo, JSON.stringify({ spec: { selector: { version: plainTo } } })];
  plainTo = other(to);
  const is: Landed = (o) => textOf(dictOf(o.spec?.['selector'])['version']) === to;
  return timed(w, { path: WATCHED.service, name: 'plain', is }, () =>
    each(how, (c) => kubectl(w, c, ['patch', 'service', 'plain', '-p', body])),
  );
}

async function undo(w: World, how: 'loop' | 'parallel'): Promise<Change> {
  const api = w.warm['mtl'] as KubeApi;
  const to = (await serves(api, 'v2')) ? 'v1' : 'v2';
  const x = {
    path: WATCHED.web,
    name: 'web',
    is: (o: { spec?: object }) => imageOf(o.spec ?? {}) === to,
    served: (o: Obj) => isDone(o, to),
  };
  return timed(w, x, () => each(how, (c) => kubectl(w, c, ['rollout', 'undo', 'deployment/web'])));
}

/** A release of all clusters that is committed, blue kept: register and switches say so. */
async function committed(w: World): Promise<{ register: Register; store: Store; journal: Journal }> {
  const states = await Promise.all(NAMES.map(async (c) => ({ c, now: await w.route.read(c) })));
  const clusters = states.map(({ c }) => ({ name: c, live: 'v1', refused: [] }));
  const [store, journal] = [memoryStore(), memoryJournal(systemClock)];
  const register = registerOf('shop', store, journal);
  const plan = planRelease({ app: 'shop', green: 'v2', config: TERMS, clusters });
  const seenEpoch = Math.max(...states.map((s) => s.now?.epoch ?? 0));
  const r = await claim(register, { plan, by: 'bench', seenEpoch, clock: systemClock });
  for (const { c, now } of states) {
    if (now === undefined) throw new Error(`${c} has no switch`);
    const to = { fence: now.fence + 1, epoch: r.epoch, release: r.release, vote: false, live: 'v2' };
    await w.route.write(c, now, to, ['v1', 'v2']);
  }
  await register.cas((await register.read()).revision, { ...r, decision: 'committed', wave: 0, step: 'keep' });
  return { register, store, journal };
}

/** Both versions run: their workloads play no part here. */
async function twin(): Promise<WorldTwin> {
  const world = new WorldTwin(systemClock);
  for (const c of NAMES) for (const v of ['v1', 'v2']) await world.stand(c, v);
  return world;
}

const BACK = { path: WATCHED.route, name: 'shop', is: (o: Obj) => liveOf(o) === 'v1' };
const wish = () => ({ kind: 'rollback', by: 'bench', at: Date.now() }) as const;

/** `tw rollback` of a release that no process drives: with clients that have no connection yet. */
async function rollback(w: World): Promise<Change> {
  const { register, store, journal } = await committed(w);
  const apis = Object.fromEntries(NAMES.map((c) => [c, w.planes.open(c)]));
  const ports = { ...(await twin()).ports('shop', store), journal, switches: drivers((c) => apis[c] as KubeApi).route };
  try {
    return await timed(w, BACK, async () => {
      const mine = await takeover(register, 'shop', { request: wish(), clock: systemClock });
      const signal = new AbortController().signal;
      const end = await drive(ports, mine, { ...SILENT, signal, show: () => undefined, leaveAt: 'decision' });
      if (end.record.decision !== 'rolledback') throw new Error(`the rollback ended ${end.record.decision}`);
    });
  } finally {
    await Promise.all(Object.values(apis).map((a) => a.close()));
  }
}

/** The same asked of the shell that drives the release. */
async function rollbackOfShell(w: World): Promise<Change> {
  const { register, store, journal } = await committed(w);
  const ports = { ...(await twin()).ports('shop', store), journal, switches: w.route };
  const mine = await takeover(register, 'shop', { clock: systemClock });
  const stop = new AbortController();
  let rounds = 0;
  const show = (seen: RoundSeen): void => {
    rounds++;
    if (seen.record.decision === 'rolledback') stop.abort();
  };
  const driving = drive(ports, mine, { ...SILENT, signal: stop.signal, show, leaveAt: 'clean' });
  await until('the shell drives', () => rounds >= 4, WITHIN_MS);
  return timed(w, BACK, async () => {
    await ask(register, 'shop', { request: wish(), may: () => undefined });
    await driving;
  });
}
const SILENT = { checks: [], evidence: noEvidence('pass'), ask: () => undefined };

type Arm = 'route' | 'service' | 'loop' | 'parallel' | 'back' | 'shell' | 'undoLoop' | 'undoParallel';
async function measured(w: World): Promise<Record<Arm, Change[]>> {
  const arms: Record<Arm, () => Promise<Change>> = {
    route: () => flip(w, 'route'),
    service: () => flip(w, 'service'),
    loop: () => patch(w, 'loop'),
    parallel: () => patch(w, 'parallel'),
    back: () => rollback(w),
    shell: () => rollbackOfShell(w),
    undoLoop: () => undo(w, 'loop'),
    undoParallel: () => undo(w, 'parallel'),
  };
  const got = Object.fromEntries(Object.keys(arms).map((k) => [k, [] as Change[]])) as Record<Arm, Change[]>;
  for (let i = -1; i < ROUNDS; i++)
    for (const k of Object.keys(arms) as Arm[]) {
      const change = await arms[k]();
      if (i >= 0) got[k].push(change);
    }
  return got;
}

const spread = (all: readonly Change[], pick: (c: Change) => number): string =>
  `${ms(median(all.map(pick)))} (p95 ${ms(quantile(all.map(pick), 0.95))})`;

function beside(
  name: string,
  x: { ours: readonly Change[]; peer: readonly Change[]; says: string; goal?: string },
  pick: (c: Change) => number,
  peerPick = pick,
): Row {
  return {
    name,
    ours: spread(x.ours, pick),
    peer: `${x.says} ${spread(x.peer, peerPick)}`,
    ratio: median(x.ours.map(pick)) / median(x.peer.map(peerPick)),
    ...(x.goal === undefined ? {} : { goal: x.goal }),
  };
}

function rows(got: Record<Arm, Change[]>): Row[] {
  const [loop, parallel] = [
    { peer: got.loop, says: 'kubectl loop' },
    { peer: got.parallel, says: 'parallel kubectl' },
  ];
  const undoLoop = { peer: got.undoLoop, says: 'undo loop' };
  const undoAll = { peer: got.undoParallel, says: 'parallel undo' };
  const skew = (c: Change): number => c.skew;
  const served = (c: Change): number => c.served ?? c.last;
  return [
    beside('flip skew, httproute', { ...loop, ours: got.route, goal: '≤ 0.10' }, skew),
    beside('flip skew, httproute', { ...parallel, ours: got.route }, skew),
    beside('flip skew, service', { ...loop, ours: got.service, goal: '≤ 0.10' }, skew),
    beside('flip, last cluster', { ...loop, ours: got.route }, (c) => c.last),
    beside('rollback, last write landed', { ...undoLoop, ours: got.back, goal: 'p95 < 2 s' }, (c) => c.last),
    beside('  asked of the shell that drives', { ...undoLoop, ours: got.shell }, (c) => c.last),
    beside('rollback, last write landed', { ...undoAll, ours: got.back }, (c) => c.last),
    beside('rollback, all serve the old version', { ...undoLoop, ours: got.back, goal: '≤ 0.20' }, served),
    beside('  asked of the shell that drives', { ...undoLoop, ours: got.shell, goal: '≤ 0.20' }, served),
    beside('rollback, all serve the old version', { ...undoAll, ours: got.back }, served),
    { name: 'rollback, known to be complete', ours: spread(got.back, (c) => c.known) },
    { name: '  asked of the shell that drives', ours: spread(got.shell, (c) => c.known) },
  ];
}

/** Requests that kubectl makes for one patch, by its own log. */
function requestsOf(w: World, cache: string): number {
  const at = ['--kubeconfig', w.planes.kubeconfig, '--context', 'mtl', '-n', NS, '--cache-dir', cache];
  const body = JSON.stringify({ spec: { selector: { version: 'v1' } } });
  const log = join(dirname(w.planes.kubeconfig), 'verbose.log');
  const script = `"$@" >/dev/null 2>'${log}'; grep -cE 'round_trippers.*(GET|PATCH|PUT|POST)' '${log}'`;
  const got = run(['sh', '-c', script, 'sh', w.kubectl, ...at, '-v=6', 'patch', 'service', 'plain', '-p', body]);
  return Number(got.stdout);
}

async function requests(w: World): Promise<Row> {
  const cache = join(dirname(w.planes.kubeconfig), 'cache');
  const cold = requestsOf(w, cache);
  const again = requestsOf(w, cache);
  const calls = { n: 0 };
  const { route } = drivers((c) => counted(w.warm[c] as KubeApi, () => calls.n++));
  const now = await route.read('mtl');
  calls.n = 0;
  if (now !== undefined)
    await route.write('mtl', now, { ...now, fence: now.fence + 1, live: other(now.live) }, ['v1', 'v2']);
  return {
    name: 'API requests of one flip in one cluster',
    ours: String(calls.n),
    peer: `kubectl patch ${again} (cold ${cold})`,
    ratio: calls.n / again,
  };
}

const why = noPlanes();
if (why !== undefined) process.stdout.write(`release-flip: ${why}; not measured\n`);
else
  await withScratch(async (s) => {
    const planes = await openPlanes(s, NAMES);
    const warm = Object.fromEntries(NAMES.map((n) => [n, planes.open(n)]));
    const w: World = { planes, warm, kubectl: kubectlBinary(), ...drivers((c) => warm[c] as KubeApi) };
    try {
      await furnish(w);
      const got = await measured(w);
      const started = run([join(ROOT, 'tw'), '--version']);
      table(
        `3 clusters over ${Object.values(RTT_MS).join('/')} ms of round trip (median and p95 of ${ROUNDS}, in turn)`,
        [
          ...rows(got),
          { name: 'start of the tw process, to be added to a rollback', ours: ms(started.ms) },
          await requests(w),
          ...deciding(),
        ],
        [
          'control planes real, machines played: a pod is ready 0.5 s after it got its node; no proxies here',
          `${kubectlBinary()}, discovery cached`,
        ],
      );
    } finally {
      await Promise.all(Object.values(warm).map((a) => a.close()));
    }
  });
