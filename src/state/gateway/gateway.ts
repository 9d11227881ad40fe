import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Core, type GatewayDeps } from './core.ts';
import { Session } from './session.ts';

export interface GatewayOptions extends GatewayDeps {
  /** Default 0.0.0.0. */
  host?: string;
  /** Port behind `redis-master`, and behind `redis-slave`; 0 = a free one. */
  writePort: number;
  readPort: number;
}

export interface Gateway {
  readonly writePort: number;
  readonly readPort: number;
  /** What it did so far. */
  readonly counts: Readonly<Core['counts']>;
  readonly clients: number;
  close(): Promise<void>;
}

async function listening(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  const at = server.address();
  return at === null || typeof at === 'string' ? port : at.port;
}

/** Opens both doors for apps. Rejects when a port is taken. */
export async function startGateway(o: GatewayOptions): Promise<Gateway> {
  const core = new Core(o);
  const sockets = new Set<Socket>();
  let id = 0;
  const door = (kind: 'write' | 'read'): Server =>
    createServer({ allowHalfOpen: true }, (socket) => {
      id += 1;
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      new Session(core, socket, { kind, id });
    });
  const [write, read] = [door('write'), door('read')];
  const host = o.host ?? '0.0.0.0';
  const writePort = await listening(write, o.writePort, host);
  const readPort = await listening(read, o.readPort, host).catch((error: unknown) => {
    write.close();
    throw error;
  });
  const stop = new AbortController();
  const behind = [core.learn(stop.signal), core.watch(stop.signal)];
  return {
    writePort,
    readPort,
    counts: core.counts,
    get clients() {
      return sockets.size;
    },
    close: async () => {
      stop.abort();
      for (const s of sockets) s.destroy();
      for (const s of [write, read]) s.close();
      await Promise.all(behind);
    },
  };
}
