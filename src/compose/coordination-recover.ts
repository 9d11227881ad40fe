import type { Step } from '../commands/index.ts';
import type { Config } from '../config/index.ts';
import { planRecovery, type RecoverPlan, recover } from '../coordination/index.ts';
import type { KubeApi } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type ClusterName, fault, type Store } from '../kernel/index.ts';
import type { EtcdAdmin, EtcdOptions } from '../kernel/store-etcd/index.ts';
import { type AgentReport, foldView, prefixOf } from '../state/index.ts';
import type { CoordinationWiring } from './coordination.ts';
import { isShared, type SharedApp, type StateWiring } from './state-deploy.ts';
import { askAll } from './state-look.ts';

/** Revisions above everything that anybody who is alive may have seen of the store of before. */
const MARGIN = 20_000;
const AT_ONCE = 250;
const RAISED = 'raised';

export interface RecoverParts {
  wiring: CoordinationWiring;
  members: readonly ClusterName[];
  /** Ways to these members alone. */
  options(members: readonly ClusterName[]): Promise<EtcdOptions>;
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

/** Makes the store anew of what is left. Ends before the others have joined: `introduce` does that. */
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

const newestOf = (reports: readonly AgentReport[]): AgentReport['epoch'] =>
  reports.flatMap((r) => (r.epoch === undefined ? [] : [r.epoch])).toSorted((a, b) => b.epoch - a.epoch)[0];

async function rememberApp(w: StateWiring, x: { app: SharedApp; store: Store; outputs: Outputs }) {
  const heard = await askAll(w, x.app, x.outputs);
  const reports = heard.flatMap((h) => ('report' in h ? [h.report] : []));
  const known = newestOf(reports);
  const prefix = prefixOf(x.app.name);
  const { revision, entries } = await x.store.range(prefix);
  const view = foldView(
    entries.map((e) => ({ ...e, key: e.key.slice(prefix.length) })),
    { revision, fresh: true },
  );
  const ballots = reports.flatMap((r) => [r.last?.n ?? 0, r.ballot?.n ?? 0]);
  const newest = Math.max(0, known?.epoch ?? 0, ...ballots);
  if (known === undefined || known.epoch <= (view.epoch?.value.epoch ?? 0)) return { newest, say: [] };
  const at = `${prefix}epoch`;
  await x.store.txn({
    if: [],
    put: [{ key: at, value: { ...known, from: { ...known.from }, copies: [...known.copies] } }],
  });
  return { newest, say: [`${x.app.name}: epoch ${known.epoch}, home ${known.primary}, as the agents know it`] };
}

/** What agents know and a store of before has not. */
export const rememberEpochs =
  (w: StateWiring): RecoverParts['remember'] =>
  async (store, outputs) => {
    const apps = (w.config satisfies Config).apps.filter(isShared).filter((a) => a.state.mode === 'single-writer');
    const each = await Promise.all(apps.map((app) => rememberApp(w, { app, store, outputs })));
    return { newest: Math.max(0, ...each.map((e) => e.newest)), say: each.flatMap((e) => e.say) };
  };
