import { dictOf, type KubeApi, textOf } from '../fleet/index.ts';
import type { ClusterName, MemberState } from '../kernel/index.ts';
import { MEMBER_POD, NAME, NAMESPACE } from './model.ts';
import { sayMembers } from './plan/health.ts';
import { nextRenewal } from './plan/renew.ts';
import type { IntroduceDeps, Step } from './ports.ts';
import { again, coordinationRef } from './tend.ts';

/** How long the others are waited for, and the one that was ended. */
const [WELL_MS, BACK_MS, POLL_MS] = [60_000, 180_000, 1000];

/** The pod is of older settings than its StatefulSet has now; one that is not there will be of the newest. Throws KubeError. */
async function isOld(api: KubeApi): Promise<boolean> {
  const [set, pod] = await Promise.all([
    api.get({ group: 'apps', kind: 'StatefulSet', namespace: NAMESPACE, name: NAME }),
    api.get(coordinationRef('Pod', MEMBER_POD)),
  ]);
  const wanted = textOf(dictOf(set?.['status'])['updateRevision']);
  if (pod === undefined || wanted === undefined) return false;
  return pod.metadata.labels?.['controller-revision-hash'] !== wanted;
}

/** A cluster that does not answer is left as it is. */
async function outdated(d: IntroduceDeps): Promise<ClusterName[]> {
  const each = d.members.map(async (m) => {
    const api = d.api(m);
    return api !== undefined && (await isOld(api).catch(() => false)) ? [m] : [];
  });
  return (await Promise.all(each)).flat();
}

/** What a look finds, asked again until there is something; undefined after `ms`. */
async function lookedFor<T>(d: IntroduceDeps, ms: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const end = d.clock.monotonic() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined || d.clock.monotonic() > end) return found;
    await d.clock.sleep(POLL_MS, d.signal);
  }
}

async function renewed(d: IntroduceDeps, m: ClusterName, api: KubeApi): Promise<MemberState[] | undefined> {
  const uid = (await api.get(coordinationRef('Pod', MEMBER_POD)))?.metadata.uid;
  await again(api);
  return await lookedFor(d, BACK_MS, async () => {
    const pod = await api.get(coordinationRef('Pod', MEMBER_POD)).catch(() => undefined);
    if (pod === undefined || pod.metadata.uid === uid) return undefined;
    const states = await d.status();
    const back = states.find((s) => s.name === m);
    return back?.up === true && back.leader !== 0n && !back.learner ? states : undefined;
  });
}

/**
 * Members whose settings have changed are started anew one after the other, each only while all others follow one leader:
 * with two of three away at once the store would stand still. What does not come back stops the rest.
 */
export async function* renewMembers(d: IntroduceDeps): AsyncGenerator<Step> {
  for (let old = await outdated(d); old.length > 0; old = await outdated(d)) {
    let states: readonly MemberState[] = [];
    const next = await lookedFor(d, WELL_MS, async () => {
      states = await d.status();
      return nextRenewal({ outdated: old, states, list: await d.membership.list().catch(() => undefined) });
    });
    const api = next === undefined ? undefined : d.api(next);
    if (next === undefined || api === undefined) {
      const detail = `${old.join(', ')}: not renewed while another member is away: ${sayMembers(states)}`;
      yield { step: 'renew', state: 'note', detail };
      return;
    }
    yield { step: `renew ${next}`, state: 'start' };
    const after = await renewed(d, next, api);
    if (after === undefined) {
      yield { step: `renew ${next}`, state: 'failed', detail: `it does not come back; the others are as they were` };
      return;
    }
    yield { step: `renew ${next}`, state: 'done', detail: sayMembers(after) };
  }
}
