// Operations per second through the gateway beside the same redis-server asked directly, and beside a TCP proxy in
// Node that does nothing, by redis-benchmark. A write through the gateway waits for its second copy; redis-server
// alone waits for nobody, so a client that sends SET and WAIT 1 itself stands beside it too.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { systemClock } from '../src/kernel/index.ts';
import { startGateway } from '../src/state/gateway/gateway.ts';
import { Homes } from '../src/state/gateway/homes.ts';
import type { EpochValue } from '../src/state/model.ts';
import { programOf } from '../src/state/testing/redis-process.ts';
import { SECRETS } from '../src/state/testing/secrets.ts';
import { Trio } from '../src/state/testing/trio.ts';
import { grid, median, run } from './lib/measure.ts';
import { type Figure, type Load, redisLoad } from './lib/redis-load.ts';

const ROUNDS = 5;
const USERS = { 'tw-w': SECRETS.write, 'tw-r': SECRETS.read } as const;
const WRITE = ['SET', 'key:__rand_int__', 'value of sixteen'];
const READ = ['GET', 'key:__rand_int__'];

async function stream(port: number) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

interface Home {
  v: EpochValue;
  port: number;
}
interface Ports {
  write: number;
  read: number;
  proxy: number;
}

/** The gateway of the home cluster, and the proxy, in a process of their own. */
async function serve({ v, port }: Home): Promise<void> {
  const homes = new Homes();
  homes.set(v);
  const open = () => stream(port);
  const gate = await startGateway({
    homes,
    openHome: open,
    openLocal: open,
    secrets: SECRETS,
    clock: systemClock,
    holdMs: 5000,
    host: '127.0.0.1',
    writePort: 0,
    readPort: 0,
  });
  const proxy = createServer((a) => {
    const b = connect(port, '127.0.0.1').setNoDelay(true);
    a.setNoDelay(true);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.on('data', (chunk) => void to.write(chunk));
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port: at } = proxy.address() as { port: number };
  process.send?.({ write: gate.writePort, read: gate.readPort, proxy: at } satisfies Ports);
  await once(process, 'disconnect');
  proxy.close();
  await gate.close();
}

/** `command` by redis-benchmark. */
function benchmark(
  to: { port: number; user?: keyof typeof USERS },
  command: readonly string[],
  clients: number,
): Figure {
  const login = to.user === undefined ? [] : ['--user', to.user, '-a', USERS[to.user]];
  const size = ['-c', `${clients}`, '-n', `${8000 + clients * 400}`, '-P', '1', '--csv'];
  const { stdout } = run(['redis-benchmark', '-p', `${to.port}`, ...login, ...size, ...command]);
  const line = stdout.trim().split('\n').at(-1) ?? '';
  const cells = line.split('","').map((c) => Number(c.replaceAll('"', '')));
  return { perSecond: cells[1] ?? 0, p50: cells[4] ?? 0 };
}

/** The closed loop of `redisLoad` in a process of its own. */
async function looped(load: Load): Promise<Figure> {
  const child = fork(import.meta.filename, ['load', JSON.stringify(load)]);
  const [figure] = (await once(child, 'message')) as [Figure];
  await once(child, 'close');
  return figure;
}

type Arm = () => Figure | Promise<Figure>;
/** Runs the arms in turn; the first round does not count. Medians; the ratio and what is added are of the rounds. */
async function row(name: string, arms: { ours: Arm } & Record<string, Arm>): Promise<string[][]> {
  const rounds: Record<string, Figure>[] = [];
  for (let i = -1; i < ROUNDS; i++) {
    const round: Record<string, Figure> = {};
    for (const [who, arm] of Object.entries(arms)) round[who] = await arm();
    if (i >= 0) rounds.push(round);
  }
  const of = (who: string, what: keyof Figure): number => median(rounds.map((r) => r[who]?.[what] ?? 0));
  return Object.keys(arms)
    .filter((who) => who !== 'ours')
    .map((who) => {
      const ratio = median(rounds.map((r) => (r['ours']?.perSecond ?? 0) / (r[who]?.perSecond ?? 1)));
      const more = median(rounds.map((r) => (r['ours']?.p50 ?? 0) - (r[who]?.p50 ?? 0)));
      const cells = [of('ours', 'perSecond'), of(who, 'perSecond')].map((n) => `${Math.round(n)} op/s`);
      return [name, ...cells, who, ratio.toFixed(2), `${more >= 0 ? '+' : ''}${more.toFixed(2)} ms`];
    });
}

async function bench(): Promise<void> {
  const trio = await Trio.start();
  const v = await trio.primary('a', 1);
  const { port } = trio.of('a');
  const child = fork(import.meta.filename, ['serve', JSON.stringify({ v, port })]);
  try {
    const [at] = (await once(child, 'message')) as [Ports];
    const arms = (clients: number, write: boolean): { ours: Arm } & Record<string, Arm> => {
      const [command, user] = write ? [WRITE, 'tw-w' as const] : [READ, 'tw-r' as const];
      return {
        ours: () => benchmark({ port: write ? at.write : at.read }, command, clients),
        'redis-server': () => benchmark({ port, user }, command, clients),
        'plain TCP proxy': () => benchmark({ port: at.proxy, user }, command, clients),
      };
    };
    const load = { clients: 50, requests: 30_000 };
    const login = { user: 'tw-w', password: SECRETS.write };
    const quorum = {
      ours: () => looped({ ...load, port: at.write, operation: [WRITE] }),
      'redis-server, SET and WAIT 1': () => looped({ ...load, port, login, operation: [WRITE, ['WAIT', '1', '1000']] }),
    };
    const rows = [
      ...(await row('SET, 50 clients', arms(50, true))),
      ...(await row('GET, 50 clients', arms(50, false))),
      ...(await row('SET, 4 clients', arms(4, true))),
      ...(await row('GET, 4 clients', arms(4, false))),
      ...(await row('SET, 50 clients, our own loop', quorum)),
    ];
    const head = ['pipeline 1', 'gateway', 'beside it', '', 'ratio', 'p50'];
    grid('gateway', head, rows, [`median of ${ROUNDS} rounds, in turn`]);
  } finally {
    child.disconnect();
    await trio.close();
  }
}

const [, , mode, given = ''] = process.argv;
if (mode === 'serve') await serve(JSON.parse(given) as Home);
else if (mode === 'load') {
  process.send?.(await redisLoad(JSON.parse(given) as Load));
  process.disconnect?.();
} else if (programOf('redis-benchmark') === undefined) process.stdout.write('redis-benchmark is not installed\n');
else await bench();
