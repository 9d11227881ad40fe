/** A door to the state of one app whose agents only say what they are told to say, over a store in memory. */
import { stateDoor } from '../../../src/compose/state.ts';
import { KubeTwin } from '../../../src/fleet/adapters/kube-twin.ts';
import { memoryStore, type StoreFault, type StoreWorld, systemClock } from '../../../src/kernel/index.ts';
import { configOf, NAMES } from './config.ts';

export interface Told {
  dir: string;
  world: StoreWorld;
  /** What the agent of a cluster reports; throws where it is silent. */
  says: (cluster: string) => object;
  /** What becomes of a transaction. */
  fault?: (() => StoreFault | undefined) | undefined;
}

export async function doorOver({ dir, world, says, fault }: Told) {
  const twins: Record<string, KubeTwin> = {};
  for (const c of NAMES) {
    const twin = new KubeTwin(c, { proxy: () => JSON.stringify(says(c)) });
    await twin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'state-app' } }, 'cloud');
    const named = (name: string) => ({ name, namespace: 'state-app' });
    const data = { 'settings.json': JSON.stringify({ voters: NAMES, home: 'ca' }) };
    await twin.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: named('state-settings'), data }, 'tw');
    const status = { podIP: '10.0.0.1' };
    await twin.create({ apiVersion: 'v1', kind: 'Pod', metadata: named('redis-0'), status }, 'tw');
    twins[c] = twin;
  }
  return stateDoor({
    config: configOf(dir),
    clock: systemClock,
    stateDir: dir,
    kube: (c) => twins[c],
    outputs: async () => ({}),
    store: memoryStore((call) => (call.do === 'txn' ? fault?.() : undefined), world),
    secret: 'ab',
    image: 'registry.example/tradewind:v1',
    pinned: new Map(),
  });
}
