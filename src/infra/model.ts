import type { ClusterName, Json, Problem } from '../kernel/index.ts';

/** Where terraform and the clouds are: real clouds or the sandbox. Made by compose. */
export interface Place {
  name: 'sandbox' | 'real';
  /** Added to the cleaned environment of terraform and of the credential plugin. */
  env: Record<string, string>;
  /** Base URLs that replace the clouds' own: `azure.login`, `google.token`. */
  endpoints: Record<string, string>;
  /** HTTP proxy that reaches clouds and clusters, with its user name and password. */
  proxyUrl?: string;
  /** argv put before terraform's. */
  enter?: string[];
  /** Absolute; one folder per root. */
  rootsDir: string;
  /** Absolute; `<cloud>.lock.hcl` are kept here. */
  lockDir: string;
  /** The providers are built on this machine: a changed checksum renews the lock file. */
  ownProviders?: boolean;
}

export type RootId = `cluster:${string}` | `zone:${string}`;
export type ModuleName = 'aws-eks' | 'azure-aks' | 'gcp-gke' | 'dns-route53';
export type Vars = { readonly [name: string]: Json };

/** A value that a root takes from another root's output. */
export interface OutputRef {
  root: RootId;
  /** Variable of the needing root, and the key in it. */
  variable: string;
  key: string;
}

/** One terraform root: one state, one lock, one module. */
export interface Root {
  id: RootId;
  cluster?: ClusterName;
  module: ModuleName;
  vars: Vars;
  needs: readonly OutputRef[];
}

export type Digest = string;
export type Action = 'create' | 'update' | 'delete' | 'replace' | 'read' | 'forget' | 'import' | 'no-op';

export interface Change {
  address: string;
  type: string;
  action: Action;
  /** terraform's reason for a replacement or deletion. */
  reason?: string;
  previous?: string;
  /** Attributes that differ; sensitive ones are masked. Absent for create and delete. */
  from?: Json;
  to?: Json;
  /** Deletes or replaces a cluster, its network or its group. */
  destroysCluster: boolean;
}

/** The most that a root which cannot be planned yet may do. Never delete, never replace. */
export interface Envelope {
  allow: readonly { address: string; actions: readonly ('create' | 'update')[] }[];
}

interface RootPlanBase {
  root: RootId;
  cluster?: ClusterName;
}
export type RootPlan = RootPlanBase &
  (
    | { kind: 'planned'; changes: Change[]; drift: Change[]; file: string; digest: Digest }
    | { kind: 'deferred'; waitsFor: RootId[]; envelope: Envelope; digest: Digest }
    | { kind: 'unchanged'; drift: Change[]; digest: Digest }
    | { kind: 'failed'; problem: Problem }
  );

/** absent: nothing built. leaving: built, but no longer in the config. unknown: its state could not be read. */
export type Presence = 'absent' | 'present' | 'rebuilding' | 'leaving' | 'unknown';

/** Every infrastructure change of one command, JSON-safe. */
export interface InfraPlan {
  roots: RootPlan[];
  presence: Record<ClusterName, Presence>;
  digest: Digest;
}

/** How to get a token for a cluster. */
export type AuthTarget =
  | { kind: 'eks'; name: string; region: string; account: string; profile?: string | null }
  | { kind: 'aks'; name: string; tenant: string; subscription: string }
  | { kind: 'gke'; name: string; project: string; location: string }
  | { kind: 'kubeconfig'; file: string; context: string };

/** What the other rooms need to know about a cluster. */
export interface ClusterOutput {
  name: string;
  /** https URL. */
  endpoint: string;
  /** base64 of a PEM bundle; null: the system's trust. */
  ca: string | null;
  issuer: string;
  network: string;
  nodeGroup?: string;
  auth: AuthTarget;
  /** Static public address for the cluster's nameserver and the cloud's handle for it. */
  nameserver?: { ip: string; ref: string };
}
export type Outputs = Record<ClusterName, ClusterOutput>;

export type Verb = 'init' | 'plan' | 'apply' | 'destroy' | 'verify';
/** Enough to find a run again after a crash of tw. */
export interface RunRef {
  run: string;
  root: RootId;
  verb: Verb;
  host: string;
  pid: number;
  /** Start time as the kernel tells it: a reused pid is not mistaken for the run. */
  pidStarted: string;
  eventsFile: string;
}

export type RootState =
  | 'queued'
  | 'initialising'
  | 'planning'
  | 'planned'
  | 'deferred'
  | 'unchanged'
  | 'locking'
  | 'applying'
  | 'verifying'
  | 'draining'
  | 'destroying'
  | 'sweeping'
  | 'ready'
  | 'partial'
  | 'failed'
  | 'interrupted'
  | 'detached'
  | 'gone'
  | 'leftovers';

/** What people follow while a cluster is built. */
export type Phase =
  | 'queued'
  | 'init'
  | 'plan'
  | 'network'
  | 'control-plane'
  | 'nodes'
  | 'access'
  | 'zone'
  | 'drain'
  | 'destroy'
  | 'verify'
  | 'done'
  | 'failed'
  | 'interrupted'
  | 'detached';

/** One root moved. Counts are terraform operations (a replacement is two). */
export interface RootEvent {
  type: 'root';
  at: number;
  root: RootId;
  cluster?: ClusterName;
  state: RootState;
  phase: Phase;
  done: number;
  planned: number;
  /** The operation that has run longest. */
  address?: string;
  elapsedMs: number;
  /** What such a root usually takes, when that is known. */
  usuallyMs?: number;
  /** A line for people: what is being waited for. */
  note?: string;
  problem?: Problem;
}
/** The last event of a run. */
export interface EndEvent {
  type: 'end';
  at: number;
  outputs: Outputs;
  failures: Problem[];
  interrupted: boolean;
  detached: boolean;
}
export type InfraEvent = RootEvent | EndEvent;

export const rootName = (id: RootId): string => id.replace(':', '-');
export const clusterRoot = (cluster: ClusterName): RootId => `cluster:${cluster}`;
