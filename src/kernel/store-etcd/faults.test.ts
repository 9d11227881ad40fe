import { existsSync } from 'node:fs';
import { connect as tcp } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoreView } from '../store.ts';
import { EtcdAdmin, type MemberState } from './admin.ts';
import { Members } from './members.ts';
import { EtcdStore } from './store.ts';
import { ETCD, EtcdRig } from './testing/rig.ts';

type Up = Extract<MemberState, { up: true }>;
const isUp = (s: MemberState): s is Up => s.up;

/** Collects the values of the views under a prefix. */
function watched(store: EtcdStore, prefix: string): { last(): unknown[]; stop(): void } {
  const stop = new AbortController();
  let last: StoreView = { revision: 0, entries: [] };
  void (async () => {
    for await (const view of store.watch(prefix, stop.signal)) last = view;
  })();
  return { last: () => last.entries.map((e) => e.value), stop: () => stop.abort() };
}
const long = { timeout: 30_000 };

describe.skipIf(!existsSync(ETCD))('three members', () => {
  let rig: EtcdRig;
  let store: EtcdStore;
  let admin: EtcdAdmin;
  beforeEach(async () => {
    rig = await EtcdRig.start(3, ['--heartbeat-interval', '50', '--election-timeout', '500']);
    store = new EtcdStore(rig.options('/f/'));
    admin = new EtcdAdmin(rig.options('/'));
  }, 60_000);
  afterEach(async () => {
    admin.close();
    await store.close();
    await rig.stop();
  });

  const up = async (): Promise<Up[]> => (await admin.status()).filter(isUp);
  const leader = async (): Promise<Up> => {
    const found = (await up()).find((s) => s.id === s.leader);
    if (found === undefined) throw new Error('no leader');
    return found;
  };
  /** Changes `key` until one change certainly happened; how it ended before. */
  const write = async (key: string, value: string): Promise<string[]> => {
    const ends: string[] = [];
    await expect
      .poll(async () => {
        const { revision } = await store.get(key);
        const { is } = await store.txn({ if: [{ key, revision }], put: [{ key, value }] });
        ends.push(is);
        return is;
      }, long)
      .toBe('ok');
    return ends;
  };

  it('one member killed, whichever it is: reads, writes and watches go on, nothing is lost', async () => {
    const view = watched(store, 'k/');
    await write('k/a', 'before');
    const { name } = await leader();
    rig.signal(name, 'SIGKILL');
    await write('k/b', 'after');
    expect((await store.get('k/a')).value).toBe('before');
    await expect.poll(() => view.last(), long).toEqual(['before', 'after']);
    expect((await admin.status()).find((s) => s.name === name)).toMatchObject({ up: false });
    view.stop();
  }, 60_000);

  it('a leader that is moved away leads no more, and nothing else is seen of it', async () => {
    const from = await leader();
    const to = (await up()).find((s) => s.id !== from.id);
    await admin.moveLeader(to?.id ?? 0n);
    await expect.poll(async () => (await leader()).id, long).toBe(to?.id);
    expect(await write('k', 'v')).toEqual(['ok']);
    await admin.moveLeader(to?.id ?? 0n);
  }, 60_000);

  it('a minority refuses to write and to read what counts, still tells what it knew, and comes back', async () => {
    await write('k', 'v');
    for (const name of ['m2', 'm3']) rig.signal(name, 'SIGKILL');
    const alone = new EtcdStore(rig.options('/f/', ['m1']));
    await expect
      .poll(() => alone.get('k').catch((e: Error) => e.message), long)
      .toMatch(/TW1020.*m1: etcdserver: no leader/);
    await expect(alone.txn({ if: [], put: [{ key: 'k', value: 'minority' }] })).rejects.toThrow(/TW1020.*no leader/);
    expect((await alone.range('', 'local')).entries).toMatchObject([{ key: 'k', value: 'v' }]);
    await expect(alone.lease(5000)).rejects.toThrow(/TW1020/);
    for (const name of ['m2', 'm3']) rig.run(name);
    await rig.ready();
    expect((await store.get('k')).value).toBe('v');
    await alone.close();
  }, 60_000);

  it('a watch whose past was compacted away lists anew and misses no final state', async () => {
    const one = new EtcdStore(rig.options('/f/', ['m1']));
    const view = watched(one, 'k/');
    await write('k/a', '1');
    await write('k/gone', '1');
    await expect.poll(() => view.last(), long).toEqual(['1', '1']);
    // It sleeps while things are deleted and forgotten.
    rig.signal('m1', 'SIGKILL');
    await write('k/a', '2');
    const { revision } = await store.range('k/');
    await store.txn({ if: [], put: [{ key: 'k/b', value: '3' }], remove: ['k/gone'] });
    const members = new Members(rig.options('/f/', ['m2', 'm3']));
    await members.ask('compact', (m, o) => m.kv.compact({ revision: BigInt(revision + 1) }, o));
    members.close();
    rig.run('m1');
    await expect.poll(() => view.last(), long).toEqual(['2', '3']);
    view.stop();
    await one.close();
  }, 60_000);

  it('a member that hangs: an open write is unknown, the next ones go elsewhere; it wakes and follows', async () => {
    // It was killed before: whoever asks it while it starts goes elsewhere at once.
    const alone = new EtcdStore(rig.options('/f/', ['m1']));
    const answer = (): Promise<boolean> =>
      alone.get('k').then(
        () => true,
        () => false,
      );
    await expect.poll(answer, long).toBe(true);
    await alone.close();
    const first = new EtcdStore(rig.options('/f/', ['m1', 'm2', 'm3']));
    await first.cas('k', 0, 'v');
    const view = watched(first, 'k');
    await expect.poll(() => view.last(), long).toEqual(['v']);
    rig.signal('m1', 'SIGSTOP');
    const { is } = await first.txn({ if: [], put: [{ key: 'k', value: 'w' }] });
    expect(is).toBe('unknown');
    await expect
      .poll(
        () =>
          first.get('k').then(
            () => 'answered',
            () => 'no leader yet',
          ),
        long,
      )
      .toBe('answered');
    const at = performance.now();
    await first.get('k');
    expect(performance.now() - at).toBeLessThan(1500);
    // The stream to the member that hangs says nothing and is not closed: the watch asks, hears nothing and goes elsewhere.
    await write('k', 'x');
    await expect.poll(() => view.last(), long).toEqual(['x']);
    rig.signal('m1', 'SIGCONT');
    await write('k', 'y');
    await expect.poll(() => view.last(), long).toEqual(['y']);
    view.stop();
    await first.close();
  }, 60_000);

  it('a call that is under way when the store is closed opens no further connection', async () => {
    let opened = 0;
    const o = rig.options('/f/', ['m1', 'm2', 'm3']);
    const endpoints = o.endpoints.map((e) => ({
      ...e,
      socket: () => {
        opened += 1;
        const { hostname, port } = new URL(e.url);
        return tcp(Number(port), hostname);
      },
    }));
    const closing = new EtcdStore({ ...o, endpoints });
    await closing.get('k');
    expect(opened).toBe(1);
    rig.signal('m1', 'SIGSTOP');
    const asked = closing.get('k').catch((e: unknown) => e);
    await new Promise((r) => setTimeout(r, 100));
    await closing.close();
    await asked;
    expect(opened).toBe(1);
    rig.signal('m1', 'SIGCONT');
  }, 60_000);

  it('a lease whose members all hang is lost before its keys go', async () => {
    const lease = await store.lease(3000);
    await store.txn({ if: [], put: [{ key: 'mine', value: 1, lease: lease.id }] });
    const sent = performance.now();
    for (const name of ['m1', 'm2', 'm3']) rig.signal(name, 'SIGSTOP');
    await new Promise<void>((done) => lease.lost.addEventListener('abort', () => done()));
    const lost = performance.now() - sent;
    for (const name of ['m1', 'm2', 'm3']) rig.signal(name, 'SIGCONT');
    await rig.ready();
    await expect.poll(async () => (await store.get('mine')).revision, long).toBe(0);
    expect(lost).toBeLessThanOrEqual(4000);
  }, 60_000);

  it('a snapshot is etcd’s own file, whole', async () => {
    await write('k', 'v'.repeat(100_000));
    const parts: Uint8Array[] = [];
    for await (const part of admin.snapshot(AbortSignal.timeout(10_000))) parts.push(part);
    const file = Buffer.concat(parts);
    const { createHash } = await import('node:crypto');
    expect(createHash('sha256').update(file.subarray(0, -32)).digest()).toEqual(file.subarray(-32));
    expect(file.includes('v'.repeat(1000))).toBe(true);
  }, 60_000);

  it('a nudge is one entry more, and nothing else', async () => {
    await write('k', 'before');
    const index = async (): Promise<bigint> => {
      const [first] = await admin.status();
      return first?.up === true ? first.index : 0n;
    };
    const [revision, at] = [(await store.get('k')).revision, await index()];
    await admin.nudge();
    await expect.poll(index, long).toBeGreaterThan(at);
    expect(await store.get('k')).toEqual({ value: 'before', revision });
  }, 60_000);

  it('a fourth member is a learner first; a voter may change its address', async () => {
    // etcd takes no member while it is not sure of those it has.
    let id = 0n;
    const add = async (): Promise<bigint> => (id = await admin.addLearner('http://127.0.0.1:1').catch(() => 0n));
    await expect.poll(add, long).not.toBe(0n);
    expect((await admin.list()).find((m) => m.id === id)).toMatchObject({ name: '', learner: true });
    await expect(admin.promote(id)).rejects.toThrow(/TW1020.*in sync with leader/);
    await admin.remove(id);
    expect(await admin.list()).toHaveLength(3);
    const [moved] = await admin.list();
    const url = moved?.peers[0]?.replace('127.0.0.1', 'localhost') ?? '';
    await admin.movePeer(moved?.id ?? 0n, url);
    expect((await admin.list()).find((m) => m.id === moved?.id)?.peers).toEqual([url]);
  }, 60_000);
});
