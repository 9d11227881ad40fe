import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Clock, type ClusterName, fault, systemClock } from '../../kernel/index.ts';
import type { SignedSnapshot } from '../model.ts';
import { Brain } from './brain.ts';
import { type HttpListener, listenHttp } from './http.ts';
import { createKeeper, type Keeper, loadKept } from './keep.ts';
import { Peers } from './peers.ts';
import { httpProber, namesLoop, type Prober, probeLoop, type Resolve, systemResolve } from './prober.ts';
import { createResponder, type Responder } from './responder.ts';
import { createRing, type Ring } from './ring.ts';
import { type DnsSockets, listenDns } from './sockets.ts';
import { fileSource, inCluster, kubernetesSource, type SnapshotSource, type SourceDeps } from './sources.ts';

export interface NameserverOptions {
  cluster: ClusterName;
  fleet: string;
  /** Address to listen on. Default 0.0.0.0. */
  host?: string;
  /** Default 53. 0 takes a free one. */
  dnsPort?: number;
  /** Default 8053. 0 takes a free one. */
  httpPort?: number;
  source: (deps: SourceDeps) => SnapshotSource;
  /** Ed25519 public key (PEM) of the snapshots, and the nameservers' shared key (hex). */
  keys: { publicKey: string; hmac: string };
  /** Folder that survives a restart of the process; without it nothing is kept. */
  stateDir?: string;
  clock?: Clock;
  prober?: Prober;
  resolve?: Resolve;
  log?: (line: string) => void;
}

export interface Nameserver {
  dnsPort: number;
  httpPort: number;
  close(): Promise<void>;
}

const TICK_MS = 250;

interface Parts {
  keeper: Keeper;
  brain: Brain;
  peers: Peers;
  ring: Ring;
  responder: Responder;
  clock: Clock;
  log: (line: string) => void;
}

async function assemble(o: NameserverOptions): Promise<Parts> {
  const clock = o.clock ?? systemClock;
  const log = o.log ?? (() => undefined);
  const file = o.stateDir === undefined ? undefined : join(o.stateDir, 'last.json');
  const hooks = { news: (): void => undefined, keep: (): void => undefined };
  const brain = new Brain({
    cluster: o.cluster,
    fleet: o.fleet,
    publicKey: o.keys.publicKey,
    clock,
    kept: await loadKept(file),
    onNews: () => hooks.news(),
    onKeep: () => hooks.keep(),
  });
  const ring = createRing();
  const responder = createResponder({ zone: () => brain.zone(), now: () => clock.now(), ring });
  const { counters } = responder;
  const peers = new Peers({ cluster: o.cluster, fleet: o.fleet, hmac: o.keys.hmac, brain, clock, counters });
  hooks.news = () => peers.poke();
  const failed = (error: unknown): void => log(`state not kept: ${String(error)}`);
  const keeper = createKeeper(file, () => brain.kept(), failed);
  hooks.keep = () => keeper.keep();
  keeper.keep();
  return { keeper, brain, peers, ring, responder, clock, log };
}

/** Both listeners, or none. */
async function listen(o: NameserverOptions, p: Parts): Promise<[DnsSockets, HttpListener]> {
  const host = o.host ?? '0.0.0.0';
  const ports = { dns: o.dnsPort ?? 53, http: o.httpPort ?? 8053 };
  const { brain, peers, ring, clock } = p;
  const about = { cluster: o.cluster, fleet: o.fleet, hmac: o.keys.hmac, counters: p.responder.counters };
  const deps = { ...about, brain, peers, ring, now: () => clock.now(), monotonic: () => clock.monotonic() };
  const opened = await Promise.allSettled([
    listenDns({ host, port: ports.dns }, p.responder),
    listenHttp({ host, port: ports.http }, deps),
  ]);
  const [dns, http] = opened;
  if (dns.status === 'fulfilled' && http.status === 'fulfilled') return [dns.value, http.value];
  for (const one of opened) if (one.status === 'fulfilled') await one.value.close();
  const cause: unknown = dns.status === 'rejected' ? dns.reason : (http as PromiseRejectedResult).reason;
  throw fault('TW4070', { value: `${host}:${ports.dns}, ${host}:${ports.http}`, cause });
}

