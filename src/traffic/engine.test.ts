/** The engine against three real nameserver processes on loopback. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryJournal, systemClock, TwError } from '../kernel/index.ts';
import { createHttp } from './adapters/http.ts';
import { createLookup } from './adapters/lookup.ts';
import { memoryStore } from './adapters/memory.ts';
import { trafficStatus, why } from './ask.ts';
import { currentSnapshot, type TrafficDeps, trafficApply } from './engine.ts';
import { hold, lift } from './holds.ts';
import { snapshotId } from './machine/world.ts';
import type { Receipt, Snapshot } from './model.ts';
import { createRig, type Rig, until } from './nameserver/rig.ts';
import { dataOf, SNAPSHOT_OBJECT, signSnapshot } from './sign.ts';
import { worldMap } from './worldmap.ts';

const ALL = ['sao', 'mtl', 'syd'];
const HOST = 'guestbook.demo.tradewind.example';

describe('the engine and three nameservers', () => {
  let rig: Rig;
  let first: Snapshot;
  const store = memoryStore(ALL);
  const journal = memoryJournal();
  const http = createHttp();
  let deps: TrafficDeps;
  beforeAll(async () => {
    rig = await createRig();
    // Made by the rig, which knows ports and addresses; told by the engine.
    first = await rig.publish([], {});
    deps = {
      fleet: first.fleet,
      clusters: ALL,
      store,
      lookup: createLookup(),
      http,
      keys: rig.keys,
      clock: systemClock,
      journal,
    };
  });
  afterAll(async () => {
    await rig.close();
    await http.close();
  });
  const codeOf = async (run: Promise<unknown>): Promise<string> =>
    run.then(
      () => 'none',
      (e: unknown) => (e instanceof TwError ? e.code : String(e)),
    );

  const currentOf = async () => {
    const { current } = await currentSnapshot(deps);
    if (current === undefined) throw new Error('no snapshot');
    return current;
  };
  /** A change of the zone with the next number, whose id sorts last. */
  async function rival(now: Snapshot): Promise<void> {
    let best: Snapshot = { ...now, seq: now.seq + 1, zone: 'rival.example' };
    for (let i = 0; i < 400; i++) {
      const next: Snapshot = { ...best, map: { ...now.map, prior: { a: i, b: 0 } } };
      if (snapshotId(next) > snapshotId(best)) best = next;
    }
    const signed = dataOf(signSnapshot(best, rig.keys.privateKey));
    for (const c of ALL) await store.put(c, SNAPSHOT_OBJECT, signed);
    const body = JSON.stringify({ snapshot: { text: signed.snapshot, signature: signed.signature } });
    for (const c of ALL)
      await http.send({ method: 'POST', url: `http://127.0.0.1:${rig.servers[c]?.httpPort}/peers`, body });
  }

  it('TW4051 before anything is in force', async () => {
    expect(await codeOf(why({ ip: '198.19.101.2' }, deps))).toBe('TW4051');
  });

  it('applies to every cluster and nameserver; an older or other writer is refused', async () => {
    const applied = await trafficApply({ snapshot: first }, deps);
    expect(applied).toMatchObject({ api: { sao: 'confirmed', mtl: 'confirmed', syd: 'confirmed' }, unchanged: false });
    expect(applied.told.toSorted()).toEqual(ALL.toSorted());
    expect((await trafficApply({ snapshot: first }, deps)).unchanged).toBe(true);
    expect(await codeOf(trafficApply({ snapshot: { ...first, zone: 'other.example' } }, deps))).toBe('TW4042');
    await until(6000, async () => {
      const health = (await rig.view('mtl')).health as Record<string, { state: string }>;
      return Object.values(health).length === 3 && Object.values(health).every((v) => v.state === 'up');
    });
  });

  it('explains an answer, and every server agrees with the prediction', async () => {
    const w = await why({ ip: '198.19.103.7' }, deps);
    expect(w.predicted.chosen).toBe('syd');
    expect(w.servers.map((s) => [s.answered, s.scope, s.agrees])).toEqual(ALL.map(() => [['syd'], 24, true]));
    expect(w.lines[0]).toBe('client 198.19.103.7 (map row 198.19.103.0/24, AU)');
    expect(await codeOf(why({ ip: 'x' }, deps))).toBe('TW4034');
    expect(await codeOf(why({ ip: '1.1.1.1', host: 'guestbok.demo.tradewind.example' }, deps))).toBe('TW4034');
  });

  it('the map has what each nameserver answered, by response code, and nothing else of its counters', async () => {
    const of = async (): Promise<Record<string, number>> => (await worldMap(deps))[0]?.answers['syd'] ?? {};
    const before = await of();
    await rig.ask('syd');
    await rig.ask('syd');
    const after = await of();
    expect((after['NOERROR'] ?? 0) - (before['NOERROR'] ?? 0)).toBe(2);
    expect(Object.keys(after).filter((k) => !/^[A-Z]+$/.test(k))).toEqual([]);
  });

  it('drains a cluster whose API is cut: the nameservers are told directly, the receipt tells the truth', async () => {
    store.cut.add('sao');
    const steps: Receipt[] = [];
    const receipt = await hold(
      {
        kind: 'drain',
        cluster: 'sao',
        by: 'ana',
        why: 'kernel update',
        waitMs: 8000,
        onProgress: (r) => steps.push(r),
      },
      deps,
    );
    expect(receipt).toMatchObject({
      done: true,
      beacon: 'confirmed',
      peers: { confirmed: 3, of: 3 },
      api: { sao: 'unreachable', mtl: 'confirmed', syd: 'confirmed' },
    });
    expect(receipt.truth.every((t) => !t.answers.includes('sao') && t.answers.length > 0)).toBe(true);
    expect(steps.length).toBeGreaterThan(0);
    expect(await rig.ask('syd')).toEqual(['mtl']);
    store.cut.delete('sao');
  });

  it('refuses a second cluster without force, and the last one even with it', async () => {
    const request = { kind: 'drain' as const, by: 'ana', why: 'x', waitMs: 4000 };
    expect(await codeOf(hold({ ...request, cluster: 'mtl' }, deps))).toBe('TW4032');
    const forced = await hold({ ...request, cluster: 'mtl', force: true }, deps);
    expect(forced.notes[0]).toContain('forced although sao is held');
    expect(await codeOf(hold({ ...request, cluster: 'syd', force: true }, deps))).toBe('TW4031');
    expect(await codeOf(hold({ ...request, cluster: 'sidney' }, deps))).toBe('TW4034');
  });

  it('lifts, and says what is in force', async () => {
    expect((await lift({ hold: 'mtl', by: 'ana' }, deps)).done).toBe(true);
    expect((await lift({ hold: 'sao', by: 'ana' }, deps)).peers).toEqual({ confirmed: 3, of: 3 });
    expect(await codeOf(lift({ hold: 'sao', by: 'ana' }, deps))).toBe('TW4033');
    await until(3000, async () => (await rig.ask('sao')).join() === 'sao');
    const status = await trafficStatus(deps);
    expect(status.agreed).toBe(true);
    expect(status.holds).toEqual([]);
    expect(status.hosts[0]).toMatchObject({ host: HOST, shares: { sao: expect.closeTo(1 / 3) } });
    expect(status.servers.every((s) => s.serial === (1 << 20) + status.snapshot.seq)).toBe(true);
    expect(journal.read().map((f) => f.kind)).toContain('traffic.held');
  });

  it('makes a hold again on top of another writer who wrote the same number at the same time', async () => {
    const { snapshot: now } = await currentOf();
    let raced = false;
    // Before our object lands, another writer puts one of the same number that wins by its id.
    const racing: TrafficDeps = {
      ...deps,
      store: {
        get: (c, n, s) => store.get(c, n, s),
        put: async (c, n, d, s) => {
          if (!raced) {
            raced = true;
            await rival(now);
          }
          await store.put(c, n, d, s);
        },
      },
    };
    const receipt = await hold({ kind: 'drain', cluster: 'syd', by: 'ana', why: 'x', waitMs: 6000 }, racing);
    expect(receipt.done).toBe(true);
    const after = (await currentOf()).snapshot;
    expect(after.holds.map((h) => h.cluster)).toEqual(['syd']);
    expect([after.zone, after.seq]).toEqual(['rival.example', now.seq + 2]);
    await trafficApply({ snapshot: { ...after, seq: after.seq + 1, zone: first.zone, holds: [] } }, deps);
  });

  it('works with every Kubernetes API dead, and fails honestly with all dead', async () => {
    for (const c of ALL) store.cut.add(c);
    const hinted: TrafficDeps = {
      ...deps,
      nameservers: Object.fromEntries(first.sites.flatMap((s) => (s.nameserver ? [[s.cluster, s.nameserver]] : []))),
    };
    const receipt = await hold({ kind: 'brake', cluster: 'syd', by: 'ana', why: 'bad build', waitMs: 6000 }, hinted);
    expect(receipt).toMatchObject({ done: true, peers: { confirmed: 3 } });
    expect(Object.values(receipt.api)).toEqual(['unreachable', 'unreachable', 'unreachable']);
    expect(await rig.ask('mtl', { ecs: '198.19.103.0/24' })).not.toEqual(['syd']);
    expect(await codeOf(trafficStatus(deps))).toBe('TW4051');
  });
});
