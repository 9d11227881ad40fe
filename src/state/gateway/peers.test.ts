import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { freePortAt, untilTrue } from '../testing/redis-process.ts';
import { type PeerNet, Peers, type PeersOptions } from './peers.ts';
import { tcpPeers } from './peers-tcp.ts';
import { PeerWorld } from './peers-twin.ts';
import { Tokens } from './tokens.ts';

interface Site {
  peers: Peers;
  tokens: Tokens;
}
let open: Peers[] = [];
afterEach(async () => {
  await Promise.all(open.map((p) => p.close()));
  open = [];
});

/** Gateways that find each other, and themselves, by a list that may grow. */
class Fleet {
  readonly addresses: string[] = [];
  readonly #net: (address: string) => PeerNet;
  constructor(net: (address: string) => PeerNet) {
    this.#net = net;
  }
  async add(address: string, more: Partial<PeersOptions> = {}): Promise<Site> {
    this.addresses.push(address);
    const tokens = more.tokens ?? new Tokens();
    const peers = await Peers.start({
      net: this.#net(address),
      peers: async () => this.addresses,
      tokens,
      clock: systemClock,
      id: address,
      lookMs: 100,
      ...more,
    });
    open.push(peers);
    return { peers, tokens };
  }
}

const KINDS: readonly [string, () => Promise<{ fleet: Fleet; name: () => Promise<string> }>][] = [
  [
    'the twin',
    async () => {
      const world = new PeerWorld();
      let n = 0;
      return { fleet: new Fleet((a) => world.net(a)), name: async () => `gateway${++n}` };
    },
  ],
  [
    'TCP',
    async () => {
      const net = (a: string): PeerNet => tcpPeers({ host: '127.0.0.1', port: Number(a.split(':')[1]) });
      return { fleet: new Fleet(net), name: async () => `127.0.0.1:${await freePortAt()}` };
    },
  ],
];

describe.each(KINDS)('gateways that know of each other, by %s', (_, make) => {
  it('what is told is known by all others when the promise ends, and by itself nobody is told', async () => {
    const { fleet, name } = await make();
    const a = await fleet.add(await name());
    expect(a.peers.tell(['10.0.0.1'], { epoch: 3, offset: 70 })).toBeUndefined();
    const [b, c] = [await fleet.add(await name()), await fleet.add(await name())];
    await untilTrue('all have met', () => [a, b, c].every((s) => s.peers.size === 2));
    await a.peers.tell(['10.0.0.1', 'fd00::2'], { epoch: 3, offset: 80 });
    for (const s of [b, c]) {
      expect(s.tokens.get('10.0.0.1')).toEqual({ epoch: 3, offset: 80 });
      expect(s.tokens.get('fd00::2')).toEqual({ epoch: 3, offset: 80 });
    }
    await c.peers.tell(['10.0.0.1'], { epoch: 3, offset: 75 });
    expect(b.tokens.get('10.0.0.1')).toEqual({ epoch: 3, offset: 80 });
    expect(a.peers.counts).toEqual({ told: 2, skipped: 0 });
  });

  it('one that starts later knows at once what was written before', async () => {
    const { fleet, name } = await make();
    const tokens = new Tokens();
    tokens.raise('10.0.0.1', { epoch: 3, offset: 80 });
    await fleet.add(await name(), { tokens });
    const b = await fleet.add(await name());
    expect(b.tokens.get('10.0.0.1')).toEqual({ epoch: 3, offset: 80 });
  });

  it('one that ends is waited for by nobody, and found again', async () => {
    const { fleet, name } = await make();
    const a = await fleet.add(await name());
    const there = await name();
    const b = await fleet.add(there);
    await untilTrue('met', () => a.peers.size === 1);
    await b.peers.close();
    await untilTrue('gone', () => a.peers.size === 0);
    expect(a.peers.tell(['x'], { epoch: 1, offset: 1 })).toBeUndefined();
    fleet.addresses.pop();
    await fleet.add(there);
    await untilTrue('met again', () => a.peers.size === 1);
  });
});

it('a silent peer is waited for once, then skipped for a while and counted, then waited for again', async () => {
  const world = new PeerWorld();
  const fleet = new Fleet((a) => world.net(a));
  const a = await fleet.add('a', { waitMs: 30, skipMs: 150 });
  const b = await fleet.add('b');
  await untilTrue('met', () => a.peers.size === 1 && b.peers.size === 1);
  world.silence('b', true);
  await a.peers.tell(['x'], { epoch: 1, offset: 1 });
  expect(b.tokens.get('x')).toBeUndefined();
  expect(a.peers.tell(['x'], { epoch: 1, offset: 2 })).toBeUndefined();
  expect(a.peers.counts).toEqual({ told: 2, skipped: 2 });
  world.silence('b', false);
  await untilTrue('no longer skipped', () => a.peers.tell(['x'], { epoch: 1, offset: 3 }) !== undefined);
  await untilTrue('known', () => b.tokens.get('x')?.offset === 3);
});

it('nonsense at the door ends that connection alone', async () => {
  const port = await freePortAt();
  const net = tcpPeers({ host: '127.0.0.1', port });
  const tokens = new Tokens();
  const fleet = new Fleet(() => net);
  await fleet.add(`127.0.0.1:${port}`, { tokens });
  for (const words of ['GET / HTTP/1.1\r\n\r\n', 'tell 1 x y z\n', `${'a'.repeat(300_000)}`]) {
    const s = await net.connect(`127.0.0.1:${port}`);
    s.on('error', () => undefined);
    s.resume();
    s.end(words);
    await untilTrue('closed', () => s.destroyed);
  }
  expect(tokens.all()).toEqual([]);
});
