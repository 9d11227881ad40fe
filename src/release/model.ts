import type { ClusterName, Problem } from '../kernel/index.ts';

export type AppId = string;
/** `r` and a number that grows per app. */
export type ReleaseId = string;
export type VersionId = string;
/** Unix milliseconds. */
type Ms = number;

/** The decisions of a release; everything else is derived. Terminal: `done`, `rolledback`. */
export type Decision = 'preparing' | 'committed' | 'aborting' | 'done' | 'rolledback';
/** Where a committed release stands: switches of a wave move, the wave is judged, blue is kept. */
export type Step = 'flip' | 'soak' | 'keep';
export type Stage = 'commit' | 'wave' | 'done';

/** A cause for people and machines: `code` of the catalogue, `say` names value, cluster and limit. */
export interface Reason {
  code: string;
  say: string;
  cluster?: ClusterName;
}

export interface Wave {
  clusters: readonly ClusterName[];
  /** Milliseconds the wave is judged before the next one. */
  soakMs: number;
}

/** What was agreed in the plan of the release; frozen into its id. Durations in milliseconds. */
export interface Terms {
  waves: readonly Wave[];
  prepareMs: number;
  /** `skip`: a cluster that cannot be reached before commit is left out as lagging. */
  require: 'all' | 'skip';
  skewMs: number;
  onMissed: 'brake' | 'rollback' | 'wait';
  keepBlueMs: number;
  /** Stages that need a person's word. */
  approve: readonly Stage[];
  /** Milliseconds a version must have had no request before it is retired, and the longest wait for that. */
  quietMs: number;
  quietMostMs: number;
}

/** A wish of a person; `plan` and the release id bind it, an older one is void. */
export interface ReleaseRequest {
  kind: 'pause' | 'resume' | 'approve' | 'promote' | 'rollback' | 'giveUp' | 'accept';
  by: string;
  at: Ms;
  /** Of `approve`. */
  stage?: Stage;
  /** Of `approve` for a wave: which one. */
  wave?: number;
  /** Of `giveUp`. */
  cluster?: ClusterName;
  why?: string;
}

/** Value in the register, under one key per app; at most 32 KiB. */
export interface ReleaseRecord {
  app: AppId;
  release: ReleaseId;
  planId: string;
  green: VersionId;
  /** Per cluster: they may differ. */
  blue: Readonly<Record<ClusterName, VersionId>>;
  members: readonly ClusterName[];
  /** Left out, braked, on an older version. */
  lagging: readonly ClusterName[];
  terms: Terms;
  /** Number of the shell's claim; bumped by every takeover. */
  epoch: number;
  decision: Decision;
  cause?: Reason;
  /** -1 before commit. */
  wave: number;
  step: Step;
  /** Start of the present step. */
  since: Ms;
  startedAt: Ms;
  requests: readonly ReleaseRequest[];
  by: string;
}

/** What the switch of one cluster says. `fence` grows by one with every write. */
export interface SwitchState {
  uid: string;
  fence: number;
  epoch: number;
  release: ReleaseId;
  vote: boolean;
  live: VersionId;
}

/** What was seen, when; a silent cluster is never taken for a "no". */
export type Seen<T> = { at: Ms; value: T } | { at: Ms; unreachable: Reason };

/** One version's workloads in one cluster. */
export interface WorkloadState {
  /** Something of it is there. */
  exists: boolean;
  /** False: it was written in part only and is to be made again. */
  complete?: boolean;
  /** Available at the current generation, with ready endpoints for the wanted count. */
  healthy: boolean;
  ready: number;
  wanted: number;
  /** Counter on the Deployment that makeGreen and retire move. */
  fence: number;
  /** Restarts and OOM kills of its pods, summed. */
  restarts: number;
  /** Innermost cause while it is not healthy: pod, image, probe, quota. */
  why: readonly string[];
}

export interface Verdict {
  is: 'pass' | 'fail' | 'unknown';
  why: readonly Reason[];
}

/** What a shell sees of one member in one round. */
export interface ClusterView {
  sw: Seen<SwitchState>;
  green: Seen<WorkloadState>;
  blue: Seen<WorkloadState>;
  /** False: this release has not moved green's fence yet, so an older release's retire may still hit it. */
  claimed?: boolean;
  /** Smoke checks through the preview answered as wanted. */
  checked: boolean;
  /** Why not, while they do not. */
  unchecked?: Reason;
  verdict: Verdict;
  /** Gates before commit that do not pass; empty = all pass. */
  gates: readonly Reason[];
  /** No request reached the version that is to be retired for `quietMs`. */
  quiet: boolean;
  braked: boolean;
  /** Why it may not be braked; empty = it may. */
  mayBrake: readonly Reason[];
}

export interface Observations {
  /** The register as it is now; `undefined` = it cannot be read: then nothing is decided or done. */
  register: ReleaseRecord | undefined;
  clusters: Readonly<Record<ClusterName, ClusterView>>;
}

/** A guarded write of the switch. */
export interface SwitchAction {
  do: 'vote' | 'flip' | 'back';
  cluster: ClusterName;
  from: { uid: string; fence: number };
  epoch: number;
}
export interface WorkloadAction {
  do: 'makeGreen' | 'retire';
  cluster: ClusterName;
  version: VersionId;
  fence: number;
}
export interface BrakeAction {
  do: 'brake' | 'lift';
  cluster: ClusterName;
  why: Reason;
}
/** What touches a cluster. */
export type Doing = SwitchAction | WorkloadAction | BrakeAction;
export type Action =
  | Doing
  /** Compare-and-set in the register; always alone in its list. */
  | { do: 'decide'; next: ReleaseRecord }
  | { do: 'ask'; stage: Stage }
  | { do: 'stepDown'; why: Reason }
  | { do: 'wait'; until?: Ms };

export interface Decided {
  actions: readonly Action[];
  /** What blocks the next step, in words: `why #r1` prints it. */
  why: readonly Reason[];
}

/** Counters of one version in one cluster since the gateway started; errors leave out 499 and 0. */
export interface Counters {
  at: Ms;
  requests: number;
  errors: number;
  /** Upper bounds in seconds, ascending, with cumulative counts; last bound is Infinity. */
  latency: readonly { le: number; count: number }[];
}

const OPEN: readonly Decision[] = ['preparing', 'committed', 'aborting'];
/** Code of a silence that is no failure yet: the first answer is still waited for. */
export const NOT_YET = 'TW7008';
export const isOpen = (r: Pick<ReleaseRecord, 'decision'>): boolean => OPEN.includes(r.decision);
export const reasonOf = (p: Problem, cluster?: ClusterName): Reason => ({
  code: p.code,
  say: [p.title, ...p.why.slice(0, 1)].join(': '),
  ...(cluster === undefined ? {} : { cluster }),
});
