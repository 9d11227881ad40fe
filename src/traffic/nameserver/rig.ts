import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dnsPacket, { type DecodedPacket } from 'dns-packet';
import { HOST, intent, snapshot } from '../machine/fixtures.ts';
import type { Site, Snapshot } from '../model.ts';
import { makeKeys, readToken, signSnapshot } from '../sign.ts';
import { type Nameserver, startNameserver } from './run.ts';
import { fileSource } from './sources.ts';

/** Three nameservers and three web sites on loopback, for tests of the process. */
export interface Rig {
  keys: ReturnType<typeof makeKeys>;
  servers: Record<string, Nameserver>;
  ask(cluster: string, over?: { source?: string; type?: 'A' | 'SOA' | 'TXT'; ecs?: string }): Promise<string[]>;
  web: Web;
  /** A new snapshot to the files of these clusters. */
  publish(clusters: string[], over: Partial<Snapshot>): Promise<Snapshot>;
  restart(cluster: string): Promise<void>;
  view(cluster: string): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

const NAMES = ['sao', 'mtl', 'syd'] as const;
const PLACES = [
  { lat: -23.55, lon: -46.63 },
  { lat: 45.5, lon: -73.57 },
  { lat: -33.87, lon: 151.21 },
];
const EDGES: Record<string, string> = { sao: '127.0.1.1', mtl: '127.0.1.2', syd: '127.0.1.3' };

interface Web {
  close(cluster: string): Promise<void>;
  open(cluster: string): Promise<void>;
  /** Connections are taken and never answered, as behind a firewall that drops. */
  hang(cluster: string): void;
  port: number;
}

/** A site for each cluster on an address of its own, all on one port. */
async function createWeb(): Promise<Web> {
  const port = await freePort();
  const servers = new Map<string, Server>();
  const hanging = new Set<string>();
  const web: Web = {
    port,
    hang: (cluster) => void hanging.add(cluster),
    open: async (cluster) => {
      hanging.delete(cluster);
      if (servers.has(cluster)) return;
      const server = createServer((_, res) => {
        if (!hanging.has(cluster)) res.end('ok');
      });
      server.listen(port, EDGES[cluster]);
      await once(server, 'listening');
      servers.set(cluster, server);
    },
    close: async (cluster) => {
      const server = servers.get(cluster);
      if (server === undefined) return;
      servers.delete(cluster);
      server.closeAllConnections();
      await new Promise<void>((r) => server.close(() => r()));
    },
  };
  for (const name of NAMES) await web.open(name);
  return web;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function askDns(port: number, over: { type?: 'A' | 'SOA' | 'TXT'; ecs?: string } = {}): Promise<DecodedPacket> {
  const [ip, bits] = (over.ecs ?? '').split('/');
  const options = ip
    ? [{ code: 8 as const, ip, family: 1, sourcePrefixLength: Number(bits), scopePrefixLength: 0 }]
    : [];
  const opt = { type: 'OPT' as const, name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0 };
  const query = dnsPacket.encode({
    type: 'query',
    id: 1 + Math.floor(Math.random() * 65_000),
    questions: [{ type: over.type ?? 'A', name: HOST }],
    additionals: options.length === 0 ? [] : [{ ...opt, flag_do: false, options }],
  });
  const socket = createSocket('udp4');
  try {
    socket.send(query, port, '127.0.0.1');
    const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(2000) })) as [Buffer];
    return dnsPacket.decode(message);
  } finally {
    socket.close();
  }
}

function sitesOf(servers: Record<string, Nameserver>): Site[] {
  return NAMES.map(
    (cluster, i): Site => ({
      cluster,
      cloud: 'existing',
      region: cluster,
      place: PLACES[i] ?? { lat: 0, lon: 0 },
      edges: { guestbook: { v4: [EDGES[cluster] ?? ''], v6: [] } },
      nameserver: {
        ip: '127.0.0.1',
        name: `ns-${cluster}.demo.tradewind.example`,
        dns: servers[cluster]?.dnsPort ?? 0,
        http: servers[cluster]?.httpPort ?? 0,
      },
    }),
  );
}

const clusterAt = (ip: unknown): string => NAMES.find((n) => EDGES[n] === ip) ?? String(ip);

async function readView(server: Nameserver | undefined, hmac: string): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${readToken(hmac)}` };
  const res = await fetch(`http://127.0.0.1:${server?.httpPort}/view`, { headers });
  return (await res.json()) as Record<string, unknown>;
}

export async function createRig(): Promise<Rig> {
  const keys = makeKeys();
  const dir = await mkdtemp(join(tmpdir(), 'tw-ns-'));
  const web = await createWeb();
  const servers: Record<string, Nameserver> = {};
  const start = (cluster: string, at: { dnsPort: number; httpPort: number }): Promise<Nameserver> =>
    startNameserver({
      cluster,
      fleet: 'guestbook-demo',
      host: '127.0.0.1',
      ...at,
      source: (deps) => fileSource(join(dir, `${cluster}.json`), deps),
      keys,
      stateDir: join(dir, cluster),
    });
  for (const name of NAMES) servers[name] = await start(name, { dnsPort: 0, httpPort: 0 });
  const sites = sitesOf(servers);
  let seq = 0;
  return {
    keys,
    servers,
    web,
    ask: async (cluster, over = {}) => {
      const reply = await askDns(servers[cluster]?.dnsPort ?? 0, { ecs: '198.19.101.0/24', ...over });
      return (reply.answers ?? []).map((a) => clusterAt((a as { data: unknown }).data));
    },
    publish: async (clusters, over) => {
      seq += 1;
      const health = { scheme: 'http' as const, port: web.port, path: '/healthz' };
      const shot: Snapshot = { ...snapshot(), seq, sites, intents: [intent({ health, ttl: 5 })], ...over };
      const text = JSON.stringify(signSnapshot(shot, keys.privateKey));
      for (const c of clusters) await writeFile(join(dir, `${c}.json`), text);
      return shot;
    },
    restart: async (cluster) => {
      const old = servers[cluster];
      if (old === undefined) return;
      await old.close();
      servers[cluster] = await start(cluster, { dnsPort: old.dnsPort, httpPort: old.httpPort });
    },
    view: (cluster) => readView(servers[cluster], keys.hmac),
    close: async () => {
      await Promise.all(Object.values(servers).map((s) => s.close()));
      await Promise.all(NAMES.map((c) => web.close(c)));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Milliseconds until the condition holds; throws after `limit`. */
export async function until(limit: number, condition: () => Promise<boolean>): Promise<number> {
  const start = performance.now();
  while (performance.now() - start < limit) {
    if (await condition().catch(() => false)) return performance.now() - start;
    await new Promise((r) => setTimeout(r, 25));
  }
  throw new Error(`not within ${limit} ms`);
}
