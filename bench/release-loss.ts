// What users lose when the live version changes: a whole release behind the gateway; then flips alone, the old
// version killed 3 s later, by the gateway's route and by the selector of a Service that users reach
// themselves. Requests over connections that stay open. TW_BENCH_STATE lends a world whose guestbook may be released.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openKubeconfig } from '../src/fleet/adapters/kube-client.ts';
import { dictOf, type KubeApi, type KubeObject, listOf, textOf } from '../src/fleet/index.ts';
import { httpRouteSwitch } from '../src/release/adapters/switch/httproute.ts';
import { serviceSwitch } from '../src/release/adapters/switch/service.ts';
import type { Switch } from '../src/release/index.ts';
import { until } from './lib/child.ts';
import { median, ms, ROOT, type Row, table } from './lib/measure.ts';
import { type Bench, HOST, processes, withSandbox } from './lib/sandbox.ts';

const PLACE = 'syd';
const NAMESPACE = 'guestbook';
const [CONNECTIONS, PER_SECOND] = ['36', '300'];
const FLIPS = 4;
/** Until the users' processes run, on a machine that has little time for them. */
const START_MS = 6000;
/** From the flip to the end of the old version, and from there to the end of the requests. */
const KEPT_MS = 3000;
const AFTER_S = 6;

interface Load {
  answered: number;
  lost: number;
  sample: { why: string }[];
  /** Unix ms of the first and last answer of each version. */
  versions: { version: string; first: number; last: number }[];
}

/** Runs tw beside other work: its output. Throws when it fails. */
async function tw(b: Bench, ...args: string[]): Promise<string> {
  const child = spawn(join(ROOT, 'tw'), args, { env: b.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (d: Buffer) => (out += d.toString()));
  child.stderr.on('data', (d: Buffer) => (err += d.toString()));
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`tw ${args.join(' ')}: exit ${code}\n${out}${err}`.slice(-2000));
  return out;
}

interface Users {
  b: Bench;
  /** Address that they ask. */
  at: string;
}

async function load(u: Users, seconds: number): Promise<Load> {
  const args = [join(ROOT, 'test', 'e2e', 'load.ts'), u.at, HOST, CONNECTIONS, PER_SECOND, String(seconds)];
  return JSON.parse(await tw(u.b, 'sandbox', 'enter', `users-${PLACE}`, '--', process.execPath, ...args)) as Load;
}

/** Requests go on until `work` is done and a little longer. */
async function under<T>(u: Users, seconds: number, work: () => Promise<T>): Promise<{ load: Load; result: T }> {
  const running = load(u, seconds);
  await delay(START_MS);
  const result = await work();
  return { load: await running, result };
}

const other = (version: string): string => (version === 'v1' ? 'v2' : 'v1');

interface Flip {
  to: string;
  /** Unix ms around the write. */
  sent: number;
  ok: number;
}

async function flip(sw: Switch): Promise<Flip> {
  const now = await sw.read(PLACE);
  if (now === undefined) throw new Error(`${PLACE} has no switch`);
  const to = other(now.live);
  const sent = Date.now();
  const put = await sw.write(PLACE, now, { ...now, fence: now.fence + 1, live: to }, ['v1', 'v2']);
  if (put !== 'ok') throw new Error(`the flip was ${put}`);
  return { to, sent, ok: Date.now() };
}

