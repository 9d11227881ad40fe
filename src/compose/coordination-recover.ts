import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Step } from '../commands/index.ts';
import { planRecovery, type RecoverPlan, recover } from '../coordination/index.ts';
import type { KubeApi } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type Clock, type ClusterName, causes, fault, type Store } from '../kernel/index.ts';
import type { EtcdAdmin, EtcdOptions } from '../kernel/store-etcd/index.ts';
import { createWhole } from './whole-file.ts';

/**
 * Revisions above everything that anybody who is alive may have seen of the store of before; a member that joins takes
 * over all of them.
 */
const MARGIN = 2000;
const AT_ONCE = 250;
const RAISED = 'raised';

export interface RecoverParts {
  wiring: { clock: Clock; kube: (cluster: ClusterName, outputs: Outputs) => KubeApi | undefined };
  members: readonly ClusterName[];
  /** Ways to these members alone. */
  options(members: readonly ClusterName[]): Promise<EtcdOptions>;
  /** Where what is left is kept before anything is changed. */
  folder: string;
  /** Epochs that agents know and the store has forgotten are written again; in words. */
  remember(store: Store, outputs: Outputs): Promise<{ newest: number; say: readonly string[] }>;
}

const etcd = () => import('../kernel/store-etcd/index.ts');

async function answers(api: KubeApi | undefined): Promise<boolean> {
  if (api === undefined) return false;
  return await api.index().then(
    () => true,
    () => false,
  );
}

/** What would be done, and what is in its way. Throws TW5116. */
export async function planRecover(
  x: RecoverParts,
  lost: readonly string[],
  outputs: Outputs,
): Promise<Extract<RecoverPlan, { is: 'plan' }>> {
  const { wiring: w, members } = x;
  const unknown = lost.filter((l) => !members.includes(l));
  if (unknown.length > 0) throw fault('TW5116', { value: unknown.join(', '), why: [`members: ${members.join(', ')}`] });
  const admin = new (await etcd()).EtcdAdmin(await x.options(members));
  const states = await admin.status().finally(() => admin.close());
  const reach = await Promise.all(members.map(async (m) => [m, await answers(w.kube(m, outputs))] as const));
  const reachable = reach.flatMap(([m, yes]) => (yes && !lost.includes(m) ? [m] : []));
  const plan = planRecovery({ members, states, reachable, lost });
  if (plan.is === 'plan') return plan;
  throw fault('TW5116', { value: members.join(', '), why: plan.why, fix: plan.fix });
}

/** Writes until the revision is beyond `above` and a margin; the revision. */
async function raise(store: Store, above: number): Promise<number> {
  const { revision: now } = await store.range(RAISED);
  const target = Math.max(now, above) + MARGIN;
  for (let left = target - now; left > 0; left -= AT_ONCE) {
    const writes = Array.from({ length: Math.min(AT_ONCE, left) }, (_, i) =>
      store.txn({ if: [], put: [{ key: `${RAISED}/${i}`, value: 0 }] }),
    );
    await Promise.all(writes);
  }
  return (await store.range(RAISED)).revision;
}

/**
 * What the member has that is left, as a file of etcd's own; nothing is ended before that is there. A member without a
 * leader gives it all the same. Throws TW5116.
 */
export async function keepLeft(
  x: Pick<RecoverParts, 'folder'> & { clock: Clock },
  one: { from: ClusterName; options: EtcdOptions },
  signal: AbortSignal,
): Promise<string> {
  const at = new Date(x.clock.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const path = join(x.folder, `etcd-${one.from}-${at}Z.db`);
  const admin = new (await etcd()).EtcdAdmin(one.options);
  try {
    await mkdir(x.folder, { recursive: true, mode: 0o700 });
    await createWhole(path, admin.snapshot(signal), signal);
    return path;
  } catch (cause) {
    throw fault('TW5116', {
      value: one.from,
      why: [`no snapshot of what it has: ${causes(cause).join(': ')}`, 'nothing was changed'],
      fix: [
        {
          say: 'Make room there, or look why it does not answer, and say it again:',
          command: 'tw coordination status',
        },
      ],
    });
  } finally {
    admin.close();
  }
}

/** Makes the store anew of what is left. Ends before the others have joined: `introduce` does that. Throws TW5116. */
export async function* recoverStore(
  x: RecoverParts,
  plan: Extract<RecoverPlan, { is: 'plan' }>,
  now: { outputs: Outputs; signal: AbortSignal },
): AsyncGenerator<Step> {
  const { outputs, signal } = now;
  const { EtcdAdmin, EtcdStore } = await etcd();
  const one = await x.options([plan.from]);
  const ask = async <T>(work: (a: EtcdAdmin) => Promise<T>): Promise<T> => {
    const admin = new EtcdAdmin(one);
    return await work(admin).finally(() => admin.close());
  };
  const said: string[] = [];
  yield { step: 'snapshot', state: 'start' };
  const { folder, wiring } = x;
  const file = await keepLeft({ folder, clock: wiring.clock }, { from: plan.from, options: one }, signal);
  yield { step: 'snapshot', state: 'done', detail: `what ${plan.from} has is kept in ${file}` };
  yield* recover(plan, {
    api: (c) => x.wiring.kube(c, outputs),
    look: async (c) => await ask(async (a) => (await a.status())[0] ?? { name: c, up: false, why: 'it was not asked' }),
    list: () => ask((a) => a.list()),
    raise: async () => {
      const store = new EtcdStore(one);
      try {
        const { newest, say } = await x.remember(store, outputs);
        said.push(...say);
        return await raise(store, newest);
      } finally {
        await store.close();
      }
    },
    clock: x.wiring.clock,
    signal,
  });
  for (const detail of said) yield { step: 'epochs', state: 'note', detail };
}
