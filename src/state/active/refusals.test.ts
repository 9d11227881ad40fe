// What is refused leaves no trace, and batches of a backlog cost as little as they can.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ActiveRedis, type Arg } from '../testing/active.ts';
import { programOf } from '../testing/redis-process.ts';

const missing = programOf('redis-server') === undefined;
let a: ActiveRedis;
let b: ActiveRedis;
const idIn = (ms: number): string => `${Date.now() + ms}-0`;
/** [['l', 'k', 'R', ['x']]] as the library packs it. */
const PUSH = Buffer.from([0x91, 0x94, 0xa1, 108, 0xa1, 107, 0xa1, 82, 0x91, 0xa1, 120]);
const UNKNOWN = Buffer.from([0x91, 0x92, 0xa1, 122, 0xa1, 107]);

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'refusals', () => {
  beforeAll(async () => {
    [a, b] = await Promise.all([ActiveRedis.start('a.1'), ActiveRedis.start('b.1')]);
    await a.writes([
      ['RPUSH', 'l', 'x'],
      ['SET', 's', 'text'],
      ['HSET', 'h', 'f', 'v'],
      ['SADD', 't', 'm'],
      ['SET', 'n', '5', 'EX', 1000],
    ]);
  });
  afterAll(async () => void (await Promise.all([a.close(), b.close()])));

  it.each<readonly Arg[][]>([
    [['RPUSH', 's', 'x']],
    [['LPUSH', 'h', 'x']],
    [['INCR', 's']],
    [['INCR', 'l']],
    [['INCRBY', 'n', '1.5']],
    [['INCRBY', 'n', '9007199254740991']],
    [['DECRBY', 'n', '-9223372036854775808']],
    [['SET', 's', 'x', 'EX', 0]],
    [['SET', 's', 'x', 'EX', 'soon']],
    [['SET', 's', 'x', 'PX', '9223372036854775807']],
    [['SET', 's', 'x', 'EX']],
    [['SETEX', 'l', -1, 'x']],
    [['PSETEX', 's', 'x', 'x']],
    [['HSET', 'l', 'f', 'v']],
    [['HSET', 'h', 'f', 'v', 'g']],
    [['HINCRBY', 'h', 'f', 1]],
    [['HINCRBY', 'h', 'g', 'x']],
    [['HDEL', 's', 'f']],
    [['SADD', 'h', 'm']],
    [['SREM', 'l', 'm']],
    [['EXPIRE', 's', 'x']],
    [['EXPIRE', 's', '9223372036854775807']],
    [['EXPIREAT', 's', '1.5']],
  ])('%j', async (command) => {
    const before = await a.everything();
    expect(await a.write(...command)).toMatch(/^-(WRONGTYPE|ERR) /);
    expect(await a.everything()).toEqual(before);
  });

  it.each<readonly [Arg[], number | string]>([
    [['DEL', 'nothing', 'never'], 0],
    [['HDEL', 'h', 'nothing'], 0],
    [['SREM', 't', 'nothing'], 0],
    [['SREM', 'nothing', 'm'], 0],
    [['EXPIRE', 'nothing', 5], 0],
    [['PERSIST', 'l'], 0],
  ])('%j changes nothing', async (command, said) => {
    const before = await a.everything();
    expect(await a.write(...command)).toBe(said);
    expect(await a.everything()).toEqual(before);
  });

  it.each<readonly [string, string, Arg[], RegExp]>([
    ['of the own origin', 'a.1', ['0-0', idIn(0), PUSH], /^-ERR own origin/],
    ['behind a gap', 'z.1', [idIn(-10), idIn(0), PUSH], /^-TWGAP 0-0$/],
    ['from a clock far ahead', 'z.1', ['0-0', idIn(0), PUSH, idIn(95_000), PUSH], /^-TWSKEW [6-9]\d{4}$/],
    ['that are no entries', 'z.1', ['0-0', idIn(0), PUSH, idIn(5), Buffer.from([0xc1])], /^-TWBAD entry \d+-0 of z.1$/],
    ['with an operation of a later version', 'z.1', ['0-0', idIn(0), PUSH, idIn(5), UNKNOWN], /^-TWBAD/],
    ['out of order', 'z.1', ['0-0', idIn(5), PUSH, idIn(0), PUSH], /^-ERR wrong id/],
    ['without an id', 'z.1', ['0-0', 'x', PUSH], /^-ERR wrong id/],
    ['cut short', 'z.1', ['0-0', idIn(0)], /^-ERR wrong number/],
  ])('entries %s', async (_, origin, args, said) => {
    const before = await a.everything();
    expect(await a.ask('FCALL', 'tw_apply', 0, origin, ...args)).toMatch(said);
    expect(await a.everything()).toEqual(before);
  });

  it('what is not open takes nothing; data without a history is not opened', async () => {
    await b.client.ask('FLUSHALL');
    expect(await b.write('SET', 'k', 'v')).toMatch(/^-TWCLOSED/);
    expect(await b.ask('FCALL', 'tw_apply', 0, 'z.1', '0-0', idIn(0), PUSH)).toMatch(/^-TWCLOSED/);
    expect(await b.everything()).toEqual([[], []]);
    await b.client.ask('SET', 'foreign', 'v');
    expect(await b.ask('FCALL', 'tw_open', 0, 'b.1', 'run')).toMatch(/^-TWFOREIGN/);
    await b.reopen('b.1');
  });

  it('a stamp is later than all that was seen, also from a clock ahead', async () => {
    await b.reopen('b.1');
    const ahead = idIn(30_000);
    expect(await b.apply('z.1', '0-0', [Buffer.from(ahead), PUSH])).toBe(ahead);
    // A hole in what is known already is one too; what is there is not taken twice.
    expect(await b.apply('z.1', idIn(40_000), [Buffer.from(idIn(41_000)), PUSH])).toBe(`-TWGAP ${ahead}`);
    expect(await b.apply('z.1', '0-0', [Buffer.from(ahead), PUSH])).toBe(ahead);
    await b.write('RPUSH', 'k', 'y');
    expect(Number(String(await b.ask('FCALL_RO', 'tw_last', 0)).split('-')[0])).toBeGreaterThanOrEqual(
      Number(ahead.split('-')[0]),
    );
    expect(await b.ask('LRANGE', 'k', 0, -1)).toEqual(['x', 'y']);
  });

  it('logs: tail, trim, and what is gone; confirmations only grow', async () => {
    await b.reopen('b.1');
    await b.writes([1, 2, 3, 4].map((n) => ['RPUSH', 'k', n]));
    const ids = (await b.tail('b.1', '0-0')).filter((_, i) => i % 2 === 0).map(String);
    expect(await b.tail('b.1', ids[1] ?? '', 1)).toHaveLength(2);
    expect(await b.ask('FCALL', 'tw_trim', 0, 'b.1', ids[1] ?? '')).toBe(2);
    expect(await b.ask('FCALL', 'tw_trim', 0, 'b.1', ids[0] ?? '')).toBe(0);
    expect(await b.ask('FCALL_RO', 'tw_tail', 0, 'b.1', ids[0] ?? '', 9)).toBe(`-TWTRIMMED ${ids[2]}`);
    expect(await b.tail('b.1', ids[1] ?? '')).toHaveLength(4);
    const acked = (id = ''): Promise<unknown> => b.ask('FCALL', 'tw_acked', 0, id);
    expect([await acked(ids[2]), await acked(ids[1]), await acked(ids[3])]).toEqual([1, 0, 1]);
    expect(await acked(idIn(1000))).toMatch(/^-ERR/);
    expect(await b.ask('FCALL_RO', 'tw_me', 0)).toEqual(['b.1', 'run']);
  });
});

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'a backlog', () => {
  const EACH = 10_000;
  beforeAll(async () => {
    [a, b] = await Promise.all([ActiveRedis.start('a.1'), ActiveRedis.start('b.1')]);
  });
  afterAll(async () => void (await Promise.all([a.close(), b.close()])));

  it(`${EACH} entries on either side of a cut are merged with one read of the end of the list`, {
    timeout: 120_000,
  }, async () => {
    const pushes = (by: string): string[][] => Array.from({ length: EACH }, (_, i) => ['RPUSH', 'k', `${by}${i}`]);
    await Promise.all([a.writes(pushes('a')), b.writes(pushes('b'))]);
    const entries = await a.tail('a.1', '0-0');
    await b.client.ask('CONFIG', 'RESETSTAT');
    await b.apply('a.1', '0-0', entries);
    const stats = String(await b.ask('INFO', 'commandstats'));
    const calls = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    expect(calls('rpush')).toBeLessThanOrEqual(2 * (Math.ceil((2 * EACH) / 1000) + 1));
    expect(calls('lrange')).toBeLessThanOrEqual(Math.ceil(EACH / 4096) + 8);
    expect(calls('ltrim')).toBeLessThanOrEqual(2);
    expect(await b.ask('LLEN', 'k')).toBe(2 * EACH);
    await a.apply('b.1', '0-0', await b.tail('b.1', '0-0'));
    expect(await a.data()).toEqual(await b.data());
  });
});
