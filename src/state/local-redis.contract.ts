import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../kernel/index.ts';
import type { EpochValue, Look, Shortage } from './model.ts';
import type { LocalRedis } from './ports.ts';

/** What a client of the gateway sees. */
export interface RigClient {
  /** RPUSH to one list. Rejects when Redis refuses or the connection ends. */
  push(value: string): Promise<void>;
  /** WAIT. */
  wait(replicas: number, ms: number): Promise<number>;
  flush(): Promise<void>;
  readonly closed: boolean;
}

/** One voter: a Redis process and what is around it. */
export interface RigRedis {
  local: LocalRedis;
  /** Port of loopback by which others follow it. */
  port: number;
  /** Logs in as the writing user; rejects when it is off. */
  writer(): Promise<RigClient>;
  /** Another connection of the agent's user. */
  agent(): Promise<{ readonly closed: boolean }>;
  /** The list, by the reading user. */
  read(): Promise<string[]>;
  crash(): Promise<void>;
  /** Starts again after its end; `empty` = with a new disk. */
  start(from: 'disk' | 'empty'): Promise<void>;
  /** Takes all room away; what comes back gives it again. */
  full(of: Shortage['of']): Promise<() => Promise<void>>;
}

export interface RedisRig {
  name: string;
  /** What can be taken away here. */
  fills: readonly Shortage['of'][];
  /** Three voters that were never used, started. */
  open(small?: 'with a small disk'): Promise<{ voters: [RigRedis, RigRedis, RigRedis]; close(): Promise<void> }>;
}

async function until(what: string, ready: () => Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + 15_000;
  while (!(await ready().catch(() => false))) {
    if (systemClock.monotonic() > end) throw new Error(`never: ${what}`);
    await systemClock.sleep(10);
  }
}

const genesis = (look: Look, w = 0): EpochValue => ({
  epoch: 7,
  primary: 'a',
  from: { epoch: 0, offset: look.offset, run: look.run },
  copies: ['a', 'b', 'c'],
  w,
});

async function promoted(a: RigRedis, w = 0): Promise<EpochValue> {
  const look = await a.local.look();
  const v = genesis(look, w);
  expect(await a.local.promote(v, look.run)).toEqual({ is: 'done' });
  return v;
}
async function follows(who: RigRedis, whom: RigRedis, v: EpochValue): Promise<void> {
  expect(await who.local.follow(v, (await who.local.look()).run, whom.port)).toEqual({ is: 'done' });
  await until('the link is up', async () => (await who.local.look()).link);
  await until('it has everything', async () => {
    const [x, y] = [await who.local.look(), await whom.local.look()];
    return x.offset === y.offset && x.marker?.epoch === v.epoch;
  });
}
async function fenced(who: RigRedis): Promise<Look> {
  const f = await who.local.fence();
  expect(f.is).toBe('fenced');
  return (f as { look: Look }).look;
}

/** What a LocalRedis does that has no room left. */
function fullContract(rig: RedisRig): void {
  describe(`LocalRedis that is full: ${rig.name}`, () => {
    let [a, b] = [] as unknown as [RigRedis, RigRedis];
    let close: () => Promise<void> = async () => undefined;
    beforeEach(async () => {
      const opened = await rig.open('with a small disk');
      [a, b] = opened.voters;
      close = opened.close;
    });
    afterEach(() => close());
    const WORD = { memory: 'OOM', disk: 'MISCONF' };

    it.each(rig.fills)(
      'TW5113: without %s writes are refused before any effect; value and limit are said',
      async (of) => {
        await promoted(a);
        const writer = await a.writer();
        await writer.push('before');
        const again = await a.full(of);
        await expect(writer.push('too much')).rejects.toThrow(WORD[of]);
        expect(await a.read()).toEqual(['before']);
        const look = await a.local.look();
        expect(look).toMatchObject({ role: 'primary', loading: false, marker: { epoch: 7 }, short: [{ of }] });
        const [{ used = 0, limit = Number.POSITIVE_INFINITY } = {}] = look.short ?? [];
        expect(used).toBeGreaterThanOrEqual(limit);
        await again();
        await writer.push('after');
        expect((await a.local.look()).short).toBeUndefined();
        expect(await a.read()).toEqual(['before', 'after']);
      },
    );

    it.each(rig.fills)('a copy without %s copies on and becomes home; the limit holds then too', async (of) => {
      const v = await promoted(a);
      await follows(b, a, v);
      const again = await b.full(of);
      const writer = await a.writer();
      await writer.push('acked');
      expect(await writer.wait(1, 5000)).toBe(1);
      await fenced(a);
      const at = await fenced(b);
      const next: EpochValue = { ...v, epoch: 12, primary: 'b', from: { epoch: 7, offset: at.offset, run: at.run } };
      expect(await b.local.promote(next, at.run)).toEqual({ is: 'done' });
      expect(await b.local.look()).toMatchObject({ role: 'primary', marker: { epoch: 12 }, short: [{ of }] });
      const late = await b.writer();
      await expect(late.push('too much')).rejects.toThrow(WORD[of]);
      expect(await b.read()).toEqual(['acked']);
      await again();
      await late.push('after');
      expect(await b.read()).toEqual(['acked', 'after']);
    });
  });
}

