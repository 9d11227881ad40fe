import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { RespError, type Value } from '../resp/values.ts';
import { programOf, RawClient, untilTrue } from '../testing/redis-process.ts';
import { SECRETS } from '../testing/secrets.ts';
import { Trio } from '../testing/trio.ts';
import { type Gateway, type GatewayOptions, startGateway } from './gateway.ts';
import { Homes } from './homes.ts';
import { Peers } from './peers.ts';
import { PeerWorld } from './peers-twin.ts';
import { Tokens } from './tokens.ts';

const plain = (v: Value): unknown =>
  Buffer.isBuffer(v) ? v.toString() : v instanceof RespError ? `-${v.text}` : Array.isArray(v) ? v.map(plain) : v;

async function stream(port: number) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

const missing = programOf('redis-server') === undefined;

class Rig {
  readonly homes = new Homes();
  readonly trio: Trio;
  gate!: Gateway;
  readonly #clients: RawClient[] = [];

  private constructor(trio: Trio) {
    this.trio = trio;
  }

  /** The gateway of cluster `b`; `a` is home with w = 1. */
  static async open(holdCommands = 10_000): Promise<Rig> {
    const rig = new Rig(await Trio.start());
    rig.homes.set(await rig.trio.primary('a', 1));
    rig.gate = await rig.another({ holdCommands });
    return rig;
  }

  /** One more gateway of the cluster, with a watch of its own. */
  another(more: Partial<GatewayOptions> = {}): Promise<Gateway> {
    return startGateway({
      homes: this.homes,
      openHome: (v) => stream(this.trio.of(v.primary).port),
      openLocal: () => stream(this.trio.of('b').port),
      secrets: SECRETS,
      clock: systemClock,
      holdMs: 3000,
      ackMs: 1000,
      host: '127.0.0.1',
      writePort: 0,
      readPort: 0,
      ...more,
    });
  }

  async app(port: number, localAddress = '127.0.0.1') {
    const client = await RawClient.open({ host: '127.0.0.1', port, localAddress });
    this.#clients.push(client);
    return {
      client,
      ask: async (...args: (string | number)[]) => plain(await client.ask(...args)),
      pipe: async (...commands: (string | number)[][]) => (await client.pipeline(commands)).map(plain),
    };
  }

