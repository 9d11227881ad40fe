import { dictOf, type KubeApi } from '../fleet/index.ts';
import type { Clock, ClusterName, MemberEntry, MemberState } from '../kernel/index.ts';
import { DATA_CLAIM, MEMBER_POD, NAME, NAMESPACE } from './model.ts';
import type { RecoverPlan } from './plan/recover.ts';
import { forced, standing } from './plan/start.ts';
import type { Step } from './ports.ts';
import { again, coordinationRef, readStart, writeStart } from './tend.ts';

export interface RecoverDeps {
  api(cluster: ClusterName): KubeApi | undefined;
  /** What one member says. */
  look(cluster: ClusterName): Promise<MemberState>;
  list(): Promise<MemberEntry[]>;
  /** Makes the store's revision greater than every one that anybody has seen. */
  raise(): Promise<number>;
  clock: Clock;
  signal: AbortSignal;
}

const WAIT_MS = 120_000;
const POLL_MS = 500;

async function until(d: RecoverDeps, what: string, ready: () => Promise<boolean>): Promise<void> {
  const end = d.clock.monotonic() + WAIT_MS;
  while (!(await ready())) {
    if (d.clock.monotonic() > end) throw new Error(`not in ${WAIT_MS / 1000} s: ${what}`);
    await d.clock.sleep(POLL_MS, d.signal);
  }
}

async function scale(api: KubeApi, replicas: number): Promise<void> {
  const at = { group: 'apps', kind: 'StatefulSet', namespace: NAMESPACE, name: NAME };
  const spec = dictOf((await api.get(at))?.['spec']);
  if (spec['replicas'] === replicas) return;
  await api.patch(at, [{ op: 'replace', path: '/spec/replicas', value: replicas }], 'tw-coordination');
}

/** Ends a member; its disk goes too, so that it can never speak for the old store. */
async function end(d: RecoverDeps, cluster: ClusterName, api: KubeApi): Promise<void> {
  await scale(api, 0);
  const gone = (kind: string, name: string) => async (): Promise<boolean> =>
    (await api.get(coordinationRef(kind, name))) === undefined;
  await until(d, `the member of ${cluster} ends`, gone('Pod', MEMBER_POD));
  const claim = coordinationRef('PersistentVolumeClaim', DATA_CLAIM);
  const uid = (await api.get(claim))?.metadata.uid;
  if (uid !== undefined) await api.remove(claim, { uid, cascade: 'background' });
  await until(d, `the volume of ${cluster} goes`, gone('PersistentVolumeClaim', DATA_CLAIM));
  await writeStart(api, standing(cluster));
}

/** The member alone is the store, with what it has. */
async function alone(d: RecoverDeps, cluster: ClusterName, api: KubeApi): Promise<void> {
  const start = await readStart(api);
  const volume = (await api.get(coordinationRef('PersistentVolumeClaim', DATA_CLAIM)))?.metadata.uid;
  await writeStart(api, forced(start ?? standing(cluster, volume)));
  await again(api);
  await until(d, `the member of ${cluster} leads a store of its own`, async () => {
    const s = await d.look(cluster);
    if (!s.up || s.leader !== s.id) return false;
    return (await d.list().catch(() => [])).length === 1;
  });
  // At once: started so a second time it would throw out those who have joined.
  await writeStart(api, standing(cluster, volume));
}

/**
 * Makes the store anew of the member that is left. The others end first, with their disks; they join again as members
 * with an empty disk when `introduce` runs, which is for the caller to do. Throws when a step does not end in time: it
 * may be run again.
 */
export async function* recover(p: Extract<RecoverPlan, { is: 'plan' }>, d: RecoverDeps): AsyncGenerator<Step> {
  for (const cluster of p.blank) {
    const api = d.api(cluster);
    if (api === undefined) throw new Error(`${cluster} does not answer any more`);
    yield { step: `end ${cluster}`, state: 'start' };
    await end(d, cluster, api);
    yield { step: `end ${cluster}`, state: 'done' };
  }
  const api = d.api(p.from);
  if (api === undefined) throw new Error(`${p.from} does not answer any more`);
  yield { step: `begin with ${p.from}`, state: 'start' };
  await alone(d, p.from, api);
  const revision = await d.raise();
  yield { step: `begin with ${p.from}`, state: 'done', detail: `revision ${revision}` };
  for (const cluster of p.blank) {
    const other = d.api(cluster);
    if (other !== undefined) await scale(other, 1);
  }
}
