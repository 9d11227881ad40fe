// The gateway where every cluster takes writes, before a real Redis with the users it has in a cluster.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { ActiveRedis, type Plain, plain } from '../testing/active.ts';
import { programOf, RawClient, untilTrue } from '../testing/redis-process.ts';
import { SECRETS } from '../testing/secrets.ts';
import { type ActiveGatewayParts, activeGateway } from './active.ts';
import type { ClusterGateway } from './run.ts';

const missing = programOf('redis-server') === undefined;
const HOST = '127.0.0.1';

let redis: ActiveRedis;
let local: ClusterGateway;
let quorum: ClusterGateway;
const clients: RawClient[] = [];

async function app(port: number) {
  const client = await RawClient.open({ host: HOST, port });
  clients.push(client);
  return {
    ask: async (...args: (string | number)[]): Promise<Plain> => plain(await client.ask(...args)),
    pipe: async (...commands: (string | number)[][]): Promise<Plain[]> => (await client.pipeline(commands)).map(plain),
  };
}
const gate = (ack: ActiveGatewayParts['ack']): Promise<ClusterGateway> =>
  activeGateway({
    me: 'a',
    redis: { host: HOST, port: redis.process.port },
    secrets: SECRETS,
    clock: systemClock,
    holdMs: 1500,
    ackMs: 600,
    ack,
    listen: { host: HOST, write: 0, read: 0 },
  });