/** What every LocalRedis must do; the twin and redis-server run it. */
export function localRedisContract(rig: RedisRig): void {
  fullContract(rig);
  describe(`LocalRedis: ${rig.name}`, () => {
    let [a, b, c] = [] as unknown as [RigRedis, RigRedis, RigRedis];
    let close: () => Promise<void> = async () => undefined;
    beforeEach(async () => {
      const opened = await rig.open();
      [a, b, c] = opened.voters;
      close = opened.close;
    });
    afterEach(() => close());

    const primary = (w = 0): Promise<EpochValue> => promoted(a, w);

    it('boots fenced, virgin and closed to writers', async () => {
      const look = await a.local.look();
      expect(look).toMatchObject({
        role: 'fenced',
        link: false,
        offset: 0,
        loading: false,
        syncing: false,
        virgin: true,
      });
      expect(look.marker).toBeUndefined();
      await expect(a.writer()).rejects.toBeInstanceOf(Error);
      expect(await a.read()).toEqual([]);
    });

    it('a fence of a virgin leaves it virgin', async () => {
      expect(await fenced(a)).toMatchObject({ virgin: true, offset: 0 });
    });

    it('promote writes the marker first and lets writers in; a second time changes nothing', async () => {
      const v = await primary();
      const look = await a.local.look();
      expect(look).toMatchObject({ role: 'primary', marker: { epoch: 7, w: 0 }, virgin: false });
      // The offset may stand still until somebody has followed once (Redis keeps no backlog before).
      await (await a.writer()).push('x');
      const { offset } = await a.local.look();
      expect(await a.local.promote(v, look.run)).toEqual({ is: 'done' });
      expect((await a.local.look()).offset).toBe(offset);
      expect(await a.read()).toEqual(['x']);
    });

    it('promotes only the chosen process, with the chosen log, out of a fence', async () => {
      const look = await a.local.look();
      const v = genesis(look);
      expect((await a.local.promote(v, 'another')).is).toBe('refused');
      expect((await a.local.promote({ ...v, from: { ...v.from, offset: 5 } }, look.run)).is).toBe('refused');
      expect((await a.local.promote({ ...v, from: { ...v.from, epoch: 3 } }, look.run)).is).toBe('refused');
      expect(await a.local.look()).toMatchObject({ role: 'fenced', virgin: true });
      await primary();
      expect((await a.local.promote({ ...v, epoch: 9 }, look.run)).is).toBe('refused');
      await follows(b, a, v);
      const other = await b.local.look();
      const next = { ...v, epoch: 9, from: { epoch: 7, offset: other.offset, run: other.run } };
      expect((await b.local.promote(next, other.run)).is).toBe('refused');
      await expect(b.writer()).rejects.toBeInstanceOf(Error);
    });

    it('a follower gets the log, and its copy counts for WAIT', async () => {
      const v = await primary();
      const writer = await a.writer();
      await writer.push('1');
      await follows(b, a, v);
      await writer.push('2');
      expect(await writer.wait(1, 5000)).toBe(1);
      expect(await b.read()).toEqual(['1', '2']);
      expect(await b.local.look()).toMatchObject({ role: 'replica', marker: { epoch: 7 } });
      expect((await a.local.look()).replicas).toBe(1);
      expect((await b.local.follow(v, 'another', a.port)).is).toBe('refused');
      expect((await a.local.follow(v, (await a.local.look()).run, b.port)).is).toBe('refused');
    });

    it('with w set a write without copies is refused and not applied', async () => {
      const v = await primary(1);
      const writer = await a.writer();
      await expect(writer.push('early')).rejects.toThrow('NOREPLICAS');
      expect(await a.read()).toEqual([]);
      await follows(b, a, v);
      await until('a write is taken', () => writer.push('later').then(() => true));
      expect(await writer.wait(1, 5000)).toBe(1);
    });

    it('a fence of a primary ends writers and replicas and keeps the log', async () => {
      const v = await primary();
      await follows(b, a, v);
      const writer = await a.writer();
      await writer.push('kept');
      expect(await writer.wait(1, 5000)).toBe(1);
      const before = await a.local.look();
      const look = await fenced(a);
      expect(look).toMatchObject({ role: 'fenced', link: false, replicas: 0, marker: { epoch: 7 }, run: before.run });
      expect(look.offset).toBe((await b.local.look()).offset);
      await until('the writer is cut off', async () => writer.closed);
      await expect(a.writer()).rejects.toBeInstanceOf(Error);
      expect(await a.read()).toEqual(['kept']);
      expect(await fenced(a)).toMatchObject({ offset: look.offset });
      await until('the link of the replica is down', async () => !(await b.local.look()).link);
    });

    it('a fenced follower takes nothing more', async () => {
      const v = await primary();
      await follows(b, a, v);
      const look = await fenced(b);
      const writer = await a.writer();
      await writer.push('behind its back');
      expect(await writer.wait(1, 200)).toBe(0);
      expect(await b.local.look()).toMatchObject({ role: 'fenced', offset: look.offset });
      expect(await b.read()).toEqual([]);
    });

    it('after a new epoch the old primary gives up what only it had', async () => {
      const v = await primary();
      await follows(b, a, v);
      await follows(c, a, v);
      const writer = await a.writer();
      await writer.push('acked');
      expect(await writer.wait(2, 5000)).toBe(2);
      const at = await fenced(b);
      await fenced(c);
      await writer.push('only here');
      await fenced(a);
      const next: EpochValue = { ...v, epoch: 12, primary: 'b', from: { epoch: 7, offset: at.offset, run: at.run } };
      expect(await b.local.promote(next, at.run)).toEqual({ is: 'done' });
      await follows(a, b, next);
      await follows(c, b, next);
      await (await b.writer()).push('after');
      await until('all are equal', async () => {
        const all = await Promise.all([a, b, c].map((r) => r.read()));
        return all.every((l) => l.join() === 'acked,after');
      });
      expect(await a.local.look()).toMatchObject({ marker: { epoch: 12, w: 0 } });
    });

    it('the marker lives through FLUSHALL, and then nobody is virgin', async () => {
      await primary();
      const writer = await a.writer();
      await writer.push('x');
      await writer.flush();
      expect(await a.read()).toEqual([]);
      expect(await a.local.look()).toMatchObject({ marker: { epoch: 7 }, virgin: false });
      expect(await fenced(a)).toMatchObject({ marker: { epoch: 7 }, virgin: false });
    });

    it('a crash brings another process, fenced again', async () => {
      await primary();
      await (await a.writer()).push('gone');
      const { run } = await a.local.look();
      await a.crash();
      await expect(a.local.look()).rejects.toBeInstanceOf(Error);
      expect((await a.local.fence()).is).toBe('unconfirmed');
      await a.start('empty');
      const look = await a.local.look();
      expect(look).toMatchObject({ role: 'fenced', virgin: true });
      expect(look.run).not.toBe(run);
      await expect(a.writer()).rejects.toBeInstanceOf(Error);
    });

    it('what was saved under a fence starts with the same position', async () => {
      expect((await a.local.save()).is).toBe('fenced');
      await primary();
      expect((await a.local.save()).is).toBe('unconfirmed');
      await (await a.writer()).push('safe');
      const look = await fenced(a);
      expect((await a.local.save()).is).toBe('fenced');
      await a.local.shutdown(false);
      await expect(a.local.look()).rejects.toBeInstanceOf(Error);
      await a.start('disk');
      const back = await a.local.look();
      expect(back).toMatchObject({ role: 'fenced', offset: look.offset, marker: { epoch: 7, w: 0 }, virgin: false });
      expect(back.run).not.toBe(look.run);
      expect(await a.read()).toEqual(['safe']);
    });

    it('a fence ends the other connections of the agent', async () => {
      const other = await a.agent();
      await fenced(a);
      await until('it is cut off', async () => other.closed);
      expect((await a.local.look()).role).toBe('fenced');
    });

    it('a pause keeps writes back until it ends', async () => {
      await primary();
      const writer = await a.writer();
      await a.local.pause(20_000);
      let written = false;
      const write = writer.push('held').then(() => (written = true));
      await systemClock.sleep(60);
      expect(written).toBe(false);
      expect(await a.read()).toEqual([]);
      await a.local.pause(0);
      await write;
      expect(await a.read()).toEqual(['held']);
    });

    it('shutdown ends the process, with or without its memory', async () => {
      await a.local.shutdown(true);
      await expect(a.local.look()).rejects.toBeInstanceOf(Error);
    });
  });
}
