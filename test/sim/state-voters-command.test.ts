/** `tw state add-voter` as a person says it: the real verb, planner and applier over Kubernetes twins, with real agents. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Context, Io } from '../../src/commands/context.ts';
import { planApps } from '../../src/commands/makeplan.ts';
import type { Engine } from '../../src/commands/ports.ts';
import { stateAddVoter } from '../../src/commands/state-voter.ts';
import { stateDoor } from '../../src/compose/state.ts';
import type { Config } from '../../src/config/index.ts';
import { KubeTwin } from '../../src/fleet/adapters/kube-twin.ts';
import { ports } from '../../src/fleet/fixtures.ts';
import { fleetApply } from '../../src/fleet/index.ts';
import { memoryJournal, memoryStore } from '../../src/kernel/index.ts';
import { Client } from './state-agent/client.ts';
import { configOf, NAMES } from './state-agent/config.ts';
import { Rig } from './state-agent/rig.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-add-voter-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Every cluster stands. */
const OUTPUTS = Object.fromEntries(NAMES.map((n) => [n, {}])) as never;

/** Workloads are ready and load balancers have an address as soon as anybody looks. */
function lively(twin: KubeTwin): void {
  for (const o of twin.all()) {
    if (o['status'] !== undefined) continue;
    const ref = { kind: o.kind, name: o.metadata.name, namespace: o.metadata.namespace ?? '' };
    const n = { replicas: 2, readyReplicas: 2, updatedReplicas: 2, availableReplicas: 2, observedGeneration: 99 };
    const one = { replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1, observedGeneration: 99 };
    if (o.kind === 'Deployment') twin.setStatus({ group: 'apps', ...ref }, n);
    if (o.kind === 'StatefulSet') twin.setStatus({ group: 'apps', ...ref }, one);
    if (o.kind === 'Service')
      twin.setStatus({ group: '', ...ref }, { loadBalancer: { ingress: [{ ip: '10.1.1.1' }] } });
  }
}

function world(from: readonly string[]) {
  const rig = new Rig(3, NAMES, from);
  const twins = Object.fromEntries(
    NAMES.map((name) => {
      const proxy = () => JSON.stringify({ ...rig.place(name).agent?.report(), events: [] });
      const twin: KubeTwin = new KubeTwin(name, { clock: rig.clock, proxy, before: () => lively(twin) });
      twin.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'state-app' } }, 'cloud');
      const metadata = { name: 'redis-0', namespace: 'state-app' };
      twin.put({ apiVersion: 'v1', kind: 'Pod', metadata, status: { podIP: '10.0.0.1' } }, 'kubelet');
      return [name, twin] as const;
    }),
  );
  const engine = (config: Config): Engine => {
    const w = {
      config,
      clock: rig.clock,
      stateDir: dir,
      kube: (c: string) => twins[c],
      outputs: async () => OUTPUTS,
      store: memoryStore(undefined, rig.world),
      secret: 'ab',
      image: 'registry.example/tradewind:v1',
      pinned: new Map(),
    };
    return {
      config,
      state: stateDoor(w),
      fleet: ports(rig.clock as never),
      infra: { journal: memoryJournal(rig.clock) },
      traffic: { systemApp: () => undefined },
      gateway: { systemApp: () => undefined },
      outputs: async () => OUTPUTS,
      kube: w.kube,
    } as unknown as Engine;
  };
  const redisIn = (): string[] =>
    NAMES.filter((c) => twins[c]?.all().some((o) => o.kind === 'StatefulSet' && o.metadata.name === 'redis'));
  return { rig, twins, engine, redisIn };
}

const io = { signal: new AbortController().signal, show: () => undefined, detach: () => undefined } as unknown as Io;

it.each([
  [{ cluster: 'au' }, ['au', 'ca', 'sa']],
  [{ cluster: 'au', insteadOf: 'sa' }, ['au', 'ca']],
  [{ cluster: 'au', insteadOf: 'ca' }, ['au', 'sa']],
])('%j: a Redis there, a copy that counts, none where it left', { timeout: 60_000 }, async (args, to) => {
  const { rig, twins, engine, redisIn } = world(['ca', 'sa']);
  const client = new Client(rig, 'x');
  const journal = memoryJournal(rig.clock);
  let [ended, over] = [false, false];
  const up = async (e: Engine): Promise<void> => {
    const plan = await planApps(e, OUTPUTS, ['state-app']);
    const input = { api: async (c: string) => twins[c], clock: rig.clock };
    for await (const event of fleetApply(plan, input, io.signal))
      if (event.type === 'end') expect(event.failed).toEqual([]);
  };
  const run = (async () => {
    const writing = client.run(() => ended);
    while (!rig.settled() || client.acked.length < 5) await rig.clock.sleep(50);
    await up(engine(configOf(dir, ['ca', 'sa'])));
    await up(engine(configOf(dir)));
    expect(redisIn()).toEqual(['ca', 'sa']);
    const e = engine(configOf(dir));
    const c = { clock: rig.clock, stateDir: dir, journal: () => journal, engine: async () => e } as unknown as Context;
    const done = await stateAddVoter(c, args, io);
    expect(done.data).toMatchObject({ app: 'app', add: 'au', voters: to });
    expect(redisIn()).toEqual(to);
    expect(rig.world.view('state/app/joining').entries).toEqual([]);
    expect(journal.read().map((f) => f.kind)).toContain('state.voters');
    // What is deployed is what everybody would deploy now.
    await up(engine(configOf(dir, to)));
    expect(redisIn()).toEqual(to);
    await expect(stateAddVoter(c, args, io)).rejects.toMatchObject({ problem: { code: 'TW5151' } });
    ended = true;
    await writing;
    over = true;
  })();
  run.catch((error: unknown) => (rig.broken ??= error instanceof Error ? String(error.stack) : String(error)));
  await rig.clock
    .run(
      () => over || rig.broken !== undefined,
      600_000,
      () => rig.look(),
    )
    .catch((error: unknown) => (rig.broken ??= String(error)));
  for (const p of rig.places) p.stop.abort();
  expect(rig.broken, rig.log.slice(-30).join('\n')).toBeUndefined();
});
