/** The processes of the state's data plane inside a cluster: agent and gateway. */

import { resolve4 } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import { leaderAway } from '../coordination/index.ts';
import { type ClusterName, systemClock } from '../kernel/index.ts';
import { EtcdAdmin, type EtcdOptions, EtcdStore } from '../kernel/store-etcd/index.ts';
import { localRedis } from '../state/adapters/local-redis.ts';
import { outboundWire, tlsWire } from '../state/adapters/wire.ts';
import {
  Agent,
  type AgentNote,
  clusterGateway,
  type DataKeys,
  gatewaysHost,
  PORTS,
  peerHost,
  prefixOf,
  readTold,
  redisHost,
  type Settings,
} from '../state/index.ts';

const EVENTS = 200;
const LEADER_MS = 5000;
type Log = (line: string) => void;

const log: Log = (line) => void process.stdout.write(`${new Date().toISOString()} ${line}\n`);

const etcdOf = (s: Settings, keys: DataKeys): EtcdOptions => ({
  endpoints: s.store.endpoints,
  root: s.store.root,
  clock: systemClock,
  ...(keys.store === undefined ? {} : { tls: keys.store }),
});

/** Rule 11: while home is here, a member elsewhere leads the store. */
async function leaderElsewhere(s: Settings, keys: DataKeys, x: { home(): boolean; signal: AbortSignal }) {
  const admin = new EtcdAdmin(etcdOf(s, keys));
  const order = s.store.endpoints.map((e) => e.name);
  while (!x.signal.aborted) {
    await systemClock.sleep(LEADER_MS, x.signal).catch(() => undefined);
    if (!x.home()) continue;
    try {
      const to = leaderAway(s.cluster, await admin.status(), order);
      if (to !== undefined) await admin.moveLeader(to);
      if (to !== undefined) log('the leader of the store moves away from home');
    } catch (e) {
      log(`the leader of the store stays: ${e instanceof Error ? e.message : String(e)}`);
    }
  }
  admin.close();
}

const peersOf = (s: Settings): Record<ClusterName, { host: string; port: number }> =>
  Object.fromEntries(
    s.voters.filter((v) => v !== s.cluster).map((v) => [v, { host: peerHost(s.app, v), port: PORTS.wire }]),
  );

/** `/healthz`, and `/status` as JSON. */
async function serveStatus(port: number, ready: () => boolean, status: () => unknown): Promise<Server> {
  const server = createServer((req, res) => {
    const health = req.url === '/healthz';
    res.statusCode = health ? (ready() ? 200 : 503) : req.url === '/status' ? 200 : 404;
    res.setHeader('content-type', 'application/json');
    res.end(health ? '{}' : req.url === '/status' ? JSON.stringify(status()) : '{}');
  });
  server.listen(port);
  await once(server, 'listening');
  return server;
}

/** The agent of one voter, until SIGTERM: then Redis is fenced, saved, sealed and ended. Throws TW5160. */
export async function runStateAgent(args: string[]): Promise<void> {
  const { settings: s, keys } = await readTold(args);
  const events: AgentNote[] = [];
  const redis = localRedis({ host: '127.0.0.1', port: PORTS.redis, password: keys.users.agent });
  const store = new EtcdStore(etcdOf(s, keys));
  let agent: Agent | undefined;
  const wire = await tlsWire({
    me: s.cluster,
    peers: peersOf(s),
    listen: { host: '0.0.0.0', port: PORTS.wire },
    tls: keys.wire,
    door: { epoch: () => agent?.epoch() ?? 0, pong: async () => await agent?.pong() },
    redis: { host: '127.0.0.1', port: PORTS.redis },
    log,
  });
  agent = new Agent({
    setup: {
      me: s.cluster,
      voters: s.voters,
      judges: s.judges,
      ...(s.home === undefined ? {} : { home: s.home }),
    },
    prefix: prefixOf(s.app),
    clock: systemClock,
    store,
    redis,
    wire,
    note: ({ command, end }) => {
      if (command.do === 'read') return;
      const did = command.do === 'txn' ? `txn ${command.why}` : command.do;
      events.push({ at: systemClock.now(), did, end });
      if (events.length > EVENTS) events.shift();
      log(`${did} ${end}`);
    },
  });
  const here = agent;
  const http = await serveStatus(
    PORTS.http,
    () => true,
    () => ({ ...here.report(), events }),
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => here.leave());
  const end = new AbortController();
  const leading = leaderElsewhere(s, keys, { home: () => here.report().look?.role === 'primary', signal: end.signal });
  await here.run(new AbortController().signal);
  end.abort();
  await leading;
  http.close();
  redis.close();
  await Promise.all([wire.close(), store.close()]);
}

const ownAddresses = (): Set<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((a) => a.address)));

/** The other gateways of this cluster. */
const otherGateways = (s: Settings) => async (): Promise<string[]> => {
  const mine = ownAddresses();
  return (await resolve4(`${gatewaysHost(s.app)}.cluster.local`)).filter((a) => !mine.has(a));
};

/** A gateway of one cluster, until SIGTERM. Throws TW5160. */
export async function runStateGateway(args: string[]): Promise<void> {
  const { settings: s, keys } = await readTold(args);
  const store = new EtcdStore(etcdOf(s, keys));
  const wire = outboundWire({ me: s.cluster, peers: peersOf(s), tls: keys.wire, log });
  const gateway = await clusterGateway({
    me: s.cluster,
    prefix: prefixOf(s.app),
    store,
    wire,
    redis: { host: redisHost(s.app), port: PORTS.redis },
    secrets: keys.users,
    clock: systemClock,
    holdMs: s.holdMs,
    listen: { write: PORTS.write, read: PORTS.read, peers: PORTS.peers },
    peers: otherGateways(s),
  });
  const http = await serveStatus(
    PORTS.http,
    () => true,
    () => ({ cluster: s.cluster, pod: hostname(), clients: gateway.clients, counts: gateway.counts }),
  );
  const stopped = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.resolve());
  await stopped.promise;
  await gateway.close();
  http.close();
  await Promise.all([wire.close(), store.close()]);
}
