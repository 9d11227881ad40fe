import { expect, it } from 'vitest';
import type { ReleaseConfig } from '../config/index.ts';
import { type Clock, memoryStore } from '../kernel/index.ts';
import { type Evidence, noEvidence } from './evidence.ts';
import { quickClock } from './fixtures.ts';
import { planRelease, type ReleasePlan } from './plan.ts';
import type { ReleasePorts } from './ports.ts';
import { ask, claim, forget, registerOf, takeover } from './register.ts';
import { type DriveOptions, drive } from './shell.ts';
import { WorldTwin } from './twin.ts';

const CLUSTERS = ['mtl', 'sao', 'syd'];

const MINUTE = 60_000;
const config: ReleaseConfig = {
  driver: 'httproute',
  strategy: 'atomic',
  soak: 10_000,
  lastSoak: 10_000,
  keepBlue: 60 * MINUTE,
  prepare: { timeout: MINUTE, checks: [], require: 'all' },
  skew: { max: 10_000, onMissed: 'brake' },
  judge: { errors: 0.01, factor: 2, latency: 1.5, requests: 100, probes: 0, path: '/' },
  approve: [],
  acceptLoss: false,
};

async function worldOf(): Promise<{ world: WorldTwin; ports: ReleasePorts; clock: Clock }> {
  const clock = quickClock();
  const world = new WorldTwin(clock);
  for (const c of CLUSTERS) await world.stand(c, 'v1');
  return { world, ports: world.ports('shop'), clock };
}

const planOf = (green: string, over: Partial<ReleaseConfig> = {}, live = 'v1'): ReleasePlan =>
  planRelease({
    app: 'shop',
    green,
    config: { ...config, ...over },
    clusters: CLUSTERS.map((name) => ({ name, live, refused: [] })),
  });

const options = (over: Partial<DriveOptions> = {}): DriveOptions => ({
  checks: [{ path: '/readyz', status: 200 }],
  evidence: noEvidence('pass'),
  signal: new AbortController().signal,
  show: () => undefined,
  ask: () => undefined,
  leaveAt: 'keep',
  ...over,
});

async function started(ports: ReleasePorts, plan: ReleasePlan) {
  const register = registerOf(ports.app, ports.store, ports.journal);
  return { register, record: await claim(register, { plan, by: 'ana', seenEpoch: 0, clock: ports.clock }) };
}

const live = (w: WorldTwin): (string | undefined)[] => CLUSTERS.map((c) => w.switches.seen(c).state?.live);

it('all clusters move as one, the old version stays until the end, then it goes', async () => {
  const { world, ports } = await worldOf();
  const { record, register } = await started(ports, planOf('v2'));
  const kept = await drive(ports, record, options());
  expect(kept.record).toMatchObject({ decision: 'committed', step: 'keep' });
  expect(live(world)).toEqual(['v2', 'v2', 'v2']);
  expect(world.units.has('mtl v1')).toBe(true);
  expect(Object.keys(kept.flippedAt).toSorted()).toEqual(CLUSTERS);
  const request = { kind: 'promote', by: 'ana', at: 0 } as const;
  const mine = await takeover(register, 'shop', { clock: ports.clock, request });
  const end = await drive(ports, mine, options({ leaveAt: 'clean' }));
  expect(end.record.decision).toBe('done');
  expect([...world.units.keys()].toSorted()).toEqual(CLUSTERS.map((c) => `${c} v2`));
});

it('one green that never gets ready: nobody is switched, the cause is named, green goes', async () => {
  const { world, ports } = await worldOf();
  world.sick.set('mtl v4', 'pod shop-v4-1: readiness answers 503');
  const { record } = await started(ports, planOf('v4'));
  const end = await drive(ports, record, options({ leaveAt: 'clean' }));
  expect(end.record).toMatchObject({ decision: 'rolledback', cause: { code: 'TW7010', cluster: 'mtl' } });
  expect(end.record.cause?.say).toContain('readiness answers 503');
  expect(live(world)).toEqual(['v1', 'v1', 'v1']);
  expect([...world.units.keys()].every((k) => k.endsWith(' v1'))).toBe(true);
});

it('a failed verdict in one cluster takes all of them back', async () => {
  const { world, ports } = await worldOf();
  const evidence: Evidence = {
    ...noEvidence('pass'),
    verdict: (c) =>
      c === 'syd'
        ? { is: 'fail', why: [{ code: 'TW7030', say: 'errors on syd', cluster: c }] }
        : { is: 'pass', why: [] },
  };
  const { record } = await started(ports, planOf('v3'));
  const end = await drive(ports, record, options({ evidence, leaveAt: 'clean' }));
  expect(end.record).toMatchObject({ decision: 'rolledback', cause: { say: 'errors on syd' } });
  expect(live(world)).toEqual(['v1', 'v1', 'v1']);
});