/** What a sender says when a peer has everything. */
const acked = async (): Promise<Plain> =>
  await redis.ask('FCALL', 'tw_acked', 0, String(await redis.ask('FCALL_RO', 'tw_last', 0)));

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'gateway where every cluster takes writes', () => {
  beforeAll(async () => {
    redis = await ActiveRedis.start('a.1');
    [local, quorum] = await Promise.all([gate('local'), gate('quorum')]);
  });
  afterAll(async () => {
    for (const c of clients.splice(0)) c.close();
    await Promise.all([local.close(), quorum.close()]);
    await redis.close();
  });

  it('the guestbook: RPUSH at the master, LRANGE at the slave shows it at once, INFO answers', async () => {
    const [m, s] = [await app(local.writePort), await app(local.readPort)];
    for (let i = 1; i <= 50; i++) {
      expect(await m.ask('RPUSH', 'guestbook', `hello ${i}`)).toBe(i);
      expect(await s.ask('LRANGE', 'guestbook', 0, -1)).toHaveLength(i);
    }
    expect(await m.ask('INFO')).toContain('role:master');
    expect(await s.ask('RPUSH', 'guestbook', 'x')).toMatch(/^-READONLY/);
    expect(local.counts).toMatchObject({ unknown: 0, noQuorum: 0, elsewhere: 0 });
  });

  it('apps see their own keys only', async () => {
    const m = await app(local.writePort);
    await m.pipe(['DEL', 'guestbook'], ['SET', 'k', 'v', 'EX', 100], ['HSET', 'h', 'f', '1']);
    expect((await m.ask('KEYS', '*')) as string[]).toEqual(expect.arrayContaining(['k', 'h']));
    expect(await m.ask('DBSIZE')).toBe(2);
    expect(await m.ask('SCAN', 0)).toEqual(['0', expect.arrayContaining(['k', 'h'])]);
    expect(await m.ask('TTL', 'k')).toBe(100);
  });

  it.each([
    [['LPOP', 'l'], 'LPOP: not convergent; use single-writer'],
    [['LTRIM', 'l', 0, 1], 'LTRIM: not convergent; use single-writer'],
    [['APPEND', 'k', 'x'], 'APPEND: not convergent'],
    [['SET', 'k', 'x', 'NX'], 'SET: with NX not convergent'],
    [['SET', 'k', 'x', 'EX', 5, 'get'], 'SET: with GET not convergent'],
    [['SET', 'k', 'x', 'KEEPTTL'], 'SET: with KEEPTTL'],
    [['SET', 'k', 'x', 'PXAT', '4000000000000'], 'SET: with PXAT'],
    [['EXPIRE', 'k', 5, 'GT'], 'EXPIRE: with GT'],
    [['FLUSHALL'], 'FLUSHALL: '],
    [['EVAL', 'return 1', 0], 'EVAL: not convergent'],
    [['EVAL_RO', 'return 1', 0], 'EVAL_RO: '],
    [['FCALL', 'tw_open', 0, 'evil', 'x'], 'FCALL: not convergent'],
    [['FCALL_RO', 'tw_me', 0], 'FCALL_RO: '],
    [['SELECT', 1], 'SELECT: there is one database'],
    [['BLPOP', 'l', 0], 'BLPOP: '],
    [['XREAD', 'BLOCK', 1, 'STREAMS', 's', '$'], 'XREAD: '],
    [['FROBNICATE', 'x'], 'FROBNICATE: not convergent'],
    [['CONFIG', 'GET', 'x'], 'CONFIG: '],
    [['SET', 'tw:x', '1'], 'SET: keys under tw: are reserved'],
  ])('%j is refused, and nothing is written', async (args, said) => {
    const m = await app(local.writePort);
    await m.ask('SET', 'k', 'kept');
    const before = await redis.ask('FCALL_RO', 'tw_last', 0);
    expect(await m.ask(...args)).toContain(`-TWREFUSED TW5101 ${said}`);
    expect(await m.pipe(['MULTI'], ['INCR', 'never'], args, ['EXEC'])).toEqual([
      'OK',
      'QUEUED',
      expect.stringContaining('-TWREFUSED'),
      expect.stringContaining('-EXECABORT'),
    ]);
    expect(await redis.ask('FCALL_RO', 'tw_last', 0)).toEqual(before);
    expect(await m.ask('GET', 'k')).toBe('kept');
  });

  it('transactions of writes that converge, and the words of Redis for wrong ones', async () => {
    const m = await app(local.writePort);
    expect(await m.pipe(['SELECT', 0], ['SET', 'n', 5])).toEqual(['OK', 'OK']);
    expect(await m.pipe(['MULTI'], ['INCR', 'n'], ['GET', 'n'], ['RPUSH', 'n', 'x'], ['EXEC'])).toEqual([
      'OK',
      'QUEUED',
      'QUEUED',
      'QUEUED',
      [6, '6', expect.stringMatching(/^-WRONGTYPE/)],
    ]);
    expect(await m.ask('RPUSH', 'n')).toBe("-ERR wrong number of arguments for 'rpush' command");
    expect(await m.pipe(['MULTI'], ['INCR'], ['EXEC'])).toEqual([
      'OK',
      expect.stringMatching(/^-ERR wrong/),
      expect.stringMatching(/^-EXECABORT/),
    ]);
    expect(await m.ask('INCRBY', 'n', 'x')).toBe('-ERR value is not an integer or out of range');
    expect(await m.ask('DEL', 'n', 'h', 'nothing')).toBe(2);
  });

  it('quorum: a write is answered when a peer has it, also inside a transaction; else it is unknown', async () => {
    const m = await app(quorum.writePort);
    const early = m.ask('RPUSH', 'q', '1');
    await untilTrue('it is written', async () => (await redis.ask('LLEN', 'q')) === 1);
    let told = false;
    void early.then(() => (told = true));
    await systemClock.sleep(100);
    expect(told).toBe(false);
    await acked();
    expect(await early).toBe(1);
    // A read needs nobody; a write that nobody confirms is unknown, and there all the same.
    expect(await m.ask('LLEN', 'q')).toBe(1);
    expect(await m.ask('RPUSH', 'q', '2')).toMatch(/^-TWUNKNOWN TW5102/);
    expect(await m.ask('LLEN', 'q')).toBe(2);
    const both = m.pipe(['MULTI'], ['RPUSH', 'q', '3'], ['EXEC']);
    await untilTrue('it is written', async () => (await redis.ask('LLEN', 'q')) === 3);
    await acked();
    expect((await both)[2]).toEqual([3]);
    const alone = await m.pipe(['MULTI'], ['RPUSH', 'q', '4'], ['EXEC']);
    expect(alone[2]).toMatch(/^-TWUNKNOWN/);
    // An error is true at once.
    expect(await m.ask('INCR', 'q')).toMatch(/^-WRONGTYPE/);
    expect(await m.ask('WAIT', 1, 0)).toBe(1);
  });

  it('quorum: writes of many clients share confirmations and do not wait for each other', async () => {
    const many = await Promise.all(Array.from({ length: 20 }, () => app(quorum.writePort)));
    const stop = new AbortController();
    const sender = (async () => {
      while (!stop.signal.aborted) {
        await acked();
        await systemClock.sleep(40);
      }
    })();
    const from = performance.now();
    const said = await Promise.all(
      many.map((m, i) => m.pipe(...Array.from({ length: 5 }, (_, k) => ['SET', `w${i}`, k]))),
    );
    expect(said.flat().every((s) => s === 'OK')).toBe(true);
    expect(performance.now() - from).toBeLessThan(2000);
    stop.abort();
    await sender;
  });

  it('a closed Redis: writes wait and are then refused as not written; reads go on', async () => {
    const closed = await ActiveRedis.start('z.1');
    const door = await activeGateway({
      me: 'z',
      redis: { host: HOST, port: closed.process.port },
      secrets: SECRETS,
      clock: systemClock,
      holdMs: 1000,
      ack: 'local',
      listen: { host: HOST, write: 0, read: 0 },
    });
    await closed.client.ask('ACL', 'SETUSER', 'tw-w', 'off');
    const [m, s] = [await app(door.writePort), await app(door.readPort)];
    expect(await m.ask('SET', 'k', '1')).toMatch(/^-TWNOQUORUM TW5103/);
    expect(await s.ask('GET', 'k')).toBeNull();
    const held = m.ask('SET', 'k', '2');
    await systemClock.sleep(100);
    await closed.client.ask('ACL', 'SETUSER', 'tw-w', 'on');
    expect(await held).toBe('OK');
    await door.close();
    await closed.close();
  });

  it('before a Redis is open as an origin its writes wait too', async () => {
    const m = await app(local.writePort);
    await redis.client.ask('SELECT', 1);
    const me = await redis.ask('HGET', 'tw:me', 'origin');
    await redis.client.ask('DEL', 'tw:me');
    const held = m.ask('SET', 'later', '1');
    await systemClock.sleep(150);
    await redis.client.ask('SELECT', 0);
    expect(await redis.ask('EXISTS', 'later')).toBe(0);
    await redis.become(String(me));
    expect(await held).toBe('OK');
  });

  it('confirmations of a Redis that ended are not taken for those of the next one', async () => {
    const m = await app(quorum.writePort);
    const sent = m.ask('SET', 'k', 'x');
    await systemClock.sleep(50);
    await redis.client.ask('CLIENT', 'KILL', 'USER', 'tw-r');
    await acked();
    expect(await sent).toMatch(/^-TWUNKNOWN/);
  });
});
