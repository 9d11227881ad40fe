import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { evaluate } from '../machine/evaluate.ts';
import { explain } from '../machine/explain.ts';
import { mask32, parseIp, widthOf } from '../machine/ip.ts';
import { snapshotId } from '../machine/world.ts';
import type { Query, World } from '../model.ts';
import { mayRead } from '../sign.ts';
import type { Brain } from './brain.ts';
import type { Peers } from './peers.ts';
import type { Counters } from './responder.ts';
import type { Ring } from './ring.ts';

export interface HttpDeps {
  cluster: string;
  fleet: string;
  hmac: string;
  brain: Brain;
  peers: Peers;
  ring: Ring;
  counters: Counters;
  now(): number;
  monotonic(): number;
}
type Result = { status: number; body: unknown };

const LARGEST_BODY = 8 << 20;

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of req as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > LARGEST_BODY) return undefined;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** Ready: it answers from a snapshot, or it is sure that the fleet has none yet (answers are SERVFAIL then). */
function healthz({ brain }: HttpDeps): Result {
  const s = brain.snapshot();
  const snapshot = s === undefined ? null : `${s.term}.${s.seq}`;
  return { status: brain.ready() ? 200 : 503, body: { ok: brain.ready(), snapshot } };
}

/** The cluster wants users: no hold on it. Cluster-local facts only, so nothing shared drains all at once. */
function gslb({ brain, cluster }: HttpDeps): Result {
  const hold = brain.snapshot()?.holds.find((h) => h.cluster === cluster);
  return brain.held() ? { status: 503, body: { ok: false, held: hold } } : { status: 200, body: { ok: true } };
}

function questionOf(params: URLSearchParams, world: World): Query | undefined {
  const ip = params.get('ip') ?? '';
  const addr = parseIp(ip);
  if (addr === undefined) return undefined;
  const resolver = params.get('resolver');
  const asked = resolver === null ? { source: ip } : { source: resolver, ecs: `${ip}/${widthOf(addr)}` };
  return { name: params.get('host') ?? world.intents[0]?.host ?? '', type: params.get('type') ?? 'A', ...asked };
}

/** The last answers to the /24 of a client. */
function recentFor(deps: HttpDeps, world: World, ip: string): { at: number; cluster: string | null; slot: number }[] {
  const addr = parseIp(ip);
  if (addr?.v !== 4) return [];
  const net = (addr.n & mask32(24)) >>> 0;
  const recent = deps.ring.recent(4096).filter((e) => e.net === net);
  return recent.slice(0, 10).map(({ at, site, slot }) => ({ at, cluster: world.sites[site]?.cluster ?? null, slot }));
}

function why(deps: HttpDeps, params: URLSearchParams): Result {
  const world = deps.brain.world();
  if (world === undefined) return { status: 503, body: { error: 'no snapshot yet' } };
  const query = questionOf(params, world);
  if (query === undefined) return { status: 400, body: { error: 'ip is not an address' } };
  const decision = evaluate(world, query);
  const lines = explain(decision, world.now);
  const recent = recentFor(deps, world, params.get('ip') ?? '');
  return { status: 200, body: { cluster: deps.cluster, query, decision, lines, at: world.now, recent } };
}

function view(deps: HttpDeps): Result {
  const { brain } = deps;
  const s = brain.snapshot();
  const mono = deps.monotonic();
  const peers = Object.entries(deps.peers.state()).map(([cluster, p]) => [
    cluster,
    { heardMsAgo: p.heardAt === undefined ? null : Math.round(mono - p.heardAt), error: p.error ?? null },
  ]);
  const votes = Object.entries(brain.votes()).map(([target, list]) => [
    target,
    list.map((v) => ({
      voter: v.voter,
      state: v.state,
      cause: v.cause,
      msAgo: Math.round(mono - v.at),
      held: v.held ?? false,
    })),
  ]);
  const snapshot = s === undefined ? null : { id: snapshotId(s), term: s.term, seq: s.seq, map: s.map.id };
  return {
    status: 200,
    body: {
      cluster: deps.cluster,
      fleet: deps.fleet,
      at: deps.now(),
      snapshot,
      held: brain.held(),
      holds: s?.holds ?? [],
      health: brain.health(),
      votes: Object.fromEntries(votes) as unknown,
      edges: Object.fromEntries(brain.targets().map((t) => [t.key, [...t.edge.v4, ...t.edge.v6]])),
      peers: Object.fromEntries(peers) as unknown,
      counters: deps.counters,
    },
  };
}

const REFUSED: Result = { status: 401, body: { error: 'read token wanted' } };

function signed({ brain }: HttpDeps): Result {
  const found = brain.signed();
  return found === undefined ? { status: 404, body: { error: 'no snapshot yet' } } : { status: 200, body: found };
}

async function peers(deps: HttpDeps, req: IncomingMessage): Promise<Result> {
  const reply = deps.peers.receive(await bodyOf(req));
  return reply === undefined ? { status: 401, body: { error: 'not believed' } } : { status: 200, body: reply };
}

type Route = (deps: HttpDeps, req: IncomingMessage, params: URLSearchParams) => Result | Promise<Result>;
const guarded =
  (route: Route): Route =>
  (deps, req, params) =>
    mayRead(deps.hmac, req.headers.authorization) ? route(deps, req, params) : REFUSED;

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /healthz': healthz,
  'GET /gslb/healthz': gslb,
  'GET /why': guarded((deps, _, params) => why(deps, params)),
  'GET /view': guarded(view),
  'GET /snapshot': guarded(signed),
  'POST /peers': peers,
};

async function route(deps: HttpDeps, req: IncomingMessage): Promise<Result> {
  const url = new URL(req.url ?? '/', 'http://nameserver');
  const found = ROUTES[`${req.method} ${url.pathname}`];
  return found === undefined ? { status: 404, body: { error: 'no such path' } } : found(deps, req, url.searchParams);
}

async function handle(deps: HttpDeps, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const result = await route(deps, req).catch((): Result => ({ status: 500, body: { error: 'failed' } }));
  res.writeHead(result.status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  res.end(`${JSON.stringify(result.body)}\n`);
}

export interface HttpListener {
  port: number;
  close(): Promise<void>;
}

export async function listenHttp(at: { host: string; port: number }, deps: HttpDeps): Promise<HttpListener> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5000 },
    (req, res) => void handle(deps, req, res),
  );
  server.maxConnections = 512;
  server.listen(at.port, at.host);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : at.port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((r) => server.close(() => r()));
    },
  };
}
