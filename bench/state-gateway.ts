// Operations per second through the gateway beside the same redis-server asked directly, by redis-benchmark with 50
// clients. A write through the gateway waits for its second copy (WAIT 1); the direct one waits for nobody.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { systemClock } from '../src/kernel/index.ts';
import { startGateway } from '../src/state/gateway/gateway.ts';
import { Homes } from '../src/state/gateway/homes.ts';
import type { EpochValue } from '../src/state/model.ts';
import { programOf } from '../src/state/testing/redis-process.ts';
import { SECRETS } from '../src/state/testing/secrets.ts';
import { Trio } from '../src/state/testing/trio.ts';
import { median, run } from './lib/measure.ts';

const [CLIENTS, REQUESTS, ROUNDS] = [50, 40_000, 3];

async function stream(port: number) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

interface Home {
  v: EpochValue;
  port: number;
}

/** The gateway of the home cluster, in a process of its own. */
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
  process.send?.({ write: gate.writePort, read: gate.readPort });
  await once(process, 'disconnect');
  await gate.close();
}

interface Figure {
  perSecond: number;
  p50: number;
}

/** `command` by redis-benchmark: requests per second and p50 in milliseconds. */
function measured(port: number, user: keyof typeof USERS | undefined, command: readonly string[]): Figure {
  const login = user === undefined ? [] : ['--user', user, '-a', USERS[user]];
  const size = ['-c', `${CLIENTS}`, '-n', `${REQUESTS}`, '-P', '1', '--csv'];
  const { stdout } = run(['redis-benchmark', '-p', `${port}`, ...login, ...size, ...command]);
  const line = stdout.trim().split('\n').at(-1) ?? '';
  const cells = line.split('","').map((c) => Number(c.replaceAll('"', '')));
  return { perSecond: cells[1] ?? 0, p50: cells[4] ?? 0 };
}
const USERS = { 'tw-w': SECRETS.write, 'tw-r': SECRETS.read } as const;

const WRITE = ['SET', 'key:__rand_int__', 'value of sixteen'];
const READ = ['GET', 'key:__rand_int__'];

async function bench(): Promise<void> {
  const trio = await Trio.start();
  const v = await trio.primary('a', 1);
  const { port } = trio.of('a');
  const child = fork(import.meta.filename, ['serve', JSON.stringify({ v, port })]);
  try {
    const [ports] = (await once(child, 'message')) as [{ write: number; read: number }];
    const pairs = [
      { name: 'SET', direct: () => measured(port, 'tw-w', WRITE), ours: () => measured(ports.write, undefined, WRITE) },
      { name: 'GET', direct: () => measured(port, 'tw-r', READ), ours: () => measured(ports.read, undefined, READ) },
    ];
    process.stdout.write(`50 clients, pipeline 1, ${REQUESTS} requests, median of ${ROUNDS} rounds\n`);
    process.stdout.write('command  redis-server        gateway             ratio   p50\n');
    for (const p of pairs) {
      p.ours();
      const rounds = Array.from({ length: ROUNDS }, () => ({ direct: p.direct(), ours: p.ours() }));
      const of = (who: 'direct' | 'ours', what: keyof Figure): number => median(rounds.map((r) => r[who][what]));
      const ratio = median(rounds.map((r) => r.ours.perSecond / r.direct.perSecond));
      const more = of('ours', 'p50') - of('direct', 'p50');
      const cell = (who: 'direct' | 'ours'): string => `${Math.round(of(who, 'perSecond'))} op/s`.padEnd(20);
      process.stdout.write(
        `${p.name.padEnd(9)}${cell('direct')}${cell('ours')}${ratio.toFixed(2)}    ${more >= 0 ? '+' : ''}${more.toFixed(2)} ms\n`,
      );
    }
  } finally {
    child.disconnect();
    await trio.close();
  }
}

if (process.argv[2] === 'serve') await serve(JSON.parse(process.argv[3] ?? '') as Home);
else if (programOf('redis-benchmark') === undefined) process.stdout.write('redis-benchmark is not installed\n');
else await bench();
