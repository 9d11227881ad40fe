import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, ClusterName, Store } from '../../kernel/index.ts';
import { foldView } from '../machine/keys.ts';
import type { Wire } from '../ports.ts';
import type { RedisSecrets } from '../redisconf.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { Homes } from './homes.ts';

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
  listen: { host?: string; write: number; read: number };
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

/** The gateway of one cluster, until it is closed. Rejects when a port is taken. */
export async function clusterGateway(p: GatewayParts): Promise<Gateway> {
  const homes = new Homes();
  const openLocal = async (): Promise<Duplex> => {
    const socket = connect(p.redis);
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return socket;
  };
  const gate = await startGateway({
    homes,
    openHome: (v) => (v.primary === p.me ? openLocal() : p.wire.open(v.primary, 'data', { epoch: v.epoch, hop: 0 })),
    openLocal,
    secrets: p.secrets,
    clock: p.clock,
    holdMs: p.holdMs,
    ...(p.ackMs === undefined ? {} : { ackMs: p.ackMs }),
    ...(p.listen.host === undefined ? {} : { host: p.listen.host }),
    writePort: p.listen.write,
    readPort: p.listen.read,
  });
  const stop = new AbortController();
  const following = follow(p, homes, stop.signal);
  return Object.assign(Object.create(gate) as Gateway, {
    close: async () => {
      stop.abort();
      await gate.close();
      await following;
    },
  });
}
