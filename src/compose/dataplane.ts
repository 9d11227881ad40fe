/** The processes of the state's data plane inside a cluster: agent and gateway. */

import { resolve4 } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import { leaderAway } from '../coordination/index.ts';
import { type ClusterName, systemClock } from '../kernel/index.ts';
import { EtcdAdmin, type EtcdOptions, EtcdStore } from '../kernel/store-etcd/index.ts';
import { activeRedis } from '../state/adapters/active-redis.ts';
import { localRedis } from '../state/adapters/local-redis.ts';
import { diskUse } from '../state/adapters/room.ts';
import { outboundWire, tlsWire } from '../state/adapters/wire.ts';
import {
  ActiveAgent,
  Agent,
  type AgentDoor,
  type AgentNote,
  activeGateway,
  clusterGateway,
  DATA,
  type DataKeys,
  gatewaysHost,
  PORTS,
  peerHost,
  peersIn,
  prefixOf,
  readTold,
  redisHost,
  type Settings,
} from '../state/index.ts';

const EVENTS = 200;
const LEADER_MS = 5000;
type Log = (line: string) => void;

const disk = () => diskUse(DATA);
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
    peersIn(s)
      .filter((v) => v !== s.cluster)
      .map((v) => [v, { host: peerHost(s.app, v), port: PORTS.wire }]),
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

/** What an agent did last, for people; `hear` writes it to the log too. */
function ring(): { events: AgentNote[]; hear(what: { did: string; end: string }): void } {
  const events: AgentNote[] = [];
  const hear = ({ did, end }: { did: string; end: string }): void => {
    events.push({ at: systemClock.now(), did, end });
    if (events.length > EVENTS) events.shift();
    log(`${did} ${end}`);
  };
  return { events, hear };
}

const wireOf = (s: Settings, keys: DataKeys, door: AgentDoor) =>
  tlsWire({
    me: s.cluster,
    peers: peersOf(s),
    listen: { host: '0.0.0.0', port: PORTS.wire },
    tls: keys.wire,
    door,
    redis: { host: '127.0.0.1', port: PORTS.redis },
    log,
  });

/** Runs an agent, and says how it stands to whoever asks, until a signal lets it leave in order. */
async function untilLeft(
  agent: { report(): object; leave(): void; run(signal: AbortSignal): Promise<void> },
  events: readonly AgentNote[],
): Promise<void> {
  const http = await serveStatus(
    PORTS.http,
    () => true,
    () => ({ ...agent.report(), events }),
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => agent.leave());
  await agent.run(new AbortController().signal);
  http.close();
}

/** Where all clusters write: until SIGTERM, then the others get what they lack and Redis is ended. */
async function runActiveAgent(s: Settings, keys: DataKeys): Promise<void> {
  const { events, hear } = ring();
  const redis = activeRedis({ host: '127.0.0.1', port: PORTS.redis, password: keys.users.agent, disk });
  let agent: ActiveAgent | undefined;
  const door = { epoch: () => agent?.epoch() ?? 0, pong: async () => await agent?.pong() };
  const wire = await wireOf(s, keys, door);
  const others = s.voters.filter((v) => v !== s.cluster);
  const password = keys.users.sync;
  agent = new ActiveAgent({ me: s.cluster, others, clock: systemClock, redis, wire, password, note: hear });
  await untilLeft(agent, events);
  redis.close();
  await wire.close();
}

/** The agent of one cluster with data, until SIGTERM: an orderly stop of its Redis. Throws TW5160. */
export async function runStateAgent(args: string[]): Promise<void> {
  const { settings, keys } = await readTold(args);
  await (settings.mode === 'active-active' ? runActiveAgent : runHomeAgent)(settings, keys);
}

/** Where one cluster is home: until SIGTERM, then Redis is fenced, saved, sealed and ended. */
async function runHomeAgent(s: Settings, keys: DataKeys): Promise<void> {
  const { events, hear } = ring();
  const redis = localRedis({ host: '127.0.0.1', port: PORTS.redis, password: keys.users.agent, disk });
  const store = new EtcdStore(etcdOf(s, keys));
  let agent: Agent | undefined;
  const door = { epoch: () => agent?.epoch() ?? 0, pong: async () => await agent?.pong() };
  const wire = await wireOf(s, keys, door);
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
      hear({ did: command.do === 'txn' ? `txn ${command.why}` : command.do, end });
    },
  });
  const here = agent;
  const end = new AbortController();
  const leading = leaderElsewhere(s, keys, { home: () => here.report().look?.role === 'primary', signal: end.signal });
  await untilLeft(here, events);
  end.abort();
  await leading;
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

interface Opened {
  gateway: Awaited<ReturnType<typeof clusterGateway>>;
  /** Of what the gateway uses. */
  close(): Promise<unknown>;
}
const gatewayOf = (s: Settings, keys: DataKeys) => ({
  me: s.cluster,
  redis: { host: redisHost(s.app), port: PORTS.redis },
  secrets: keys.users,
  clock: systemClock,
  holdMs: s.holdMs,
  listen: { write: PORTS.write, read: PORTS.read, peers: PORTS.peers },
});

async function openHomed(s: Settings, keys: DataKeys): Promise<Opened> {
  const store = new EtcdStore(etcdOf(s, keys));
  const wire = outboundWire({ me: s.cluster, peers: peersOf(s), tls: keys.wire, log });
  const parts = { prefix: prefixOf(s.app), store, wire, peers: otherGateways(s) };
  const gateway = await clusterGateway({ ...gatewayOf(s, keys), ...parts });
  return { gateway, close: () => Promise.all([wire.close(), store.close()]) };
}

async function openActive(s: Settings, keys: DataKeys): Promise<Opened> {
  const gateway = await activeGateway({ ...gatewayOf(s, keys), ack: s.ack });
  return { gateway, close: async () => undefined };
}

/** A gateway of one cluster, until SIGTERM. Throws TW5160. */
export async function runStateGateway(args: string[]): Promise<void> {
  const { settings: s, keys } = await readTold(args);
  const { gateway, close } = await (s.mode === 'active-active' ? openActive : openHomed)(s, keys);
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
  await close();
}