const isReady = (pod: KubeObject): boolean =>
  listOf(dictOf(pod['status'])['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True');

/** At least two pods of both versions are ready, none is on its way. */
async function steady(api: KubeApi): Promise<boolean> {
  const pods = await api.list({ group: '', kind: 'Pod' }, { namespace: NAMESPACE, labels: { app: 'guestbook' } });
  const of = (v: string): KubeObject[] => pods.filter((p) => p.metadata.labels?.['tradewind.dev/version'] === v);
  return ['v1', 'v2'].every((v) => of(v).length >= 2 && of(v).every(isReady));
}

/** Its processes are killed without a word; their pods start again. */
function end(b: Bench, version: string): void {
  const wanted = [`APP_VERSION=${version}`, `CLUSTER_NAME=${PLACE}`];
  const killed = [...processes(b).keys()].filter((pid) => {
    try {
      const env = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      return wanted.every((w) => env.includes(w)) && process.kill(pid, 'SIGKILL');
    } catch {
      return false; // it has ended
    }
  });
  if (killed.length === 0) throw new Error(`no process of ${version} on ${PLACE}`);
}

type Seen = { load: Load; result: Flip };

/** Flips to and fro, each time with requests before, during and after it. */
async function flips(u: Users, api: KubeApi, sw: Switch): Promise<Seen[]> {
  const all: Seen[] = [];
  for (let i = 0; i < FLIPS; i++) {
    await until('both versions are ready', () => steady(api), 90_000);
    const seconds = (START_MS + KEPT_MS) / 1000 + AFTER_S;
    const seen = await under(u, seconds, async () => {
      const done = await flip(sw);
      await delay(KEPT_MS);
      end(u.b, other(done.to));
      return done;
    });
    all.push(seen);
  }
  if ((await sw.read(PLACE))?.live === 'v1') await flip(sw);
  return all;
}

const of = (l: Load, version: string): Load['versions'][number] | undefined =>
  l.versions.find((v) => v.version === version);

/** Milliseconds by which the last answer of the old version came after the first of the new one; NaN: not seen. */
const overlap = (l: Load, to: string): number =>
  (of(l, other(to))?.last ?? Number.NaN) - (of(l, to)?.first ?? Number.NaN);

const seenOnly = (n: number): boolean => !Number.isNaN(n);
/** Median and worst of those that were seen. */
function spread(all: readonly Seen[], pick: (s: Seen) => number): string {
  const known = all.map(pick).filter(seenOnly);
  if (known.length === 0) return 'not seen';
  return `${ms(median(known))} (worst ${ms(Math.max(...known))})${known.length < all.length ? `, ${known.length} of ${all.length} seen` : ''}`;
}

function rows(route: readonly Seen[], service: readonly Seen[]): Row[] {
  const sum = (all: readonly Seen[], pick: (l: Load) => number): number => all.reduce((n, s) => n + pick(s.load), 0);
  const lost = (all: readonly Seen[]): number => sum(all, (l) => l.lost);
  const row = (name: string, say: (all: readonly Seen[]) => string, goal?: string): Row => ({
    name,
    ours: say(route),
    peer: `selector flip: ${say(service)}`,
    ...(goal === undefined ? {} : { goal }),
  });
  const first = (s: Seen): number => (of(s.load, s.result.to)?.first ?? Number.NaN) - s.result.sent;
  return [
    {
      ...row(`${FLIPS} flips: requests lost`, (all) => `${lost(all)} of ${sum(all, (l) => l.answered + l.lost)}`, '0'),
      ratio: lost(route) / lost(service),
    },
    row('  write of the switch', (all) => spread(all, (s) => s.result.ok - s.result.sent)),
    row('  first new answer after the write was sent', (all) => spread(all, first)),
    row(
      '  last old answer after the first new one',
      (all) => spread(all, (s) => overlap(s.load, s.result.to)),
      '50 ms',
    ),
  ];
}

/** A Service of the users' own over the same pods: its selector is the switch, its load balancer knows connections alone. */
async function direct(b: Bench, api: KubeApi, work: (u: Users, sw: Switch) => Promise<Seen[]>): Promise<Seen[]> {
  const ref = { group: '', kind: 'Service', namespace: NAMESPACE, name: 'bench-direct' };
  const plain: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: ref.name, namespace: NAMESPACE },
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'guestbook' },
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    },
  };
  const shape = { app: ref.name, namespace: NAMESPACE, service: ref.name, acceptLoss: true, lagMs: 0 };
  const sw = serviceSwitch({ ...shape, api: () => api, rendered: async () => plain });
  try {
    await sw.create(PLACE, 'v2');
    const address = async (): Promise<string | undefined> => {
      const status = dictOf(dictOf((await api.get(ref))?.['status'])['loadBalancer']);
      return textOf(listOf(status['ingress'])[0]?.['ip']);
    };
    await until('the load balancer has an address', async () => (await address()) !== undefined, 60_000);
    const u = { b, at: (await address()) ?? '' };
    await until('it answers', async () => (await load(u, 1)).answered > 0, 60_000);
    return await work(u, sw);
  } finally {
    const uid = (await api.get(ref))?.metadata.uid;
    if (uid !== undefined) await api.remove(ref, { uid, cascade: 'background' });
  }
}

await withSandbox(async (b) => {
  const api = openKubeconfig({ kubeconfig: join(b.stateDir, 'kubeconfig'), context: PLACE });
  const gateway = { namespace: 'tradewind-gateway', name: 'gateway' };
  const shape = { app: 'guestbook', namespace: NAMESPACE, service: 'guestbook', port: 80, host: HOST, gateway };
  const sw = httpRouteSwitch({ ...shape, api: () => api, lagMs: 0, secret: () => '' });
  try {
    const [visit] = await b.port.visit({ from: [PLACE], host: HOST });
    const users = { b, at: visit?.answeredBy ?? '' };
    const whole = await under(users, 70, () => tw(b, 'release', 'guestbook@v2', '--yes'));
    await sw.read(PLACE); // a warm connection, as the shell of a release has one
    const route = await flips(users, api, sw);
    const service = await direct(b, api, (u, s) => flips(u, api, s));
    const head = `users of ${PLACE}, ${CONNECTIONS} open connections, ${PER_SECOND} requests/s wanted`;
    table(`${head}; after a flip the old version is killed at +${KEPT_MS / 1000} s`, [
      { name: 'release v1 → v2: requests lost', ours: `${whole.load.lost} of ${whole.load.answered}`, goal: '0' },
      { name: '  last old answer after the first new one', ours: ms(overlap(whole.load, 'v2')), goal: '50 ms' },
      ...rows(route, service),
    ]);
  } finally {
    await api.close();
  }
});
