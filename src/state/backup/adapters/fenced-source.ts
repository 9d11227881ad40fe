import type { Duplex } from 'node:stream';
import type { Clock } from '../../../kernel/index.ts';
import type { SnapshotSource } from '../ports.ts';
import { countOver } from './counted.ts';
import { type PodAt, readIn } from './pod-files.ts';
import { type Link, linked } from './stream.ts';

export interface FencedSourceOptions {
  pod: PodAt;
  dial(): Duplex;
  /** Of `tw-agent`. */
  password: string;
  clock: Clock;
}

const SAVE_MS = 300_000;
const POLL_MS = 200;

/** Waits until no save runs. */
export async function saved(link: Link, clock: Clock): Promise<void> {
  const end = clock.monotonic() + SAVE_MS;
  while ((await countOver(link)).saving) {
    if (clock.monotonic() > end) throw new Error(`it still saves after ${SAVE_MS} ms`);
    await clock.sleep(POLL_MS);
  }
}

/** A Redis that is fenced offers its data to no replica: it writes its file, and the file is read. Nothing is planted. */
export function fencedSource(o: FencedSourceOptions): SnapshotSource {
  const at = { clock: o.clock, user: 'tw-agent', password: o.password };
  return {
    plant: async () => undefined,
    uproot: async () => undefined,
    arrived: async () => undefined,
    count: async () => await linked(o.dial(), at, countOver),
    open: async () =>
      await linked(o.dial(), at, async (link) => {
        await saved(link, o.clock);
        await link.ask(['BGSAVE']);
        await saved(link, o.clock);
        const info = (await link.say(['INFO', 'persistence'])) ?? '';
        if (!/^rdb_last_bgsave_status:ok/m.test(info)) throw new Error('it could not write its file');
        const { replid, offset } = await countOver(link);
        return { log: { replid, offset }, bytes: readIn(o.pod, '/data/dump.rdb') };
      }),
  };
}
