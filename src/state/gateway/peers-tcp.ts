import { once } from 'node:events';
import { connect, createServer, isIP } from 'node:net';
import type { PeerNet } from './peers.ts';

const KEEP_ALIVE_MS = 15_000;

/** Gateways by TCP. An address is an IP or a name, with `:port` when theirs is not the port of the own door. */
export function tcpPeers(at: { host: string; port: number }): PeerNet {
  const placeOf = (address: string): { host: string; port: number } => {
    const url = new URL(`tcp://${isIP(address) === 6 ? `[${address}]` : address}`);
    return { host: url.hostname.replaceAll(/[[\]]/g, ''), port: Number(url.port || at.port) };
  };
  return {
    connect: async (address) => {
      const socket = connect(placeOf(address));
      socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
      await once(socket, 'connect');
      return socket;
    },
    listen: async (take) => {
      const server = createServer((s) => take(s.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)));
      server.listen(at.port, at.host);
      await once(server, 'listening');
      return { close: () => void server.close() };
    },
  };
}
