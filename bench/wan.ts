// The simulated WAN itself: how exact its delay is and how much one link carries, between users of two regions.
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Scratch, until, withScratch } from './lib/child.ts';
import { BINS, cpuOf, ms, type Row, run, table } from './lib/measure.ts';

const NET = join(BINS, 'tw-net');
const FAR = { users: 'users-mtl', at: '198.19.102.2:9000' };
const NEAR = { users: 'users-sao', at: '198.19.101.2:9000' };
const SECONDS = 4;

function netFile(): object {
  const region = (name: string, index: number): object => ({ name, index });
  const users = (name: string, index: number, where: string): object => ({ name, index, region: where, lastMileMs: 0 });
  const link = (from: string, to: string): object => ({
    from,
    to,
    oneWayMs: 60,
    jitterPct: 0,
    lossPct: 0,
    kbit: 0,
    cut: false,
  });
  const [a, b] = ['sa-east-1', 'canadacentral'];
  return {
    id: `bench-${process.pid}`,
    rootless: false,
    regions: [region(a, 1), region(b, 2)],
    users: [users('sao', 1, a), users('mtl', 2, b)],
    operator: { region: b, lastMileMs: 0 },
    clouds: { oneWayMs: 0 },
    links: [link(a, b), link(b, a)],
    doors: { connectSecret: 'bench' },
  };
}

/** One order to the network's control socket. */
async function order(dir: string, what: object): Promise<void> {
  const socket = connect(join(dir, 'run', 'net.sock'));
  try {
    const reply = await new Promise<string>((done, failed) => {
      socket.on('error', failed);
      socket.on('data', (b: Buffer) => done(b.toString('utf8')));
      socket.write(`${JSON.stringify({ id: 1, ...what })}\n`);
    });
    if (!reply.includes('"ok":true')) throw new Error(reply);
  } finally {
    socket.destroy();
  }
}

const setDelay = (dir: string, oneWayMs: number): Promise<void> =>
  order(dir, { do: 'link', from: NEAR.users, to: FAR.users, both: true, oneWayMs });

interface Net {
  load(...args: string[]): Record<string, number>;
  pid: number;
  dir: string;
}

async function network(s: Scratch): Promise<Net> {
  writeFileSync(join(s.dir, 'net.json'), JSON.stringify(netFile()));
  const { pid } = s.start([NET, 'up', '--dir', s.dir]);
  const load = s.load();
  const inside = (users: string, ...args: string[]): string[] => [
    NET,
    'enter',
    '--dir',
    s.dir,
    users,
    '--',
    load,
    ...args,
  ];
  const from = (...args: string[]): Record<string, number> =>
    JSON.parse(run(inside(NEAR.users, ...args)).stdout) as Record<string, number>;
  await until('the network is up', () => order(s.dir, { do: 'stats' }).then(() => true));
  for (const place of [NEAR, FAR]) s.start(inside(place.users, 'serve', '--at', place.at));
  for (const place of [NEAR, FAR])
    await until(place.users, () => (from('rtt', '--to', place.at, '--count', '2')['p50'] ?? 0) > 0);
  return { load: from, pid, dir: s.dir };
}

function rtt(net: Net, to: string, count: number): { p50: number; p95: number } {
  const got = net.load('rtt', '--to', to, '--count', String(count));
  return { p50: got['p50'] ?? Number.NaN, p95: got['p95'] ?? Number.NaN };
}

interface Pulled {
  gbit: number;
  /** Processors that the network's own process kept busy meanwhile. */
  cores: number;
}
function pull(net: Net, to: string): Pulled {
  const before = cpuOf(net.pid) ?? Number.NaN;
  const got = net.load('pull', '--to', to, '--seconds', String(SECONDS));
  const seconds = got['seconds'] ?? Number.NaN;
  return {
    gbit: ((got['bytes'] ?? 0) * 8) / seconds / 1e9,
    cores: ((cpuOf(net.pid) ?? Number.NaN) - before) / 1000 / seconds,
  };
}

async function measured(net: Net): Promise<Row[]> {
  const far = rtt(net, FAR.at, 40);
  const far2 = pull(net, FAR.at);
  await setDelay(net.dir, 0);
  const own = rtt(net, NEAR.at, 2000);
  const zero = rtt(net, FAR.at, 2000);
  const direct = pull(net, NEAR.at);
  const link = pull(net, FAR.at);
  const gbit = (p: Pulled): string => `${p.gbit.toFixed(2)} Gbit/s`;
  return [
    { name: 'added to 120 ms, p50 (p95)', ours: `${ms(far.p50 - 120)} (${ms(far.p95 - 120)})`, goal: '≤ 1 ms' },
    {
      name: 'added at zero delay, p50 (p95)',
      ours: `${ms(zero.p50)} (${ms(zero.p95)})`,
      peer: `loopback ${ms(own.p50)}`,
      goal: '≤ 1 ms',
    },
    {
      name: 'TCP through one link, zero delay',
      ours: `${gbit(link)}, ${link.cores.toFixed(2)} core`,
      peer: `loopback ${gbit(direct)}`,
      ratio: link.gbit / direct.gbit,
    },
    { name: 'TCP through one link, 120 ms', ours: `${gbit(far2)}, ${far2.cores.toFixed(2)} core` },
  ];
}

if (process.getuid?.() !== 0) {
  process.stdout.write('wan: needs root, the network is made of namespaces; not measured\n');
} else {
  await withScratch(async (s) => {
    const rows = await measured(await network(s));
    table('simulated WAN', rows);
  });
}
