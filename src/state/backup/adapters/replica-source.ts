import type { Duplex } from 'node:stream';
import type { Clock } from '../../../kernel/index.ts';
import { MARKER, parseMarker } from '../../marker.ts';
import type { RedisSecrets } from '../../redisconf.ts';
import { encode } from '../../resp/values.ts';
import { CANARY } from '../model.ts';
import { SnapshotError, type SnapshotSource } from '../ports.ts';
import { countOver } from './counted.ts';
import { linked, Reader } from './stream.ts';

export interface ReplicaSourceOptions {
  /** A connection to the Redis of home, or of the copy that is read. */
  dial(to: 'home' | 'copy'): Duplex;
  /** Of home's cluster and of the copy's: `tw-w` is the same everywhere, the others are not. */
  secrets: Pick<RedisSecrets, 'write' | 'read' | 'copy'>;
  clock: Clock;
}

const WAIT_MS = 10_000;
const ARRIVE_MS = 15_000;
const POLL_MS = 100;

/** The handshake of a replica that wants the data and nothing after it (`rdb-only`): it is never in step, so WAIT never counts it. */
async function handshake(
  reader: Reader,
  stream: Duplex,
  password: string,
): Promise<{ replid: string; offset: number }> {
  const say = async (...args: string[]): Promise<string> => {
    stream.write(encode(args));
    const line = await reader.line();
    if (line.startsWith('-')) throw new SnapshotError('read', `${args[0]}: ${line.slice(1)}`);
    return line;
  };
  await say('AUTH', 'tw-copy', password);
  await say('REPLCONF', 'capa', 'eof', 'capa', 'psync2');
  await say('REPLCONF', 'rdb-only', '1');
  const [, replid = '', offset = ''] = /^\+FULLRESYNC ([0-9a-f]{40}) (\d+)$/.exec(await say('PSYNC', '?', '-1')) ?? [];
  if (replid === '') throw new SnapshotError('read', 'it did not offer its data');
  return { replid, offset: Number(offset) };
}

async function* dataOf(reader: Reader, stream: Duplex): AsyncIterable<Uint8Array> {
  try {
    const head = await reader.line();
    const mark = /^\$EOF:([0-9a-f]{40})$/.exec(head)?.[1];
    const size = /^\$(\d+)$/.exec(head)?.[1];
    if (mark !== undefined) yield* reader.until(Buffer.from(mark));
    else if (size !== undefined) yield* reader.exactly(Number(size));
    else throw new SnapshotError('read', `no data came: ${head.slice(0, 60)}`);
  } finally {
    stream.destroy();
  }
}

/** One copy, read as a replica reads it. */
export function replicaSource(o: ReplicaSourceOptions): SnapshotSource {
  const { clock, secrets } = o;
  const at = { clock, user: 'tw-r', password: secrets.read };
  const atHome = { clock, user: 'tw-w', password: secrets.write };
  return {
    plant: async (value) =>
      await linked(o.dial('home'), atHome, async (link) => {
        const marker = parseMarker((await link.say(['FCALL_RO', MARKER, 0])) ?? '');
        await link.ask(['SET', CANARY, value]);
        const w = marker?.w ?? 0;
        const got = Number(await link.ask(['WAIT', w, WAIT_MS], WAIT_MS * 2));
        if (got < w) throw new Error(`${got} of ${w} copies confirmed a write`);
      }),
    uproot: async () => await linked(o.dial('home'), atHome, async (link) => void (await link.ask(['DEL', CANARY]))),
    arrived: async (value) =>
      await linked(o.dial('copy'), at, async (link) => {
        const end = clock.monotonic() + ARRIVE_MS;
        while ((await link.say(['GET', CANARY])) !== value) {
          if (clock.monotonic() > end) throw new Error(`the copy lacks a write of home after ${ARRIVE_MS} ms`);
          await clock.sleep(POLL_MS);
        }
      }),
    count: async () => await linked(o.dial('copy'), at, countOver),
    open: async () => {
      const seen = await linked(o.dial('copy'), at, countOver);
      if (seen.role !== 'replica' || !seen.link)
        throw new SnapshotError('read', `this Redis is ${seen.role}: only a copy that follows home is read`);
      const stream = o.dial('copy');
      const reader = new Reader(stream, clock);
      try {
        const log = await handshake(reader, stream, secrets.copy);
        return { log, bytes: dataOf(reader, stream) };
      } catch (e) {
        stream.destroy();
        throw e;
      }
    },
  };
}
