// One cluster's agent as a process of its own, so that it can be killed: wire, senders, keeper as they are shipped.
import { systemClock } from '../../../src/kernel/index.ts';
import { ActiveAgent } from '../../../src/state/active/keeper.ts';
import { openPeer } from '../../../src/state/active/peer.ts';
import { activeRedis } from '../../../src/state/adapters/active-redis.ts';
import { tlsWire, type WireOptions } from '../../../src/state/adapters/wire.ts';
import { SECRETS } from '../../../src/state/testing/secrets.ts';
import { Noted } from './stages.ts';

export interface AgentArgs extends Pick<WireOptions, 'me' | 'peers' | 'tls' | 'listen' | 'redis'> {
  outboxMax?: number;
  keepMs?: number;
  /** Note when entries pass. */
  stages?: boolean;
}

async function main(a: AgentArgs): Promise<void> {
  const noted = a.stages === true ? new Noted(a.me) : undefined;
  const real = activeRedis({ ...a.redis, password: SECRETS.agent });
  const redis = noted?.redis(real) ?? real;
  let agent: ActiveAgent | undefined;
  const wire = await tlsWire({
    ...a,
    door: { epoch: () => agent?.epoch() ?? 0, pong: async () => await agent?.pong() },
  });
  agent = new ActiveAgent({
    me: a.me,
    others: Object.keys(a.peers),
    clock: systemClock,
    redis,
    wire,
    password: SECRETS.sync,
    ...(noted === undefined ? {} : { connect: async (to) => noted.peer(to, await openPeer(wire, to, SECRETS.sync)) }),
    ...(a.outboxMax === undefined ? {} : { outboxMax: a.outboxMax }),
    ...(a.keepMs === undefined ? {} : { keepMs: a.keepMs }),
    note: (n) => process.send?.({ note: `${a.me} ${n.did}: ${n.end}` }),
  });
  const here = agent;
  process.on('message', (m: 'report' | { stages: number }) =>
    process.send?.(m === 'report' ? { report: here.report() } : { stages: noted?.since(m.stages) }),
  );
  // Whoever started it is gone.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.once('SIGTERM', () => here.leave());
  await here.run(new AbortController().signal);
  process.kill(process.pid, 'SIGKILL');
}

await main(JSON.parse(process.argv[2] ?? '{}') as AgentArgs);
