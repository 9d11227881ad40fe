import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { KubeTwin } from '../../fleet/adapters/kube-twin.ts';
import { systemClock } from '../../kernel/index.ts';
import { LocalPods } from '../testing/pods.fixtures.ts';
import { programOf, RawClient } from '../testing/redis-process.ts';
import { SECRETS } from '../testing/secrets.ts';
import { Trio } from '../testing/trio.ts';
import { type PodAt, readIn, runIn, writeIn } from './adapters/pod-files.ts';
import { podLoader } from './adapters/pod-loader.ts';
import { replicaSource } from './adapters/replica-source.ts';
import { loaderContract } from './loader.contract.ts';

async function* in_(bytes: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}
async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const b of bytes) parts.push(b);
  return Buffer.concat(parts);
}

describe('files of a pod', () => {
  const dir = mkdtempSync(join(tmpdir(), 'twf-'));
  const pods = new LocalPods((o) => new KubeTwin('pods', o), { namespace: 'state-book' });
  pods.known.set('redis-0', () => ({ dir, port: 1 }));
  const at: PodAt = { api: pods.twin, namespace: 'state-book', name: 'redis-0', container: 'redis' };
  afterAll(() => rmSync(dir, { recursive: true }));

  it('go in and come out as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    await writeIn(at, '/data/x', in_(bytes), bytes.length);
    expect(readFileSync(join(dir, 'x')).equals(bytes)).toBe(true);
    expect((await all(readIn(at, '/data/x'))).equals(bytes)).toBe(true);
  });
  it('what fails says what it said', async () => {
    await expect(runIn(at, ['sh', '-c', 'echo no room >&2; exit 3'])).rejects.toThrow('sh ended with 3: no room');
    await expect(all(readIn(at, '/data/none'))).rejects.toThrow('ended with 1');
  });
});

describe.skipIf(programOf('redis-server') === undefined)('a throw-away pod', () => {
  loaderContract('pod', async () => {
    const own = await Trio.start();
    await own.primary('a', 1);
    const w = await RawClient.open({ host: '127.0.0.1', port: own.of('a').port });
    await w.ask('AUTH', 'tw-w', SECRETS.write);
    for (let i = 0; i < 100; i++) await w.ask('SET', `k${i}`, 'v'.repeat(100));
    await own.level();
    w.close();
    const dial = () => connect(own.of('b').port, '127.0.0.1');
    const s = replicaSource({ dial, secrets: SECRETS, clock: systemClock });
    const file = await all((await s.open()).bytes);
    const { engine } = await s.count();
    const pods = new LocalPods((o) => new KubeTwin('pods', o), { namespace: 'state-book' });
    return {
      loader: podLoader({
        api: pods.twin,
        namespace: 'state-book',
        image: 'redis:7.4',
        clock: systemClock,
        random: 'abcdef0123456789',
        signal: new AbortController().signal,
      }),
      file,
      holds: { engine, epoch: 1, keys: 100, canary: null },
      close: async () => {
        pods.close();
        await own.close();
      },
    };
  });
});