it('a cluster cut off at the flip is braked, is not called done, and is right after it returns', async () => {
  const { world, ports, clock } = await worldOf();
  const { record } = await started(ports, planOf('v2'));
  let healed = false;
  const show: DriveOptions['show'] = ({ record: r }) => {
    if (r.decision === 'committed' && r.step === 'flip' && !healed) world.cut.add('syd');
    expect(r.decision === 'done' && world.cut.has('syd')).toBe(false);
    if (world.braked.has('syd') && !healed) {
      healed = true;
      void clock.sleep(20_000).then(() => world.cut.delete('syd'));
    }
  };
  const end = await drive(ports, record, options({ show }));
  expect(healed).toBe(true);
  expect(end.record).toMatchObject({ decision: 'committed', step: 'keep' });
  expect(live(world)).toEqual(['v2', 'v2', 'v2']);
  expect(world.braked.size).toBe(0);
});

it('a rollback by another process stops the first one, which can write no more', async () => {
  const { world, ports, clock } = await worldOf();
  const store = memoryStore();
  const first = { ...ports, store };
  const { record, register } = await started(first, planOf('v2'));
  const running = drive(first, record, options({ leaveAt: 'clean' }));
  while (live(world).some((v) => v !== 'v2')) await clock.sleep(500);
  const request = { kind: 'rollback', by: 'bo', at: 0, why: 'looks wrong' } as const;
  const mine = await takeover(register, 'shop', { clock, request });
  const [stale, end] = await Promise.all([
    running.catch((e: unknown) => e),
    drive(first, mine, options({ leaveAt: 'decision' })),
  ]);
  expect(stale).toMatchObject({ code: 'TW7041' });
  expect(end.record).toMatchObject({ decision: 'rolledback', cause: { say: 'bo: looks wrong' } });
  expect(live(world)).toEqual(['v1', 'v1', 'v1']);
});

it('a rollback of what is only kept is one write per cluster, and ends at the decision', async () => {
  const { world, ports, clock } = await worldOf();
  const { record, register } = await started(ports, planOf('v2'));
  await drive(ports, record, options());
  const before = CLUSTERS.map((c) => world.switches.seen(c).state?.fence ?? 0);
  const request = { kind: 'rollback', by: 'bo', at: 0 } as const;
  const mine = await takeover(register, 'shop', { clock, request });
  const end = await drive(ports, mine, options({ leaveAt: 'decision' }));
  expect(end.record.decision).toBe('rolledback');
  expect(live(world)).toEqual(['v1', 'v1', 'v1']);
  expect(CLUSTERS.map((c, i) => (world.switches.seen(c).state?.fence ?? 0) - (before[i] ?? 0))).toEqual([1, 1, 1]);
});

it('a rollback writes the others at once when one cluster is silent, brakes it, and lifts the brake when it is back', async () => {
  const { world, ports, clock } = await worldOf();
  const { record, register } = await started(ports, planOf('v2'));
  await drive(ports, record, options());
  world.cut.add('syd');
  const request = { kind: 'rollback', by: 'bo', at: 0 } as const;
  const mine = await takeover(register, 'shop', { clock, request });
  let seenBraked = false;
  const show: DriveOptions['show'] = ({ record: r }) => {
    if (!world.braked.has('syd') || seenBraked) return;
    seenBraked = true;
    expect(r.decision).toBe('aborting');
    expect(['mtl', 'sao'].map((c) => world.switches.seen(c).state?.live)).toEqual(['v1', 'v1']);
    void clock.sleep(5000).then(() => world.cut.delete('syd'));
  };
  const end = await drive(ports, mine, options({ leaveAt: 'decision', show }));
  expect([seenBraked, end.record.decision]).toEqual([true, 'rolledback']);
  expect(live(world)).toEqual(['v1', 'v1', 'v1']);
  expect([...world.braked]).toEqual([]);
});

it('a rollback waits neither for traffic nor for a slow write', async () => {
  const { world, ports, clock } = await worldOf();
  const { record, register } = await started(ports, planOf('v2'));
  await drive(ports, record, options());
  const back = Promise.withResolvers<void>();
  const brakes = { ...ports.brakes, now: () => back.promise.then(() => ports.brakes.now()) };
  const write = ports.switches.write.bind(ports.switches);
  ports.switches.write = async (c, ...rest) => {
    if (c === 'syd') await back.promise;
    return await write(c, ...rest);
  };
  const show: DriveOptions['show'] = () => {
    if (live(world).filter((v) => v === 'v1').length === 2) back.resolve();
  };
  const mine = await takeover(register, 'shop', { clock, request: { kind: 'rollback', by: 'bo', at: 0 } });
  const end = await drive({ ...ports, brakes }, mine, options({ leaveAt: 'decision', show }));
  expect([end.record.decision, ...live(world)]).toEqual(['rolledback', 'v1', 'v1', 'v1']);
});

