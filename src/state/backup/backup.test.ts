import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { processLoader } from '../testing/process-loader.ts';
import { programOf, RawClient } from '../testing/redis-process.ts';
import { SECRETS } from '../testing/secrets.ts';
import { Trio } from '../testing/trio.ts';
import { folderVault } from './adapters/folder-vault.ts';
import { replicaSource } from './adapters/replica-source.ts';
import { loaderContract } from './loader.contract.ts';
import { CANARY } from './model.ts';
import type { Vault } from './ports.ts';
import { manifestsIn, removeSnapshot, takeSnapshot } from './take.ts';
import { memoryLoader, memorySource, memoryVault, type TwinData } from './twin.ts';
import { vaultContract } from './vault.contract.ts';

const clock = systemClock;
const named = { fleet: 'f', app: 'book', kind: 'snapshot', from: 'b', home: 'a' } as const;
const data = (): TwinData => ({ engine: '7.0.15', epoch: 3, words: { x: '1', y: '2' } });

async function bytesIn(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of bytes) parts.push(chunk);
  return Buffer.concat(parts);
}
/** Gives back something else than it was given. */
const bent = (vault: Vault, bend: (b: Buffer) => Buffer): Vault => ({
  ...vault,
  get: async function* (name) {
    const all = await bytesIn(vault.get(name));
    yield name.endsWith('.rdb') ? bend(all) : all;
  },
});
const flip = (b: Buffer): Buffer => {
  const c = Buffer.from(b);
  c[c.length >> 1] = (c[c.length >> 1] ?? 0) ^ 1;
  return c;
};

vaultContract('memory', async () => ({ vault: memoryVault(), close: async () => undefined }));
vaultContract('folder', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'twv-'));
  return { vault: folderVault(join(dir, 'deep')), close: async () => rmSync(dir, { recursive: true }) };
});
loaderContract('memory', async () => {
  const file = await bytesIn((await memorySource(data()).open()).bytes);
  const holds = { engine: '7.0.15', epoch: 3, keys: 2, canary: null };
  return { loader: memoryLoader('7.0.15'), file, holds, close: async () => undefined };
});

describe('a snapshot', () => {
  const take = async (x: { vault?: Vault; engine?: string; source?: ReturnType<typeof memorySource> } = {}) => {
    const vault = x.vault ?? memoryVault();
    const source = x.source ?? memorySource(data());
    const p = { clock, source, vault, loader: memoryLoader(x.engine ?? '7.0.15') };
    return { m: await takeSnapshot(p, { ...named, id: 'book-1', canary: 'c1' }), vault, source };
  };

  it('is verified once it was read back and loaded, and leaves no canary', async () => {
    const { m, vault, source } = await take();
    expect(m).toMatchObject({ is: 'verified', keys: 3, engine: '7.0.15', log: { epoch: 3, offset: 100 } });
    expect(source.data.words[CANARY]).toBeUndefined();
    expect(await manifestsIn(vault, named)).toEqual([m]);
    await removeSnapshot(vault, m);
    expect(await vault.list('')).toEqual([]);
  });
  it('a byte that changed in the vault is refused by its digest, and nothing is loaded', async () => {
    const { m } = await take({ vault: bent(memoryVault(), flip) });
    expect(m).toMatchObject({ is: 'failed', step: 'digest' });
  });
  it('a truncated file is refused', async () => {
    const { m } = await take({ vault: bent(memoryVault(), (b) => b.subarray(0, b.length - 9)) });
    expect(m).toMatchObject({ is: 'failed', step: 'digest' });
  });
  it('another engine is said with both versions', async () => {
    const { m } = await take({ engine: '6.2.1' });
    expect(m).toMatchObject({ is: 'failed', step: 'engine', why: 'loaded by Redis 6.2.1, written by 7.0.15' });
  });
  it('a copy that never got the canary is no snapshot', async () => {
    const source = { ...memorySource(data()), plant: async () => undefined };
    expect((await take({ source })).m).toMatchObject({ is: 'failed', step: 'canary' });
  });
  it('a primary is not read', async () => {
    const source = memorySource(data());
    source.role = 'primary';
    const { m, vault } = await take({ source });
    expect(m).toMatchObject({ is: 'failed', step: 'read' });
    expect((await manifestsIn(vault, named))[0]).toEqual(m);
  });
});

