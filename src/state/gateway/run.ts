import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, ClusterName, Store } from '../../kernel/index.ts';
import { foldView } from '../machine/keys.ts';
import type { Wire } from '../ports.ts';
import type { RedisSecrets } from '../redisconf.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { Homes } from './homes.ts';
import { Peers } from './peers.ts';
import { tcpPeers } from './peers-tcp.ts';
import { Tokens } from './tokens.ts';

export interface GatewayParts {
  me: ClusterName;
  /** Where the app's keys lie in the store, such as `state/guestbook/`. */
  prefix: string;
  store: Pick<Store, 'watch'>;
  wire: Pick<Wire, 'open'>;
  /** The Redis of this cluster. */
  redis: { host: string; port: number };
  secrets: Pick<RedisSecrets, 'write' | 'read'>;
  clock: Clock;
  /** How long a command that was not sent waits for a home, milliseconds; the printed RTO and a second. */
  holdMs: number;
  /** How long a write waits for its second copy, milliseconds; default 5000. */
  ackMs?: number;
  /** `peers`: where the other gateways of this cluster reach this one. */
  listen: { host?: string; write: number; read: number; peers?: number };
  /** Addresses of the gateways of this cluster, this one among them or not. Absent = it is the only one. */
  peers?(): Promise<readonly string[]>;
}
export interface ClusterGateway extends Gateway {
  /** Other gateways that hear of every write, how often they were told, and how often nobody waited for a silent one. */
  readonly peers: { readonly size: number; readonly told: number; readonly skipped: number };
}

const PAUSE_MS = 500;

/** Hears from the store who is home; while the store is silent, what was heard last goes on. */
async function follow(p: GatewayParts, homes: Homes, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const all of p.store.watch(p.prefix, signal)) {
        const entries = all.entries.map((e) => ({ ...e, key: e.key.slice(p.prefix.length) }));
        const view = foldView(entries, { revision: all.revision, fresh: false });
        homes.set(view.epoch?.value, view.hold !== undefined);
      }
    } catch {
      // Asked again below: a gateway outlives its store.
    }
    await p.clock.sleep(PAUSE_MS, signal).catch(() => undefined);
  }
}

async function meet(p: GatewayParts, tokens: Tokens): Promise<Peers | undefined> {
  const { clock, listen, peers } = p;
  if (peers === undefined || listen.peers === undefined) return undefined;
  const net = tcpPeers({ host: listen.host ?? '0.0.0.0', port: listen.peers });
  return await Peers.start({ net, peers: () => peers(), tokens, clock, id: randomUUID() });
}

/** What every gateway tells its doors. */
export const doorsOf = (p: Pick<GatewayParts, 'secrets' | 'clock' | 'holdMs' | 'ackMs' | 'listen'>) => ({
  secrets: p.secrets,
  clock: p.clock,
  holdMs: p.holdMs,
  ...(p.ackMs === undefined ? {} : { ackMs: p.ackMs }),
  ...(p.listen.host === undefined ? {} : { host: p.listen.host }),
  writePort: p.listen.write,
  readPort: p.listen.read,
});

/** A stream to the Redis of this cluster. */
export async function localStream(redis: GatewayParts['redis']): Promise<Duplex> {
  const socket = connect(redis);
  socket.setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

/** The gateway of one cluster, until it is closed. Rejects when a port is taken. */
export async function clusterGateway(p: GatewayParts): Promise<ClusterGateway> {
  const homes = new Homes();
  const tokens = new Tokens();
  const peers = await meet(p, tokens);
  const openLocal = (): Promise<Duplex> => localStream(p.redis);
  const starting = startGateway({
    homes,
    tokens,
    ...(peers === undefined ? {} : { peers }),
    openHome: (v) => (v.primary === p.me ? openLocal() : p.wire.open(v.primary, 'data', { epoch: v.epoch, hop: 0 })),
    openLocal,
    ...doorsOf(p),
  });
  const gate = await starting.catch(async (error: unknown) => {
    await peers?.close();
    throw error;
  });
  const stop = new AbortController();
  const following = follow(p, homes, stop.signal);
  const more: Pick<ClusterGateway, 'peers' | 'close'> = {
    get peers() {
      return { size: peers?.size ?? 0, ...(peers?.counts ?? { told: 0, skipped: 0 }) };
    },
    close: async () => {
      stop.abort();
      await peers?.close();
      await gate.close();
      await following;
    },
  };
  return Object.setPrototypeOf(more, gate) as ClusterGateway;
}
