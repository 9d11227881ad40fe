// What users lose when the live version changes behind the gateway: a whole release, then flips alone, under
// requests over connections that stay open. TW_BENCH_STATE lends a world whose guestbook may be released.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openKubeconfig } from '../src/fleet/adapters/kube-client.ts';
import { httpRouteSwitch } from '../src/release/adapters/switch/httproute.ts';
import type { Switch } from '../src/release/index.ts';
import { median, ms, ROOT, type Row, table } from './lib/measure.ts';
import { type Bench, HOST, withSandbox } from './lib/sandbox.ts';

const PLACE = 'syd';
const [CONNECTIONS, PER_SECOND] = ['30', '300'];
const FLIPS = 4;
/** Until the users' processes run, on a machine that has little time for them. */
const START_MS = 6000;

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

async function load(b: Bench, seconds: number): Promise<Load> {
  const [first] = await b.port.visit({ from: [PLACE], host: HOST });
  const script = join(ROOT, 'test', 'e2e', 'load.ts');
  const args = [script, first?.answeredBy ?? '', HOST, CONNECTIONS, PER_SECOND, String(seconds)];
  return JSON.parse(await tw(b, 'sandbox', 'enter', `users-${PLACE}`, '--', process.execPath, ...args)) as Load;
}

/** Requests go on until `work` is done and a little longer. */
async function under<T>(b: Bench, seconds: number, work: () => Promise<T>): Promise<{ load: Load; result: T }> {
  const running = load(b, seconds);
  await delay(START_MS);
  const result = await work();
  return { load: await running, result };
}

/** Moves all weight to the other version. `sent`, `ok`: Unix ms around the write. */
async function flip(sw: Switch): Promise<{ to: string; sent: number; ok: number }> {
  const now = await sw.read(PLACE);
  if (now === undefined) throw new Error(`${PLACE} has no switch`);
  const to = now.live === 'v1' ? 'v2' : 'v1';
  const sent = Date.now();
  const put = await sw.write(PLACE, now, { ...now, fence: now.fence + 1, live: to }, ['v1', 'v2']);
  if (put !== 'ok') throw new Error(`the flip was ${put}`);
  return { to, sent, ok: Date.now() };
}

const seenOf = (l: Load, version: string): Load['versions'][number] | undefined =>
  l.versions.find((v) => v.version === version);

/** Milliseconds by which the last answer of the old version came after the first of the new one; NaN: not seen. */
function overlap(l: Load, to: string): number {
  const old = l.versions.find((v) => v.version !== to);
  return (old?.last ?? Number.NaN) - (seenOf(l, to)?.first ?? Number.NaN);
}

await withSandbox(async (b) => {
  const api = openKubeconfig({ kubeconfig: join(b.stateDir, 'kubeconfig'), context: PLACE });
  const gateway = { namespace: 'tradewind-gateway', name: 'gateway' };
  const shape = { app: 'guestbook', namespace: 'guestbook', service: 'guestbook', port: 80, host: HOST, gateway };
  const sw = httpRouteSwitch({ ...shape, api: () => api, lagMs: 0, secret: () => '' });
  try {
    const whole = await under(b, 60, () => tw(b, 'release', 'guestbook@v2', '--yes'));
    await sw.read(PLACE); // a warm connection, as the shell of a release has one
    const flips = [];
    for (let i = 0; i < FLIPS; i++) flips.push(await under(b, 13, () => flip(sw)));
    if ((await sw.read(PLACE))?.live === 'v1') await flip(sw);
    const lost = flips.reduce((n, f) => n + f.load.lost, 0);
    const all = flips.reduce((n, f) => n + f.load.answered, 0);
    // A machine without time for the users' processes shows only some of the flips.
    const shown = flips.filter((f) => !Number.isNaN(overlap(f.load, f.result.to)));
    const lag = shown.map((f) => (seenOf(f.load, f.result.to)?.first ?? Number.NaN) - f.result.sent);
    const over = shown.map((f) => overlap(f.load, f.result.to));
    const worst = (of: readonly number[]): string => `${ms(median(of))} (worst ${ms(Math.max(...of))})`;
    const rows: Row[] = [
      { name: 'release v1 → v2: requests lost', ours: `${whole.load.lost} of ${whole.load.answered}`, goal: '0' },
      { name: '  last old answer after the first new one', ours: ms(overlap(whole.load, 'v2')) },
      { name: `${FLIPS} flips: requests lost`, ours: `${lost} of ${all}`, goal: '0' },
      { name: '  write of the switch', ours: worst(flips.map((f) => f.result.ok - f.result.sent)) },
      { name: `  first new answer after the write was sent (${shown.length} seen)`, ours: worst(lag) },
      { name: '  last old answer after the first new one', ours: worst(over), goal: 'lag + 50 ms' },
    ];
    table(`users of ${PLACE}, ${CONNECTIONS} open connections, ${PER_SECOND} requests/s, driver httproute`, rows);
  } finally {
    await api.close();
  }
});