function startLoops(o: NameserverOptions, p: Parts, signal: AbortSignal): Promise<unknown> {
  const { brain, clock, log } = p;
  const take = (signed: SignedSnapshot): void => {
    const what = brain.adopt(signed);
    if (what === 'invalid') log('snapshot ignored: wrong signature, form or fleet');
    if (what === 'adopted') log(`snapshot ${brain.snapshot()?.term}.${brain.snapshot()?.seq}`);
  };
  return Promise.all([
    o.source({ clock, log }).watch({ found: take, absent: () => brain.noted() }, signal),
    probeLoop(brain, { prober: o.prober ?? httpProber, clock, signal }),
    namesLoop(brain, { resolve: o.resolve ?? systemResolve(), clock, signal }),
    p.peers.run(signal),
  ]);
}

/** Starts serving; resolves when the ports are open. Throws TW4070 when they cannot be. */
export async function startNameserver(o: NameserverOptions): Promise<Nameserver> {
  const parts = await assemble(o);
  const [dns, http] = await listen(o, parts);
  const stop = new AbortController();
  const loops = startLoops(o, parts, stop.signal);
  const ticker = setInterval(() => parts.brain.tick(), TICK_MS);
  parts.log(`nameserver of ${o.cluster}: DNS on port ${dns.port}, HTTP on port ${http.port}`);
  return {
    dnsPort: dns.port,
    httpPort: http.port,
    close: async () => {
      if (stop.signal.aborted) return;
      clearInterval(ticker);
      stop.abort();
      await Promise.all([dns.close(), http.close(), parts.peers.close(), loops]);
      await parts.keeper.flush();
    },
  };
}

/** The process `tw run nameserver`: serves until the signal fires. */
export async function runNameserver(o: NameserverOptions & { signal: AbortSignal }): Promise<void> {
  const server = await startNameserver(o);
  if (!o.signal.aborted) await once(o.signal, 'abort');
  await server.close();
}

/**
 * Options of the process from its arguments: `--cluster --fleet --keys <folder with public.pem and
 * hmac> [--state <folder>] [--dns-port 53] [--http-port 8053] [--source kubernetes | file:<path>]`.
 */
export async function nameserverOptions(args: string[], env: NodeJS.ProcessEnv): Promise<NameserverOptions> {
  const values = parsed(args);
  const need = (name: 'cluster' | 'fleet' | 'keys'): string => {
    const value = values[name];
    if (value === undefined) throw fault('TW4071', { value: `--${name}` });
    return value;
  };
  const [cluster, fleet, keys] = [need('cluster'), need('fleet'), need('keys')];
  const source = values.source ?? 'kubernetes';
  return {
    cluster,
    fleet,
    ...(values.state === undefined ? {} : { stateDir: values.state }),
    dnsPort: portOf('--dns-port', values['dns-port'] ?? '53'),
    httpPort: portOf('--http-port', values['http-port'] ?? '8053'),
    keys: await readKeys(keys),
    source: (deps) =>
      source.startsWith('file:') ? fileSource(source.slice(5), deps) : kubernetesSource(inCluster(env), deps),
  };
}

const NAMES = ['cluster', 'fleet', 'keys', 'state', 'dns-port', 'http-port', 'source'] as const;

function parsed(args: string[]): Partial<Record<(typeof NAMES)[number], string>> {
  const options = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' as const }]));
  try {
    return parseArgs({ args, options }).values as ReturnType<typeof parsed>;
  } catch (cause) {
    throw fault('TW4071', { value: args.join(' '), cause });
  }
}

function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw fault('TW4071', { value: `${flag} ${text}`, why: ['a port is a number up to 65535'] });
}

async function readKeys(folder: string): Promise<NameserverOptions['keys']> {
  const key = async (name: string): Promise<string> => {
    const text = await readFile(join(folder, name), 'utf8').catch((cause: unknown) => {
      throw fault('TW4071', { value: join(folder, name), cause });
    });
    return text.trim();
  };
  return { publicKey: await key('public.pem'), hmac: await key('hmac') };
}
