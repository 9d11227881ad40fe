import { RequestScanner } from '../resp/requests.ts';
import { encode } from '../resp/values.ts';

const NOTHING = encode(['REPLCONF', 'ACK', 0]);
const LF = 10;

/**
 * Makes of what a replica says to its primary the same with every acknowledgement of offset 0: the primary keeps the
 * replica, and no WAIT ever counts it, whomever it follows. Takes the bytes as they come; throws ProtocolError.
 */
export function quieted(): (chunk: Buffer) => Buffer {
  const scanner = new RequestScanner();
  return (chunk) => {
    let alive = 0;
    // While it loads, a replica says with bare line ends that it lives.
    if (scanner.pending === 0) while (chunk[alive] === LF) alive += 1;
    const said = scanner.push(chunk.subarray(alive)).map((r) => {
      const ack = r.name === 'REPLCONF' && r.args[1]?.toString('latin1').toUpperCase() === 'ACK';
      return ack ? NOTHING : r.raw;
    });
    return Buffer.concat([chunk.subarray(0, alive), ...said]);
  };
}
