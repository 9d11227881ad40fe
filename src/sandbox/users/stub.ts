import { createSocket, type Socket } from 'node:dgram';
import type { QType, Resolved } from './model.ts';
import { decodeQuestion, encodeResolved } from './wire.ts';

const TYPES: readonly string[] = ['A', 'AAAA', 'CNAME', 'NS'];

/** The resolver of a user region as a DNS server (UDP): doors and tools in that region ask it. */
export async function serveStub(
  o: { address: string; port: number },
  lookup: (name: string, type: QType) => Promise<Resolved>,
): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, from) => {
    const q = decodeQuestion(bytes);
    if (q === undefined) return;
    const known = TYPES.includes(q.type);
    const answer = known
      ? lookup(q.name, q.type as QType)
      : Promise.resolve<Resolved>({ rcode: 'NOERROR', records: [], addresses: [], ttl: 0, asked: [] });
    answer.then((r) => socket.send(encodeResolved(q, r), from.port, from.address)).catch(() => undefined);
  });
  // A client that is gone must not end the resolver.
  socket.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(o.port, o.address, () => resolve());
  });
  return socket;
}
