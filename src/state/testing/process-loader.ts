// Loads snapshots in a redis-server of this machine, as the pod of a cluster does.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../kernel/index.ts';
import { countOver } from '../backup/adapters/counted.ts';
import { linked } from '../backup/adapters/stream.ts';
import { CANARY } from '../backup/model.ts';
import { type Loader, SnapshotError } from '../backup/ports.ts';
import { freePortAt, programOf, RedisProcess, untilTrue } from './redis-process.ts';

export const processLoader: Loader = {
  load: async (bytes) => {
    const redis = new RedisProcess({ host: '127.0.0.1', port: await freePortAt() });
    try {
      const parts: Uint8Array[] = [];
      for await (const chunk of bytes) parts.push(chunk);
      const file = join(redis.dir, 'dump.rdb');
      writeFileSync(file, Buffer.concat(parts));
      await promisify(execFile)(programOf('redis-check-rdb') ?? 'redis-check-rdb', [file]);
      const lines = [`port ${redis.port}`, 'bind 127.0.0.1', `dir ${redis.dir}`, 'save ""', 'requirepass x'];
      await redis.start([...lines, 'replicaof 127.0.0.1 1', ''].join('\n'));
      const look = async () =>
        await linked(connect(redis.port, '127.0.0.1'), { clock: systemClock, password: 'x' }, async (link) => {
          const { engine, epoch, keys } = await countOver(link);
          return { engine, epoch, keys, canary: await link.say(['GET', CANARY]) };
        });
      await untilTrue('it is loaded', async () => (await look()).keys >= 0);
      return await look();
    } catch (e) {
      throw new SnapshotError('load', e instanceof Error ? e.message : String(e), e);
    } finally {
      await redis.close();
    }
  },
};
