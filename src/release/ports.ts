import type { Clock, ClusterName, Journal, Store } from '../kernel/index.ts';
import type { AppId, Counters, Reason, SwitchState, VersionId, WorkloadState } from './model.ts';

/** Result of a guarded write; `unknown` = timeout or broken answer: read again before anything else. */
export type Put = 'ok' | 'stale' | 'unknown';

export interface Guard {
  uid: string;
  fence: number;
}

/**
 * The one object per app and cluster that decides which version is live. Every write is one JSON Patch
 * that tests uid, fence and the backend names it relies on.
 */
export interface Switch {
  /** False: the driver cannot fence; refused for releases over several clusters. */
  readonly fenced: boolean;
  /** Why a release would be unsafe here (TW7003): foreign owner, load balancer type, two switches. Empty = fine. */
  refuse(c: ClusterName): Promise<readonly Reason[]>;
  /**
   * `undefined` only when the object is certainly absent. Throws when the cluster cannot be asked, and TW7021 when
   * what it says and what it does disagree.
   */
  read(c: ClusterName): Promise<SwitchState | undefined>;
  /** Makes the switch with `live` when there is none; never changes one that exists: `stale`. */
  create(c: ClusterName, live: VersionId): Promise<Put>;
  /**
   * Moves the switch to `to`. When `to.live` is not live now, all weight (or the selector) moves in the same
   * patch. `keep`: the old and the new version, in this order, that must stay known as backends at weight 0;
   * others of ours are dropped.
   */
  write(c: ClusterName, from: Guard, to: Omit<SwitchState, 'uid'>, keep: readonly VersionId[]): Promise<Put>;
  /** The switch as it is, whoever changed it; `versions`: those to look for. `undefined` = certainly absent. Throws when no answer comes. */
  inspect(c: ClusterName, versions: readonly VersionId[]): Promise<SwitchSight | undefined>;
  /**
   * Makes it Tradewind's again after a person said so: notes and weights (or selector) become `to`, whatever they are,
   * if nobody changed it since `from`. Throws TW7021 when nothing of it can be told to be ours.
   */
  adopt(
    c: ClusterName,
    from: Pick<SwitchSight, 'uid' | 'at'>,
    to: Omit<SwitchState, 'uid'>,
    keep: readonly VersionId[],
  ): Promise<Put>;
  /** Makes the preview of a version reachable (header or preview Service); idempotent. */
  preview(c: ClusterName, version: VersionId): Promise<void>;
  /** Takes the preview away; absent is fine. */
  unpreview(c: ClusterName): Promise<void>;
  /** Slowest time until the data plane follows a write, to assume. Milliseconds. */
  lagMs(c: ClusterName): number;
}

/** What a switch says and what it does, also where the two disagree. */
export interface SwitchSight {
  uid: string;
  /** Mark of this very reading; a later change by anybody makes `adopt` stale. */
  at: string;
  /** Absent: its notes are lost, or belong to another object. */
  noted?: SwitchState;
  /** Versions of the last release as noted, the old one first; one alone: that release is over here. */
  versions: readonly VersionId[];
  /** The version that all requests go to; absent: none does, or several do. */
  serves?: VersionId;
  /** TW7021: what was expected and found, by whom, when; absent: notes and object agree. */
  wrong?: Reason;
}

/** Versioned workloads of one app; fleet's part. */
export interface Workloads {
  /** Why two versions side by side would be unsafe here (TW7003), in words. Empty = fine. */
  refuse(c: ClusterName): Promise<readonly string[]>;
  /** What is not graceful about the version's pods as they would be written, in words. Throws what cannot be rendered. */
  ungraceful(c: ClusterName, version: VersionId): Promise<readonly string[]>;
  /** Pods of a second version as large as this one that would certainly find no node. Throws when it cannot be asked. */
  missingRoom(c: ClusterName, version: VersionId): Promise<number>;
  state(c: ClusterName, version: VersionId): Promise<WorkloadState>;
  /** Version unit at `replicas` (Deployment and HPA minimum) at least; moves the workload fence from `fence`. */
  makeGreen(c: ClusterName, version: VersionId, replicas: number, fence: number): Promise<Put>;
  /** Deletes the version unit if the fence still is `fence`; absent is `ok`. */
  retire(c: ClusterName, version: VersionId, fence: number): Promise<Put>;
  /** Gives the version its own HPA minimum again, after a release ended. */
  settle(c: ClusterName, version: VersionId): Promise<Put>;
}

/** Counters per version, read at the gateway (or wherever the driver measures). Throws when it cannot be asked. */
export interface Metrics {
  /** `undefined` = this fleet has no metric source: said in the plan. */
  read(c: ClusterName, version: VersionId): Promise<Counters | undefined>;
}

export interface ProbeAnswer {
  status: number;
  ms: number;
  /** Version the answer itself names, when it does. */
  version?: VersionId;
}
/** Requests as a user would send them, to one cluster's own edge. Throws when no answer comes. */
export interface Prober {
  /** `preview`: through the preview of the green version; else as every user. */
  ask(c: ClusterName, path: string, x: { preview: boolean; signal: AbortSignal }): Promise<ProbeAnswer>;
}

/** The brake of traffic: a hard hold of one cluster. */
export interface Brakes {
  /** Clusters braked now. Throws when nobody can be asked. */
  now(): Promise<readonly ClusterName[]>;
  /** Why this cluster may not be braked; empty = it may. */
  may(c: ClusterName): Promise<readonly Reason[]>;
  brake(c: ClusterName, why: Reason): Promise<'ok' | 'pending'>;
  lift(c: ClusterName): Promise<void>;
}

/** Everything the shell of one app's release works with. */
export interface ReleasePorts {
  app: AppId;
  clock: Clock;
  journal: Journal;
  /** The register: one ReleaseRecord under `release/<app>`. */
  store: Store;
  switches: Switch;
  workloads: Workloads;
  metrics: Metrics;
  prober: Prober;
  brakes: Brakes;
  /** Gates of state and of other rooms, per cluster; empty = pass. */
  gates(c: ClusterName): Promise<readonly Reason[]>;
  /** A failover of the app's state goes on or has just ended: what fails meanwhile is no fault of a version. */
  failover(): Promise<boolean>;
}
