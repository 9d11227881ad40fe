import { dictOf, type KubeApi, type Ref } from '../fleet/index.ts';
import type { ClusterName, Json, MemberState } from '../kernel/index.ts';
import { DATA_CLAIM, MEMBER_POD, NAMESPACE, START } from './model.ts';
import { arriving, type MemberAction, type Seat, tendMembers } from './plan/members.ts';
import { type Start, startObject, startOf } from './plan/start.ts';
import type { IntroduceDeps } from './ports.ts';

const MANAGER = 'tw-coordination';
export const coordinationRef = (kind: string, name: string): Ref => ({ group: '', kind, namespace: NAMESPACE, name });

/** How the member of a cluster starts with a blank disk; undefined: nothing is there. Throws KubeError. */
export async function readStart(api: KubeApi): Promise<Start | undefined> {
  const found = await api.get(coordinationRef('ConfigMap', START));
  return found === undefined ? undefined : startOf(dictOf(found['data']) as Record<string, Json>);
}

async function seatOf(api: KubeApi | undefined): Promise<Seat | undefined> {
  if (api === undefined) return undefined;
  try {
    const [start, claim] = await Promise.all([
      readStart(api),
      api.get(coordinationRef('PersistentVolumeClaim', DATA_CLAIM)),
    ]);
    return { start, volume: claim?.metadata.uid };
  } catch {
    // A cluster that does not answer is left as it is.
    return undefined;
  }
}

/** Throws KubeError. */
export async function writeStart(api: KubeApi, s: Start): Promise<void> {
  await api.apply(startObject(s), { manager: MANAGER, dryRun: false, force: true, expect: 'any' });
}

/** The next start of its container reads what was written; a pod that waits long for it is ended. */
export async function again(api: KubeApi): Promise<void> {
  const pod = await api.get(coordinationRef('Pod', MEMBER_POD));
  const uid = pod?.metadata.uid;
  if (uid !== undefined) await api.remove(coordinationRef('Pod', MEMBER_POD), { uid, cascade: 'background' });
}

async function act(d: IntroduceDeps, a: MemberAction): Promise<string | undefined> {
  const api = d.api(a.member);
  switch (a.do) {
    case 'settle':
      if (api !== undefined) await writeStart(api, a.start);
      return undefined;
    case 'join':
      if (api === undefined) return undefined;
      await writeStart(api, a.start);
      await again(api);
      return `${a.member} starts with an empty disk`;
    case 'add':
      await d.membership.addLearner(a.url);
      return undefined;
    case 'promote':
      // Refused until it has everything: asked again at the next look.
      return await d.membership.promote(a.id).then(
        () => `${a.member} has everything and votes`,
        () => undefined,
      );
    case 'remove':
      await d.membership.remove(a.id);
      return a.why === 'disk'
        ? `${a.member} has lost its disk: a new member takes its place`
        : `${a.member} is no member any more`;
  }
}

/** What was done, in words; `arriving`: a member was added and does not vote yet. */
export interface Tended {
  said: readonly string[];
  arriving: boolean;
}

/** Looks at every member's disk and does what is next. Never throws. */
export async function tend(d: IntroduceDeps, states: readonly MemberState[]): Promise<Tended> {
  // A store may have fewer members than there shall be: whether a majority of those agrees, `list` finds out.
  if (!states.some((s) => s.up && s.leader !== 0n)) return { said: [], arriving: false };
  const read = async (m: ClusterName): Promise<[ClusterName, Seat | undefined]> => [m, await seatOf(d.api(m))];
  const seats = Object.fromEntries(await Promise.all(d.members.map(read)));
  const list = await d.membership.list().catch(() => undefined);
  const said: string[] = [];
  for (const a of tendMembers({ wanted: d.members, states, list, seats })) {
    const what = await act(d, a).catch((e: unknown) => `${a.member}: ${e instanceof Error ? e.message : String(e)}`);
    if (what !== undefined) said.push(what);
  }
  // etcd 3.6 counts what it took over as a whole as applied only with the next entry: a member that joins a store where
  // nothing is written waits for ever ("too many requests").
  if (arriving(list)) await d.membership.nudge().catch(() => undefined);
  return { said, arriving: arriving(list) };
}