  async close(): Promise<void> {
    for (const c of this.#clients.splice(0)) c.close();
    await this.gate.close();
    await this.trio.close();
  }
}

let rig: Rig;
const master = (from?: string) => rig.app(rig.gate.writePort, from);
const slave = (from?: string) => rig.app(rig.gate.readPort, from);

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'gateway, all well', () => {
  beforeAll(async () => void (rig = await Rig.open()));
  afterAll(() => rig.close());

  it('the guestbook: RPUSH at the master, LRANGE at the slave shows it, INFO answers', async () => {
    const [m, s] = [await master(), await slave()];
    for (let i = 1; i <= 50; i++) {
      expect(await m.ask('RPUSH', 'guestbook', `hello ${i}`)).toBe(i);
      expect(await s.ask('LRANGE', 'guestbook', 0, -1)).toHaveLength(i);
    }
    expect(await m.ask('INFO')).toContain('role:master');
    expect(await s.ask('RPUSH', 'guestbook', 'x')).toMatch(/^-READONLY/);
    expect(rig.gate.counts).toMatchObject({ unknown: 0, noQuorum: 0 });
  });

  it('MULTI and EXEC are acknowledged after EXEC; in pieces, in one pipeline, and with refused commands', async () => {
    const m = await master();
    expect(await m.ask('MULTI')).toBe('OK');
    expect(await m.ask('INCR', 'n')).toBe('QUEUED');
    expect(await m.ask('PING')).toBe('QUEUED');
    expect(await m.ask('EXEC')).toEqual([1, 'PONG']);
    expect(await m.pipe(['SET', 'a', '1'], ['MULTI'], ['INCR', 'n'], ['EXEC'], ['GET', 'n'])).toEqual([
      'OK',
      'OK',
      'QUEUED',
      [2],
      '2',
    ]);
    const broken = await m.pipe(['MULTI'], ['INCR', 'n'], ['CONFIG', 'GET', 'x'], ['EXEC'], ['GET', 'n']);
    expect(broken[3]).toMatch(/^-EXECABORT/);
    expect(broken[4]).toBe('2');
    expect(await m.pipe(['WATCH', 'n'], ['MULTI'], ['INCR', 'n'], ['DISCARD'])).toEqual(['OK', 'OK', 'QUEUED', 'OK']);
  });

  it('a pipeline of hundreds comes back in order under one acknowledgement', async () => {
    const m = await master();
    const commands = Array.from({ length: 500 }, (_, i) => (i % 5 === 4 ? ['LLEN', 'l'] : ['RPUSH', 'l', `${i}`]));
    let n = 0;
    expect(await m.pipe(...commands)).toEqual(commands.map(([name]) => (name === 'LLEN' ? n : ++n)));
  });

  it.each([
    [['CONFIG', 'GET', 'maxmemory'], /^-TWREFUSED TW5101 CONFIG: /],
    [['REPLICAOF', 'NO', 'ONE'], /^-TWREFUSED TW5101 REPLICAOF/],
    [['FUNCTION', 'LIST'], /^-TWREFUSED TW5101 FUNCTION/],
    [['SHUTDOWN'], /^-TWREFUSED/],
    [['ACL', 'WHOAMI'], /^-TWREFUSED/],
    [['SUBSCRIBE', 'c'], /^-TWREFUSED/],
    [['SET', 'tw:x', '1'], /keys under tw: are reserved/],
    [['EVAL', 'return 1', 1, 'tw:x'], /keys under tw: are reserved/],
    [['HELLO', 3], /^-NOPROTO/],
    [['AUTH', 'secret'], /without any password/],
    [['CLIENT', 'KILL', 'TYPE', 'normal'], /^-TWREFUSED/],
  ])('%j is answered by the gateway', async (args, said) => {
    expect(await (await master()).ask(...args)).toMatch(said);
  });

  it('small things that clients of Redis ask for', async () => {
    const m = await master();
    expect(await m.ask('PING')).toBe('PONG');
    expect(await m.ask('CLIENT', 'SETNAME', 'x')).toBe('OK');
    expect(await m.ask('CLIENT', 'GETNAME')).toBe('x');
    // Names and values in turn: a client that reads it as a map must find one.
    expect(await m.ask('HELLO', 2)).toEqual(expect.arrayContaining(['server', 'redis']));
    expect((await m.ask('HELLO', 2)) as unknown[]).toHaveLength(14);
    expect(await m.ask('SET', 'a', '1')).toBe('OK');
    expect(await m.ask('WAIT', 1, 0)).toBe(1);
    expect(await m.ask('EVAL', "return redis.call('INCR', KEYS[1])", 1, 'a')).toBe(2);
    expect(await m.ask('NOSUCH')).toMatch(/^-ERR unknown command/);
  });

  it('bytes that are no requests get an error and the end; what came before is answered', async () => {
    const m = await master();
    const first = m.ask('PING');
    m.client.send('*1\r\n:1\r\n');
    expect(await first).toBe('PONG');
    await untilTrue('closed', () => m.client.closed);
  });

  it('a client that closes its side after its commands gets its answers', async () => {
    const socket = await stream(rig.gate.writePort);
    socket.end('SET inline "a b"\r\nGET inline\r\nQUIT\r\n');
    const chunks: Buffer[] = [];
    for await (const c of socket) chunks.push(c as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('+OK\r\n$3\r\na b\r\n+OK\r\n');
  });
});

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'gateway under faults', () => {
  beforeEach(async () => void (rig = await Rig.open(4)));
  afterEach(() => rig.close());

  it('a read shows what its client wrote, also while the copy here lags; others read at once', async () => {
    const [m, s, other] = [await master(), await slave(), await slave('127.0.0.9')];
    expect(await m.ask('SET', 'k', '1')).toBe('OK');
    expect(await s.ask('GET', 'k')).toBe('1');
    await untilTrue('the copy here has it', async () => (await other.ask('GET', 'k')) === '1');
    const before = rig.gate.counts.elsewhere;
    await rig.trio.of('b').local.fence();
    expect(await m.ask('SET', 'k', '2')).toBe('OK');
    expect(await s.ask('GET', 'k')).toBe('2');
    expect(rig.gate.counts.elsewhere - before).toBe(1);
    expect(await other.ask('GET', 'k')).toBe('1');
  });

  it('a read through one gateway shows what its client wrote through another one of the cluster', async () => {
    const world = new PeerWorld();
    const gates = await Promise.all(
      ['one', 'two'].map(async (id) => {
        const [tokens, homes] = [new Tokens(), new Homes()];
        homes.set(rig.homes.value);
        const net = world.net(id);
        const peers = await Peers.start({
          net,
          id,
          tokens,
          clock: systemClock,
          lookMs: 50,
          peers: async () => ['one', 'two'],
        });
        return { peers, gate: await rig.another({ homes, tokens, peers }) };
      }),
    );
    const [one, two] = gates;
    if (one === undefined || two === undefined) throw new Error('no gateways');
    await untilTrue('they have met', () => gates.every((g) => g.peers.size === 1));
    const [m, s] = [await rig.app(one.gate.writePort), await rig.app(two.gate.readPort)];
    expect(await m.ask('RPUSH', 'l', 'seen')).toBe(1);
    // The copy here stands still from now on.
    await rig.trio.of('b').local.fence();
    for (let n = 2; n <= 4; n++) {
      expect(await m.ask('RPUSH', 'l', `${n}`)).toBe(n);
      expect(await s.ask('LRANGE', 'l', 0, -1)).toHaveLength(n);
    }
    expect(two.gate.counts.elsewhere).toBe(3);
    await Promise.all(gates.flatMap((g) => [g.gate.close(), g.peers.close()]));
  });

  it('TW5113: a home without memory refuses writes with value and limit; reads and removals go on', async () => {
    const [m, s] = [await master(), await slave()];
    expect(await m.ask('SET', 'k', '1')).toBe('OK');
    const { port } = rig.trio.of('a');
    const agent = await RawClient.open({ host: '127.0.0.1', port });
    await agent.ask('AUTH', 'tw-agent', SECRETS.agent);
    await agent.ask('CONFIG', 'SET', 'maxmemory', 1);
    const said = /^-OOM TW5113 the memory is full: [1-9][0-9.]* of 0\.0 MiB; nothing written$/;
    expect(await m.ask('SET', 'k', '2')).toMatch(said);
    expect(await m.pipe(['RPUSH', 'l', 'x'], ['GET', 'k'])).toEqual([expect.stringMatching(said), '1']);
    const broken = await m.pipe(['MULTI'], ['SET', 'k', '3'], ['EXEC']);
    expect(broken.slice(1)).toEqual([expect.stringMatching(/^-OOM TW5113/), expect.stringMatching(/^-EXECABORT/)]);
    expect(await s.ask('GET', 'k')).toBe('1');
    expect(await m.ask('DEL', 'k')).toBe(1);
    await agent.ask('CONFIG', 'SET', 'maxmemory', 0);
    expect(await m.ask('SET', 'k', '4')).toBe('OK');
    agent.close();
  });

  it('a script that changes data is a write', async () => {
    const m = await master();
    for (const n of ['b', 'c']) await rig.trio.of(n).process.kill('SIGSTOP');
    expect(await m.ask('EVAL', "return redis.call('RPUSH', KEYS[1], 'x')", 1, 'l')).toMatch(/^-TWUNKNOWN/);
    for (const n of ['b', 'c']) await rig.trio.of(n).process.kill('SIGCONT');
  });

  it('what is on its way to a home that is silent is unknown as soon as there is another one', async () => {
    const m = await master();
    expect(await m.ask('RPUSH', 'l', '1')).toBe(1);
    await rig.trio.level();
    await rig.trio.of('a').process.kill('SIGSTOP');
    const sent = m.ask('RPUSH', 'l', 'perhaps');
    const v = await rig.trio.primary('c', 1, ['b', 'c']);
    rig.homes.set(v);
    expect(await sent).toMatch(/^-TWUNKNOWN/);
    expect(await m.ask('RPUSH', 'l', '2')).toBe(2);
    await rig.trio.of('a').process.kill('SIGCONT');
  });

  it('connections to home that end are opened anew, again and again', async () => {
    const m = await master();
    for (let n = 1; n <= 3; n++) {
      expect(await m.ask('RPUSH', 'l', `${n}`)).toBe(n);
      await rig.trio.of('a').kick();
    }
    expect(await m.ask('LRANGE', 'l', 0, -1)).toEqual(['1', '2', '3']);
  });

  it('without a second copy a write is unknown, never OK, and not sent again', async () => {
    const m = await master();
    expect(await m.ask('RPUSH', 'l', 'first')).toBe(1);
    for (const n of ['b', 'c']) await rig.trio.of(n).process.kill('SIGSTOP');
    expect(await m.ask('RPUSH', 'l', 'second')).toMatch(/^-TWUNKNOWN TW5102 /);
    expect(await m.ask('GET', 'l')).toMatch(/^-WRONGTYPE/);
    for (const n of ['b', 'c']) await rig.trio.of(n).process.kill('SIGCONT');
    expect(await m.ask('LRANGE', 'l', 0, -1)).toEqual(['first', 'second']);
    expect(await m.ask('RPUSH', 'l', 'third')).toBe(3);
  });

  it('a failover looks like latency: writes wait for the new home', async () => {
    const m = await master();
    expect(await m.ask('RPUSH', 'l', '1')).toBe(1);
    await rig.trio.level();
    for (const n of ['a', 'b', 'c']) await rig.trio.of(n).local.fence();
    const held = m.ask('RPUSH', 'l', '2');
    const v = await rig.trio.primary('c', 1);
    rig.homes.set(v);
    expect(await held).toBe(2);
    expect(await (await slave()).ask('LRANGE', 'l', 0, -1)).toEqual(['1', '2']);
  });

  it('a write that is on its way when home falls is unknown', async () => {
    const m = await master();
    expect(await m.ask('SET', 'k', '1')).toBe('OK');
    for (const n of ['b', 'c']) await rig.trio.of(n).process.kill('SIGSTOP');
    const sent = m.ask('SET', 'k', '2');
    await systemClock.sleep(80);
    await rig.trio.of('a').process.kill();
    expect(await sent).toMatch(/^-TWUNKNOWN/);
  });

  it('no home in time: TWNOQUORUM; a full waiting room: TWBUSY; reads here go on', async () => {
    const s = await slave('127.0.0.9');
    expect(await (await master()).ask('SET', 'k', '1')).toBe('OK');
    await rig.trio.level();
    await rig.trio.of('a').process.kill();
    const waiting = await Promise.all([1, 2, 3, 4].map(() => master()));
    const held = waiting.map((m, i) => m.ask('SET', `k${i}`, 1));
    await systemClock.sleep(200);
    expect(await (await master()).ask('SET', 'k5', 1)).toMatch(/^-TWBUSY TW5104/);
    expect(await s.ask('GET', 'k')).toBe('1');
    for (const h of held)
      expect(await h).toMatch(/^-TWNOQUORUM TW5103 no home takes writes now; nothing written \(.+\)$/);
    expect(await s.ask('GET', 'k0')).toBeNull();
  });

  it('a planned hold keeps new writes until it is lifted', async () => {
    const m = await master();
    expect(await m.ask('SET', 'k', '1')).toBe('OK');
    rig.homes.set(rig.homes.value, true);
    let answered = false;
    const held = m.ask('SET', 'k', '2').then((v) => {
      answered = true;
      return v;
    });
    await systemClock.sleep(150);
    expect(answered).toBe(false);
    rig.homes.set(rig.homes.value, false);
    expect(await held).toBe('OK');
  });

  it('a transaction does not survive its home, and nothing of it is written', async () => {
    const [m, w] = [await master(), await master()];
    expect(await m.pipe(['MULTI'], ['SET', 'half', '1'])).toEqual(['OK', 'QUEUED']);
    expect(await w.ask('WATCH', 'x')).toBe('OK');
    rig.homes.set(await rig.trio.primary('c', 1));
    expect(await m.ask('SET', 'half', '2')).toMatch(/^-TWNOQUORUM/);
    expect(await m.ask('EXEC')).toMatch(/^-EXECABORT/);
    expect(await m.ask('EXISTS', 'half')).toBe(0);
    expect(await w.pipe(['MULTI'], ['SET', 'x', '1'], ['EXEC'])).toEqual(['OK', 'QUEUED', null]);
  });

  it('databases are kept over a new home', async () => {
    const m = await master();
    expect(await m.pipe(['SELECT', 3], ['SET', 'k', 'in 3'])).toEqual(['OK', 'OK']);
    await rig.trio.level();
    rig.homes.set(await rig.trio.primary('b', 1));
    expect(await m.ask('GET', 'k')).toBe('in 3');
  });
});
