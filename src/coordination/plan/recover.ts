import type { ClusterName, MemberState } from '../../kernel/index.ts';
import { majority } from './health.ts';

export interface RecoverAsk {
  members: readonly ClusterName[];
  states: readonly MemberState[];
  /** Clusters whose API answers: their members can be ended. */
  reachable: readonly ClusterName[];
  /** Clusters of which a person says that they never come back with their old disk. */
  lost: readonly ClusterName[];
}
export type RecoverPlan =
  | { is: 'refused'; why: readonly string[]; fix: readonly { say: string; command?: string }[] }
  /** `from` keeps its data and is the first member anew; `blank` begin with an empty disk and join it. */
  | { is: 'plan'; from: ClusterName; index: bigint; blank: readonly ClusterName[]; lost: readonly ClusterName[] };

/**
 * Who of the members that are left has the newest data. A member that is neither ended nor given up for ever could come
 * back and be a majority with another one: two stores, and two homes.
 */
export function planRecovery(x: RecoverAsk): RecoverPlan {
  const refused = (why: string[], fix: { say: string; command?: string }[]): RecoverPlan => ({
    is: 'refused',
    why,
    fix,
  });
  if (majority(x.states).holds)
    return refused(['a majority of the members follows a leader: there is nothing to recover'], []);
  const up = x.states.flatMap((s) => (s.up && !s.learner && !x.lost.includes(s.name) ? [s] : []));
  const [best] = up.toSorted((a, b) => Number(b.index - a.index) || (a.name < b.name ? -1 : 1));
  if (best === undefined)
    return refused(
      ['no member is left whose data could be used'],
      [{ say: 'Restore a snapshot with etcdutl, see docs/adr/0022-the-coordination-store.md.' }],
    );
  const open = x.members.filter((m) => m !== best.name && !x.lost.includes(m) && !x.reachable.includes(m));
  if (open.length > 0)
    return refused(
      [`${open.join(', ')}: does not answer, and may come back with its old member`],
      [
        { say: 'Bring the cluster back: with it there may be a majority again.', command: 'tw up' },
        {
          say: 'If it is lost for ever:',
          command: `tw coordination recover ${open.map((o) => `--lost ${o}`).join(' ')}`,
        },
      ],
    );
  const others = x.members.filter((m) => m !== best.name);
  return {
    is: 'plan',
    from: best.name,
    index: best.index,
    blank: others.filter((m) => x.reachable.includes(m)),
    lost: others.filter((m) => !x.reachable.includes(m)),
  };
}
