import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { untilTrue } from '../testing/redis-process.ts';
import { type Id, START } from './ids.ts';
import type { ActiveRedis, LogEntry, Peer } from './ports.ts';

/** A Redis process and what is around it. */
export interface ActiveRigRedis {
  local: ActiveRedis;
  /** Port of loopback by which others follow it. */
  port: number;
  /** An app pushes a word to one list; rejects when it is kept out. */
  write(word: string): Promise<void>;
  /** Another cluster's sender; rejects when it is kept out. */
  sender(): Promise<Peer>;
  /** The words of the list, in no order. */
  words(): Promise<string[]>;
  crash(): Promise<void>;
  start(from: 'disk' | 'empty'): Promise<void>;
  /** Lets it have no byte of memory more; what comes back gives it again. */
  full(): Promise<() => Promise<void>>;
  /** Under a Redis that does not run: the last write on disk loses its end. */
  cutLog(): Promise<void>;
}
export interface ActiveRig {
  name: string;
  /** Two that were never used, started. */
  open(): Promise<{ both: [ActiveRigRedis, ActiveRigRedis]; close(): Promise<void> }>;
}

/** What every ActiveRedis and Peer must do; the twin and redis-server run it. */
export function activeRedisContract(rig: ActiveRig): void {
  describe(`ActiveRedis: ${rig.name}`, () => {
    let [a, b] = [] as unknown as [ActiveRigRedis, ActiveRigRedis];
    let close: () => Promise<void> = async () => undefined;
    beforeEach(async () => {
      const opened = await rig.open();
      [a, b] = opened.both;
      close = opened.close;
    });
    afterEach(() => close());

    const opens = async (r: ActiveRigRedis, origin: string): Promise<void> =>
      expect(await r.local.open(origin, (await r.local.look()).run)).toEqual({ is: 'done' });
    const entriesOf = async (r: ActiveRigRedis, origin: string, after: Id = START): Promise<readonly LogEntry[]> => {
      const tail = await r.local.tail(origin, after, 1000);
      return tail.is === 'entries' ? tail.entries : [];
    };
    const startsFromDisk = async (r: ActiveRigRedis): Promise<void> => {
      await r.start('disk');
      await untilTrue('it has loaded', async () => !(await r.local.look()).loading);
    };
    /** `a` has written so many words under the name a.1. */
    const written = async (n: number): Promise<readonly LogEntry[]> => {
      await opens(a, 'a.1');
      for (let i = 0; i < n; i++) await a.write(`w${i}`);
      return await entriesOf(a, 'a.1');
    };

    it('boots closed and blank, for apps and for senders', async () => {
      const look = await a.local.look();
      expect(look).toMatchObject({ role: 'primary', loading: false, durable: true, vector: {} });
      expect(look.me).toBeUndefined();
      await expect(a.write('early')).rejects.toBeInstanceOf(Error);
      await expect(a.sender().then((s) => s.vector())).rejects.toBeInstanceOf(Error);
      expect(await a.words()).toEqual([]);
    });

    it('opens under a name: what apps write is in its log', async () => {
      await opens(a, 'a.1');
      const { me, run } = await a.local.look();
      expect(me).toEqual({ origin: 'a.1', run });
      const grown = a.local.grown(run, { origin: 'a.1', after: START, count: 10, ms: 5000 });
      await a.write('x');
      const [only, ...more] = await entriesOf(a, 'a.1');
      expect(more).toEqual([]);
      expect(await grown).toEqual({ is: 'entries', entries: [only] });
      expect(await a.local.vector()).toEqual({ 'a.1': only?.id });
      const none = await a.local.grown(run, { origin: 'a.1', after: only?.id ?? '', count: 10, ms: 20 });
      expect(none).toEqual({ is: 'entries', entries: [] });
    });

    it('gives what a log has grown by, a few at a time, or says that some of it is gone', async () => {
      const entries = await written(4);
      const { run } = await a.local.look();
      const grown = (after: Id, count: number) => a.local.grown(run, { origin: 'a.1', after, count, ms: 20 });
      expect(await grown(START, 3)).toEqual({ is: 'entries', entries: entries.slice(0, 3) });
      expect(await grown(entries[2]?.id ?? '', 3)).toEqual({ is: 'entries', entries: entries.slice(3) });
      await a.local.trim(run, 'a.1', entries[1]?.id ?? '');
      expect(await grown(entries[0]?.id ?? '', 3)).toEqual({ is: 'trimmed' });
      expect(await grown(entries[1]?.id ?? '', 3)).toEqual({ is: 'entries', entries: entries.slice(2) });
    });

    it('opens only the process that is meant', async () => {
      expect((await a.local.open('a.1', 'another')).is).toBe('refused');
      expect((await a.local.look()).me).toBeUndefined();
      await expect(a.write('early')).rejects.toBeInstanceOf(Error);
      expect((await a.local.follow('another', b.port)).is).toBe('refused');
    });

    it('keeps apps out and senders in, or both out', async () => {
      const entries = await written(2);
      await opens(b, 'b.1');
      const sender = await b.sender();
      expect(await sender.vector()).toEqual({});
      expect((await b.local.shut('apps')).is).toBe('done');
      await expect(b.write('late')).rejects.toBeInstanceOf(Error);
      expect(await sender.apply('a.1', START, entries)).toEqual({ is: 'applied', id: entries[1]?.id });
      expect((await b.local.shut('all')).is).toBe('done');
      await expect(sender.vector()).rejects.toBeInstanceOf(Error);
      await expect(b.sender().then((s) => s.vector())).rejects.toBeInstanceOf(Error);
      await opens(b, 'b.1');
      await b.write('again');
      expect(await (await b.sender()).vector()).toHaveProperty('b.1');
    });

    it('applies every entry once, whatever comes again', async () => {
      const entries = await written(5);
      const ids = entries.map((e) => e.id);
      await opens(b, 'b.1');
      const sender = await b.sender();
      const batches = [
        sender.apply('a.1', START, entries.slice(0, 3)),
        sender.apply('a.1', START, entries.slice(0, 2)),
        sender.apply('a.1', ids[1] ?? '', entries.slice(2, 4)),
      ];
      expect(await Promise.all(batches)).toEqual([ids[2], ids[2], ids[3]].map((id) => ({ is: 'applied', id })));
      expect(await sender.apply('a.1', START, entries)).toEqual({ is: 'applied', id: ids[4] });
      expect((await b.words()).sort()).toEqual(['w0', 'w1', 'w2', 'w3', 'w4']);
      expect((await entriesOf(b, 'a.1')).map((e) => e.id)).toEqual(ids);
      expect(await sender.tail('a.1', ids[3] ?? '', 10)).toMatchObject({ is: 'entries', entries: [{ id: ids[4] }] });
      expect(await b.local.vector()).toEqual({ 'a.1': ids[4] });
    });

    it('takes no batch behind a gap, none from far in the future, none of its own name', async () => {
      const entries = await written(3);
      await opens(b, 'b.1');
      const sender = await b.sender();
      expect(await sender.apply('a.1', entries[0]?.id ?? '', entries.slice(1))).toEqual({ is: 'gap' });
      const later = entries.map((e) => ({ ...e, id: `${Math.ceil(systemClock.now()) + 120_000}-0` })).slice(0, 1);
      expect(await sender.apply('a.1', START, later)).toMatchObject({ is: 'skew' });
      await expect(sender.apply('b.1', START, entries)).rejects.toThrow('own');
      expect(await b.words()).toEqual([]);
      expect(await b.local.vector()).toEqual({});
    });

    it('says when a log begins too late', async () => {
      const ids = (await written(4)).map((e) => e.id);
      expect(await a.local.excess('a.1', 4)).toBeUndefined();
      expect(await a.local.excess('a.1', 3)).toBe(ids[0]);
      await a.local.trim((await a.local.look()).run, 'a.1', ids[1] ?? '');
      expect(await a.local.tail('a.1', START, 10)).toEqual({ is: 'trimmed' });
      expect(await a.local.tail('a.1', ids[0] ?? '', 10)).toEqual({ is: 'trimmed' });
      expect(await a.local.tail('a.1', ids[1] ?? '', 10)).toMatchObject({ entries: [{ id: ids[2] }, { id: ids[3] }] });
      expect(await a.local.excess('a.1', 1)).toBe(ids[2]);
      expect((await a.words()).length).toBe(4);
    });

    it('becomes a full copy of another and goes on alone', async () => {
      await written(3);
      const { run } = await b.local.look();
      expect(await b.local.follow(run, a.port)).toEqual({ is: 'done' });
      await untilTrue('the copy is there', async () => (await b.local.look()).link);
      expect(await b.local.look()).toMatchObject({ role: 'replica', run });
      expect(await b.local.detach(run)).toEqual({ is: 'done' });
      await untilTrue('it is on disk', async () => (await b.local.look()).durable);
      expect(await b.local.look()).toMatchObject({ role: 'primary', run, me: { origin: 'a.1' } });
      await opens(b, 'b.1');
      await b.write('own');
      expect((await b.words()).sort()).toEqual(['own', 'w0', 'w1', 'w2']);
      await b.crash();
      await startsFromDisk(b);
      expect((await b.words()).sort()).toEqual(['own', 'w0', 'w1', 'w2']);
      expect(Object.keys(await b.local.vector()).sort()).toEqual(['a.1', 'b.1']);
    });

    it('a crash loses nothing and brings another process, closed', async () => {
      await written(3);
      const { run, vector } = await a.local.look();
      await a.crash();
      await expect(a.local.look()).rejects.toBeInstanceOf(Error);
      expect((await a.local.open('a.2', run)).is).toBe('unconfirmed');
      await startsFromDisk(a);
      const look = await a.local.look();
      expect(look).toMatchObject({ role: 'primary', vector, me: { origin: 'a.1', run } });
      expect(look.run).not.toBe(run);
      await expect(a.write('early')).rejects.toBeInstanceOf(Error);
      await opens(a, 'a.2');
      await a.write('new');
      expect((await a.words()).sort()).toEqual(['new', 'w0', 'w1', 'w2']);
      await a.crash();
      await a.start('empty');
      expect((await a.local.look()).vector).toEqual({});
    });

    it('TW5113: without memory it refuses writes before any effect and says how much there is; what frees goes on', async () => {
      const entries = await written(3);
      const again = await a.full();
      await expect(a.write('too much')).rejects.toThrow('OOM');
      expect((await a.words()).sort()).toEqual(['w0', 'w1', 'w2']);
      const { run, short, vector } = await a.local.look();
      expect(short).toEqual([{ of: 'memory', used: expect.any(Number) as number, limit: 1 }]);
      expect(vector).toEqual({ 'a.1': entries[2]?.id });
      await a.local.trim(run, 'a.1', entries[0]?.id ?? '');
      expect(await a.local.sweep(run, 700)).toBe(700);
      await opens(b, 'b.1');
      await b.write('theirs');
      await expect((await a.sender()).apply('b.1', START, await entriesOf(b, 'b.1'))).rejects.toThrow('OOM');
      await again();
      await a.write('after');
      expect((await a.local.look()).short).toBeUndefined();
      expect((await a.words()).sort()).toEqual(['after', 'w0', 'w1', 'w2']);
    });

    it('a full one that starts anew opens all the same: else nobody could remove anything', async () => {
      await written(1);
      await a.crash();
      await startsFromDisk(a);
      const again = await a.full();
      await opens(a, 'a.2');
      await expect(a.write('too much')).rejects.toThrow('OOM');
      await again();
      await a.write('after');
      expect((await a.words()).sort()).toEqual(['after', 'w0']);
    });

    it('a log on disk that was cut gives what is before the cut, closed; written anew, the rest never comes back', async () => {
      const entries = await written(3);
      await a.crash();
      await a.cutLog();
      await startsFromDisk(a);
      expect(await a.local.look()).toMatchObject({ me: { origin: 'a.1' }, vector: { 'a.1': entries[1]?.id } });
      await expect(a.write('early')).rejects.toBeInstanceOf(Error);
      const { run } = await a.local.look();
      expect((await a.local.rewrite('another')).is).toBe('refused');
      expect(await a.local.rewrite(run)).toEqual({ is: 'done' });
      await untilTrue('it is on disk', async () => (await a.local.look()).durable);
      await opens(a, 'a.2');
      await a.write('new');
      await a.crash();
      await startsFromDisk(a);
      expect((await a.words()).sort()).toEqual(['new', 'w0', 'w1']);
    });

    it('an orderly end loses nothing', async () => {
      await written(3);
      const { vector } = await a.local.look();
      await a.local.end();
      await expect(a.local.look()).rejects.toBeInstanceOf(Error);
      await startsFromDisk(a);
      expect((await a.local.look()).vector).toEqual(vector);
    });

    it('hears of acknowledgements, and of the time until something expires', async () => {
      const entries = await written(2);
      const { run } = await a.local.look();
      await a.local.acked(run, entries[1]?.id ?? '');
      await a.local.acked(run, entries[0]?.id ?? '');
      expect(await a.local.sweep(run, 700)).toBe(700);
    });

    it('what was meant for a process that is gone is not done to the next one', async () => {
      const entries = await written(3);
      const { run } = await a.local.look();
      const id = entries[1]?.id ?? '';
      await a.local.sweep(run, 700);
      await a.crash();
      await startsFromDisk(a);
      const before = await a.local.vector();
      for (let i = 0; i < 2; i++) {
        await expect(a.local.sweep(run, 700)).rejects.toBeInstanceOf(Error);
        await expect(a.local.trim(run, 'a.1', id)).rejects.toBeInstanceOf(Error);
        await expect(a.local.acked(run, id)).rejects.toBeInstanceOf(Error);
        await expect(a.local.grown(run, { origin: 'a.1', after: START, count: 10, ms: 20 })).rejects.toBeInstanceOf(
          Error,
        );
      }
      expect(await a.local.vector()).toEqual(before);
      expect((await a.local.tail('a.1', START, 10)).is).toBe('entries');
    });
  });
}
