import type { KubeApi } from '../fleet/index.ts';
import type { Clock, ClusterName, MemberState } from '../kernel/index.ts';

/** Progress of one step; the shape of the commands' own. */
export interface Step {
  step: string;
  state: 'start' | 'done' | 'failed' | 'note';
  detail?: string;
}

export interface IntroduceDeps {
  members: readonly ClusterName[];
  /** Clusters that are told where the members are. */
  told: readonly ClusterName[];
  /** `undefined`: the cluster does not stand. */
  api(cluster: ClusterName): KubeApi | undefined;
  /** What every member says, in the order of `members`. */
  status(): Promise<MemberState[]>;
  clock: Clock;
  signal: AbortSignal;
}