it('a second release is refused with the name and the phase of the first', async () => {
  const { ports } = await worldOf();
  const { register } = await started(ports, planOf('v2'));
  await expect(
    claim(register, { plan: planOf('v3'), by: 'bo', seenEpoch: 0, clock: ports.clock }),
  ).rejects.toMatchObject({ code: 'TW7001', message: expect.stringMatching(/r1 \(preparing, by ana\) holds shop/) });
});

it('waits for a word where the plan says so, and goes on with it', async () => {
  const { world, ports } = await worldOf();
  const { record, register } = await started(ports, planOf('v2', { approve: ['commit'] }));
  const asked: string[] = [];
  const end = await drive(
    ports,
    record,
    options({
      ask: (stage, r) => {
        asked.push(stage);
        expect(live(world)).toEqual(['v1', 'v1', 'v1']);
        void ask(register, 'shop', {
          request: { kind: 'approve', stage, by: 'bo', at: 0, wave: r.wave },
          may: () => undefined,
        });
      },
    }),
  );
  expect(asked).toEqual(['commit']);
  expect(end.record.step).toBe('keep');
});

it('a release of clusters that were built anew is forgotten, and the next one may begin', async () => {
  const { ports } = await worldOf();
  const { register } = await started(ports, planOf('v2'));
  expect(await forget(register, ports.clock)).toMatchObject({ release: 'r1', decision: 'rolledback', epoch: 2 });
  expect(await forget(register, ports.clock)).toBeUndefined();
  expect((await started(ports, planOf('v2'))).record).toMatchObject({ release: 'r2', epoch: 3 });
});

it('a register whose answers get lost is asked again: one release, one entry, no refusal by itself', async () => {
  const { world } = await worldOf();
  let lost = 1;
  const store = memoryStore((call) => (call.do === 'cas' && lost-- > 0 ? 'lost' : undefined));
  const ports = world.ports('shop', store);
  const { record } = await started(ports, planOf('v2'));
  expect(record).toMatchObject({ release: 'r1', epoch: 1, requests: [] });
  expect(ports.journal.read({ kind: 'release.record' })).toHaveLength(1);
});

it('green is made once: no second try from the look before, none that comes after the release', async () => {
  const { world, ports, clock } = await worldOf();
  const calls: string[] = [];
  const slow: ReleasePorts = {
    ...ports,
    workloads: {
      ...ports.workloads,
      makeGreen: async (...args) => {
        const put = await ports.workloads.makeGreen(...args);
        calls.push(`${args[0]} ${args[1]} ${put}`);
        return put;
      },
      // Looks take longer than making.
      state: async (...args) => {
        const seen = await ports.workloads.state(...args);
        await clock.sleep(900);
        return seen;
      },
    },
  };
  const { record } = await started(slow, planOf('v2'));
  await drive(slow, record, options());
  expect(calls.filter((c) => c.endsWith('stale'))).toEqual([]);
  expect(calls.filter((c) => c.includes(' v2 '))).toHaveLength(3);
  expect(live(world)).toEqual(['v2', 'v2', 'v2']);
});

it('a makeGreen that takes until its release is over does not bring the version back', async () => {
  const { world, ports, clock } = await worldOf();
  const { record, register } = await started(ports, planOf('v2'));
  let go: (() => void) | undefined;
  const gate = new Promise<void>((done) => (go = done));
  let asks = 0;
  const slow: ReleasePorts = {
    ...ports,
    workloads: {
      ...ports.workloads,
      makeGreen: async (...args) => {
        asks += 1;
        await gate;
        return await ports.workloads.makeGreen(...args);
      },
    },
  };
  const first = drive(slow, record, options()).catch((e: unknown) => e);
  while (asks < 3) await clock.sleep(200);
  const request = { kind: 'rollback', by: 'bo', at: 0 } as const;
  const mine = await takeover(register, 'shop', { clock, request });
  await drive(ports, mine, options({ leaveAt: 'clean' }));
  go?.();
  expect(await first).toMatchObject({ code: 'TW7041' });
  await clock.sleep(5000);
  expect([...world.units.keys()].filter((k) => k.endsWith(' v2'))).toEqual([]);
});
