import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { SITES, snapshot } from '../machine/fixtures.ts';
import type { SignedSnapshot, Site, Snapshot } from '../model.ts';
import { mac, makeKeys, signSnapshot } from '../sign.ts';
import { Brain, type Sheet } from './brain.ts';
import { Peers } from './peers.ts';
import { until } from './rig.ts';

const keys = makeKeys();
const other = makeKeys();
const FLEET = 'guestbook-demo';
const T = 'sao/guestbook';
const closers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function createNode(cluster: string): { brain: Brain; peers: Peers } {
  const noop = (): void => undefined;
  const base = { cluster, fleet: FLEET, clock: systemClock };
  const brain = new Brain({
    ...base,
    publicKey: keys.publicKey,
    kept: { health: {}, boot: 0 },
    onNews: noop,
    onKeep: noop,
  });
  const peers = new Peers({ ...base, hmac: keys.hmac, brain, counters: {} });
  closers.push(() => peers.close());
  return { brain, peers };
}

/** What a node receives, recorded as it came over the wire. */
async function serve(peers: Peers): Promise<{ port: number; bodies: unknown[] }> {
  const bodies: unknown[] = [];
  const server: Server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (c: Buffer) => parts.push(c));
    req.on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(parts).toString());
      bodies.push(body);
      const reply = peers.receive(body);
      res.writeHead(reply === undefined ? 401 : 200).end(JSON.stringify(reply ?? {}));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, bodies };
}

const sign = (s: Snapshot): SignedSnapshot => signSnapshot(s, keys.privateKey);
const sheetOf = (over: Partial<Sheet>): Sheet => ({
  fleet: FLEET,
  from: 'mtl',
  boot: 1,
  n: 1,
  held: false,
  votes: { [T]: { state: 'down', cause: 'timeout' } },
  snapshot: null,
  ...over,
});
function push(sheet: Sheet, key = keys.hmac) {
  const text = JSON.stringify(sheet);
  return { sheet: text, nonce: 'n', mac: mac(key, 'push', `n\n${text}`) };
}
const voters = (brain: Brain): string[] => (brain.votes()[T] ?? []).map((v) => `${v.voter} ${v.state}`);

it('adopts only what is signed, for this fleet, newer, and can be served', () => {
  const { brain } = createNode('sao');
  expect(brain.adopt(signSnapshot(snapshot({ seq: 2 }), other.privateKey))).toBe('invalid');
  expect(brain.adopt(sign(snapshot({ fleet: 'other', seq: 2 })))).toBe('invalid');
  expect(brain.adopt({ text: '{', signature: '' })).toBe('invalid');
  const second = sign(snapshot({ seq: 2 }));
  expect([brain.adopt(second), brain.adopt(second), brain.adopt(sign(snapshot({ seq: 1 })))]).toEqual([
    'adopted',
    'same',
    'older',
  ]);
  expect(brain.adopt({ ...second, text: second.text.replace('"seq":2', '"seq":9') })).toBe('invalid');
  const unspeakable = snapshot({
    seq: 3,
    intents: snapshot().intents.map((i) => ({ ...i, host: `${'x'.repeat(64)}.example` })),
  });
  expect(brain.adopt(sign(unspeakable))).toBe('invalid');
  expect(brain.snapshot()?.seq).toBe(2);
  expect(brain.adopt(sign(snapshot({ term: 2, seq: 1 })))).toBe('adopted');
});

it('believes a push only after a reply with its own nonce has proved that start of the peer', async () => {
  const a = createNode('sao');
  const b = createNode('mtl');
  const [atA, atB] = [await serve(a.peers), await serve(b.peers)];
  const ports: Record<string, number> = { sao: atA.port, mtl: atB.port };
  const sites = SITES.filter((s) => ports[s.cluster] !== undefined).map(
    (s): Site => ({
      ...s,
      nameserver: { ip: '127.0.0.1', name: `ns-${s.cluster}.example`, http: ports[s.cluster] ?? 0 },
    }),
  );
  const shot = snapshot({ sites, voters: ['sao', 'mtl'] });
  const first = push(sheetOf({ boot: b.brain.boot, n: 1 }));
  expect(a.peers.receive(first)).toBeDefined();
  expect(a.peers.receive(push(sheetOf({}), other.hmac))).toBeUndefined();
  expect(voters(a.brain)).toEqual([]);

  b.brain.adopt(sign(shot));
  a.brain.adopt(sign(shot));
  b.brain.probed(T, { ok: true, cause: 'ok', detail: '200', ms: 1 });
  a.peers.poke();
  await until(2000, async () => voters(a.brain).join() === 'mtl up');

  // Now that start is proved: an old number is a replay, a higher one is news, another start is not proved.
  a.peers.receive(first);
  a.peers.receive(push(sheetOf({ boot: b.brain.boot + 1, n: 99 })));
  expect(voters(a.brain)).toEqual(['mtl up']);
  a.peers.receive(push(sheetOf({ boot: b.brain.boot, n: 99 })));
  expect(voters(a.brain)).toEqual(['mtl down']);
});

it('passes a snapshot on in both directions, whoever asks', async () => {
  const a = createNode('sao');
  const b = createNode('mtl');
  const [atA, atB] = [await serve(a.peers), await serve(b.peers)];
  const sites = SITES.map((s): Site => {
    const http = s.cluster === 'sao' ? atA.port : atB.port;
    return { ...s, nameserver: { ip: '127.0.0.1', name: `ns-${s.cluster}.example`, http } };
  }).slice(0, 2);
  a.brain.adopt(sign(snapshot({ sites, seq: 1 })));
  a.peers.poke();
  await until(2000, async () => b.brain.snapshot()?.seq === 1);
  b.brain.adopt(sign(snapshot({ sites, seq: 2 })));
  a.peers.poke();
  await until(2000, async () => a.brain.snapshot()?.seq === 2);
  expect(atB.bodies.some((x) => (x as { snapshot?: unknown }).snapshot !== undefined)).toBe(true);
});

it('goes where a peer is now, also when the place where it was keeps silent for longer than an interval', async () => {
  const a = createNode('sao');
  const b = createNode('mtl');
  const atB = await serve(b.peers);
  // As an address that nobody has any more: it takes the connection and never answers.
  let asked = 0;
  const silent = createServer(() => void (asked += 1));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  closers.push(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const sitesAt = (port: number): Site[] =>
    SITES.slice(0, 2).map(
      (s): Site => ({ ...s, nameserver: { ip: '127.0.0.1', name: `ns-${s.cluster}.example`, http: port } }),
    );
  a.brain.adopt(sign(snapshot({ sites: sitesAt((silent.address() as { port: number }).port), seq: 1 })));
  a.peers.poke();
  await until(2000, async () => asked === 1);
  a.peers.poke();
  const moved = sign(snapshot({ sites: sitesAt(atB.port), seq: 2 }));
  for (const node of [a, b]) node.brain.adopt(moved);
  b.brain.probed(T, { ok: true, cause: 'ok', detail: '200', ms: 1 });
  a.peers.poke();
  await until(10_000, async () => voters(a.brain).join() === 'mtl up');
  expect(asked).toBe(1);
});