describe.skipIf(programOf('redis-server') === undefined)('with real Redis', () => {
  let trio: Trio;
  let writer: RawClient;
  const source = (copy = 'b') =>
    replicaSource({
      dial: (to) => connect(trio.of(to === 'home' ? 'a' : copy).port, '127.0.0.1'),
      secrets: SECRETS,
      clock,
    });
  beforeAll(async () => {
    trio = await Trio.start();
    await trio.primary('a', 1);
    writer = await RawClient.open({ host: '127.0.0.1', port: trio.of('a').port });
    await writer.ask('AUTH', 'tw-w', SECRETS.write);
    for (let i = 0; i < 3000; i++) writer.send(`SET k${i} ${'v'.repeat(200)}${i}\r\n`);
    await writer.pipeline([['PING']]).catch(() => undefined);
    await trio.level();
  }, 60_000);
  afterAll(async () => {
    writer.close();
    await trio.close();
  });

  it('a copy is read under writes, loaded and verified; no write waits for it or counts it', async () => {
    let on = true;
    let written = 0;
    const client = await RawClient.open({ host: '127.0.0.1', port: trio.of('a').port });
    await client.ask('AUTH', 'tw-w', SECRETS.write);
    const writes = (async () => {
      while (on) {
        await client.pipeline([
          ['RPUSH', 'log', written],
          ['SET', `w${written % 50}`, written],
        ]);
        written += 1;
      }
    })();
    const m = await takeSnapshot(
      { clock, source: source(), vault: memoryVault(), loader: processLoader },
      { ...named, id: 'book-2', canary: 'nonce' },
    );
    on = false;
    await writes;
    client.close();
    expect(m.why).toBeUndefined();
    expect(m).toMatchObject({ is: 'verified', log: { epoch: 1 } });
    expect(written).toBeGreaterThan(10);
    expect(m.keys).toBeGreaterThan(3000);
    // What was on its way to the reader made nobody a copy.
    const home = await trio.of('a').local.look();
    expect(home.replicas).toBe(2);
  }, 30_000);

  it('a reader is never counted by WAIT, not even at the copy it reads', async () => {
    const { bytes } = await source().open();
    const agent = await RawClient.open({ host: '127.0.0.1', port: trio.of('b').port });
    await agent.ask('AUTH', 'tw-agent', SECRETS.agent);
    const info = ((await agent.ask('INFO', 'replication')) as Buffer).toString();
    expect(info).not.toMatch(/state=online/);
    expect(info).toMatch(/min_slaves_good_slaves:0|connected_slaves:[01]/);
    for await (const _ of bytes);
    agent.close();
  });

  it('home refuses to be read, by its role and by its users', async () => {
    await expect(source('a').open()).rejects.toMatchObject({ step: 'read', message: /is primary/ });
    const raw = await RawClient.open({ host: '127.0.0.1', port: trio.of('a').port });
    expect(await raw.ask('AUTH', 'tw-copy', SECRETS.copy)).toMatchObject({ text: /WRONGPASS/ });
    raw.close();
  });

  it('a reader that was let in before a fence is put out by it', async () => {
    const raw = await RawClient.open({ host: '127.0.0.1', port: trio.of('c').port });
    await raw.ask('AUTH', 'tw-copy', SECRETS.copy);
    await trio.primary('a', 1);
    await expect(raw.ask('PING')).rejects.toThrow('closed');
    raw.close();
  });

  it('keys whose time is over are counted on both sides', async () => {
    const client = await RawClient.open({ host: '127.0.0.1', port: trio.of('a').port });
    await client.ask('AUTH', 'tw-w', SECRETS.write);
    await client.pipeline(Array.from({ length: 300 }, (_, i) => ['SET', `short${i}`, 'v', 'PX', '30']));
    client.close();
    const m = await takeSnapshot(
      { clock, source: source(), vault: memoryVault(), loader: processLoader },
      { ...named, id: 'book-3', canary: 'n3' },
    );
    expect(m.why).toBeUndefined();
  }, 30_000);

  loaderContract('redis-server', async () => {
    const own = await Trio.start();
    await own.primary('a', 1);
    const w = await RawClient.open({ host: '127.0.0.1', port: own.of('a').port });
    await w.ask('AUTH', 'tw-w', SECRETS.write);
    for (let i = 0; i < 200; i++) await w.ask('SET', `k${i}`, 'v'.repeat(100));
    await w.ask('SET', CANARY, 'here');
    await own.level();
    const s = replicaSource({ dial: () => connect(own.of('b').port, '127.0.0.1'), secrets: SECRETS, clock });
    const file = await bytesIn((await s.open()).bytes);
    const { engine } = await s.count();
    w.close();
    return {
      loader: processLoader,
      file,
      holds: { engine, epoch: 1, keys: 201, canary: 'here' },
      close: async () => await own.close(),
    };
  });
});
