import type { KubeApi } from '../fleet/index.ts';
import type { Clock, ClusterName, MemberEntry, MemberState } from '../kernel/index.ts';

/** Progress of one step; the shape of the commands' own. */
export interface Step {
  step: string;
  state: 'start' | 'done' | 'failed' | 'note';
  detail?: string;
}

/** Who is a member of the store. Each throws TW1020. */
export interface Membership {
  list(): Promise<MemberEntry[]>;
  /** Refused while another learner is not promoted. */
  addLearner(url: string): Promise<bigint>;
  /** Refused until it has caught up. */
  promote(id: bigint): Promise<void>;
  remove(id: bigint): Promise<void>;
  /** Writes something that nobody reads. */
  nudge(): Promise<void>;
}

export interface IntroduceDeps {
  members: readonly ClusterName[];
  /** Clusters that are told where the members are. */
  told: readonly ClusterName[];
  /** `undefined`: the cluster does not stand. */
  api(cluster: ClusterName): KubeApi | undefined;
  /** What every member says, in the order of `members`. */
  status(): Promise<MemberState[]>;
  membership: Membership;
  clock: Clock;
  signal: AbortSignal;
}
