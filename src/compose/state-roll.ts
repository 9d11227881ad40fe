import type { Step } from '../commands/index.ts';
import { dictOf, type KubeApi, textOf } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import type { ClusterName } from '../kernel/index.ts';
import { AGENT_POD, namespaceOf, REDIS, roll } from '../state/index.ts';
import { peersOf, planNow, type SharedApp, type StateWiring } from './state-deploy.ts';
import { factsFor } from './state-look.ts';

const WHOLE_MS = 180_000;
const RENEW_MS = 180_000;
const POLL_MS = 500;

/** The pod is of the settings that its StatefulSet has now; a pod that is not there will be. Throws KubeError. */
async function isNew(api: KubeApi, app: string): Promise<boolean> {
  const at = { namespace: namespaceOf(app) };
  const [set, pod] = await Promise.all([
    api.get({ group: 'apps', kind: 'StatefulSet', ...at, name: REDIS }),
    api.get({ group: '', kind: 'Pod', ...at, name: AGENT_POD }),
  ]);
  const wanted = textOf(dictOf(set?.['status'])['updateRevision']);
  if (pod === undefined || wanted === undefined) return true;
  return pod.metadata.labels?.['controller-revision-hash'] === wanted;
}

/** Ends the pod; waits for the next one. Throws when it does not come. */
async function renew(w: StateWiring, x: { app: string; cluster: ClusterName; api: KubeApi }, signal: AbortSignal) {
  const ref = { group: '', kind: 'Pod', namespace: namespaceOf(x.app), name: AGENT_POD };
  const uid = (await x.api.get(ref))?.metadata.uid;
  if (uid !== undefined) await x.api.remove(ref, { uid, cascade: 'background' });
  const until = w.clock.monotonic() + RENEW_MS;
  for (;;) {
    const now = await x.api.get(ref);
    if (now !== undefined && now.metadata.uid !== uid) return;
    if (w.clock.monotonic() > until) throw new Error(`the pod of ${x.cluster} does not come back`);
    await w.clock.sleep(POLL_MS, signal);
  }
}

/** Renews copies whose settings have changed, one after the other; nothing where none has. */
export async function* rollCopies(
  w: StateWiring,
  app: SharedApp,
  outputs: Outputs,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const { voters } = await planNow(w, app, outputs);
  const all = await peersOf(w, app, outputs);
  // A copy that is away already is one too many.
  if (all.some((c) => w.kube(c, outputs) === undefined)) return;
  const apis = all.flatMap((c) => {
    const api = w.kube(c, outputs);
    return api === undefined ? [] : [[c, api] as const];
  });
  const rolled = roll({
    outdated: async () => {
      const old = await Promise.all(
        apis.map(async ([c, api]) => ((await isNew(api, app.name).catch(() => true)) ? [] : [c])),
      );
      return old.flat();
    },
    renew: async (cluster) => {
      const api = w.kube(cluster, outputs);
      if (api !== undefined) await renew(w, { app: app.name, cluster, api }, signal);
    },
    whole: async () => {
      const until = w.clock.monotonic() + WHOLE_MS;
      for (;;) {
        const f = await factsFor(w, app, outputs);
        const led = f.home ?? (app.state.mode === 'active-active' ? '' : undefined);
        if (led !== undefined && f.copies === voters.length) return led;
        if (w.clock.monotonic() > until) return undefined;
        await w.clock.sleep(POLL_MS, signal);
      }
    },
  });
  for await (const r of rolled) {
    const step = `${app.name}: renew ${r.cluster}`;
    if (r.is === 'held') yield { step, state: 'failed', detail: r.why };
    else yield { step, state: r.is === 'begun' ? 'start' : 'done' };
  }
}
