// A fleet whose clusters are Kubernetes twins with real agents in their pods, as the verbs of state find it.
import { planApps } from '../../../src/commands/makeplan.ts';
import type { Engine } from '../../../src/commands/ports.ts';
import { stateDoor } from '../../../src/compose/state.ts';
import type { Config } from '../../../src/config/index.ts';
import { KubeTwin } from '../../../src/fleet/adapters/kube-twin.ts';
import { ports } from '../../../src/fleet/fixtures.ts';
import { fleetApply } from '../../../src/fleet/index.ts';
import { memoryJournal, memoryStore } from '../../../src/kernel/index.ts';
import { Rig } from './rig.ts';

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

/** Every cluster of `names` stands; those of `from` have a copy. */
export function voterWorld(dir: string, names: readonly string[], from: readonly string[]) {
  const outputs = Object.fromEntries(names.map((n) => [n, {}])) as never;
  const rig = new Rig(3, names, from);
  const twins = Object.fromEntries(
    names.map((name) => {
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
      outputs: async () => outputs,
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
      outputs: async () => outputs,
      kube: w.kube,
    } as unknown as Engine;
  };
  const redisIn = (): string[] =>
    names.filter((c) => twins[c]?.all().some((o) => o.kind === 'StatefulSet' && o.metadata.name === 'redis'));
  const up = async (e: Engine): Promise<void> => {
    const plan = await planApps(e, outputs, ['state-app']);
    const input = { api: async (c: string) => twins[c], clock: rig.clock };
    for await (const event of fleetApply(plan, input, new AbortController().signal))
      if (event.type === 'end' && event.failed.length > 0)
        throw new Error(`not deployed: ${JSON.stringify(event.failed)}`);
  };
  return { rig, engine, redisIn, up };
}
