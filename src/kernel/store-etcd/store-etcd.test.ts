import { existsSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeContract } from '../store.contract.ts';
import { EtcdStore } from './store.ts';
import { ETCD, EtcdRig } from './testing/rig.ts';

let rig: EtcdRig;
let roots = 0;
const root = (): string => `/tradewind/t${++roots}/`;

/** A way to a member whose answers are swallowed until it is healed. */
async function deafWay(url: string): Promise<{ url: string; deafen(): void; heal(): void }> {
  let deaf = false;
  const sockets = new Set<Socket>();
  const server = createServer((from) => {
    server.unref();
    const to = connect(Number(new URL(url).port), '127.0.0.1');
    for (const s of [from, to]) sockets.add(s.on('error', () => undefined));
    from.on('data', (b) => to.write(b));
    to.on('data', (b) => {
      if (!deaf) from.write(b);
    });
    to.on('close', () => from.destroy());
    from.on('close', () => to.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const at = server.address();
  return {
    url: `http://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`,
    deafen: () => {
      deaf = true;
    },
    heal: () => {
      deaf = false;
      for (const s of sockets) s.destroy();
    },
  };
}

/** What comes is kept for a moment and handed on as one chunk. */
function inPieces(tcp: Socket): Duplex {
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => tcp.write(chunk, () => done()),
    destroy: (e, done) => {
      tcp.destroy();
      done(e);
    },
  });
  let kept: Buffer[] = [];
  tcp.on('data', (b) => {
    if (kept.length === 0)
      setTimeout(() => {
        stream.push(Buffer.concat(kept));
        kept = [];
      }, 30);
    kept.push(b);
  });
  return stream;
}

describe.skipIf(!existsSync(ETCD))('one etcd', () => {
  beforeAll(async () => {
    rig = await EtcdRig.start(1);
  }, 30_000);
  afterAll(() => rig.stop());

  storeContract({
    name: 'etcd',
    leaseMs: 2000,
    open: async () => {
      const o = rig.options(root());
      return [new EtcdStore(o), new EtcdStore(o)];
    },
    silent: async () => {
      const o = rig.options(root());
      const way = await deafWay(o.endpoints[0]?.url ?? '');
      const broken = new EtcdStore({ ...o, endpoints: [{ name: 'm1', url: way.url }] });
      await broken.get('warm');
      way.deafen();
      return { broken, well: new EtcdStore(o), heal: async () => way.heal() };
    },
  });

  it('answers that come in one piece, as through a forwarded port, are read', async () => {
    const o = rig.options(root());
    const { hostname, port } = new URL(o.endpoints[0]?.url ?? '');
    const socket = (): Duplex => inPieces(connect(Number(port), hostname));
    const store = new EtcdStore({ ...o, endpoints: [{ name: 'm1', url: 'http://etcd.example', socket }] });
    expect(await store.cas('k', 0, 'v'.repeat(1000))).toBe('ok');
    expect((await store.get('k')).value).toHaveLength(1000);
    await store.close();
  });

  it('the root is a wall: neighbours do not see each other', async () => {
    const [a, b] = [new EtcdStore(rig.options('/tradewind/a/')), new EtcdStore(rig.options('/tradewind/a0/'))];
    await a.cas('k', 0, 1);
    expect(await b.list('')).toEqual([]);
    expect(await a.list('')).toEqual(['k']);
    await Promise.all([a.close(), b.close()]);
  });
});
