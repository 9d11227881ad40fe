import type { ClusterConfig, Override, Placement, PullSecret, Replicas } from '../config/index.ts';
import type { ClusterName, Problem } from '../kernel/index.ts';

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
  managedFields?: ManagedField[];
}
/** One entry of `metadata.managedFields` (server-side apply). */
export interface ManagedField {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: Record<string, unknown>;
  subresource?: string;
}
/** Any Kubernetes object, as JSON. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Group `''` is the core group; no namespace = cluster-scoped. */
export interface Ref {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
}
export interface KindRef {
  group: string;
  kind: string;
}

/** What infra says about a cluster; `not-yet` is the same as `absent`. */
export type Presence = 'absent' | 'not-yet' | 'rebuilding' | 'present' | 'leaving' | 'unknown';

/** Where an object was written: for messages. */
export interface Origin {
  file: string;
  line?: number;
}
export interface Rendered {
  body: KubeObject;
  origin: Origin;
}

/** Manifests to render, or objects made in memory (the product's own apps). */
export type FleetSource =
  | { manifests: readonly string[] }
  | { objects: readonly KubeObject[]; perCluster?: Readonly<Record<ClusterName, readonly KubeObject[]>> };

/** Versions that run, per app and cluster, the live one first; a cluster without an entry runs the config's. */
export type Versions = Readonly<Record<string, Readonly<Record<ClusterName, readonly string[]>>>>;

/** A released app is several units: the shared one, and one for each version that runs somewhere. */
export interface UnitOf {
  /** Name of the app; the unit's own is `<app>` or `<app>-<slug of the version>`. */
  app: string;
  /** Service that users reach, and what decides which version answers them. */
  service: string;
  driver: 'httproute' | 'service';
  /** Of a version unit. */
  version?: string;
  /** Live version of each cluster that has a switch. */
  live: Readonly<Record<ClusterName, string>>;
  /** Least replicas of a version unit; absent: as pinned in its inventory. */
  atLeast?: number;
}
/** A version unit as the cluster remembers it; such a unit is ended by its release, never by a plan. */
export interface Kept {
  app: string;
  version: string;
}

/** One app as fleet sees it; `appsOf` makes it from the config. */
export interface FleetApp {
  name: string;
  namespace: string;
  version: string;
  source: FleetSource;
  placement: Placement;
  overrides: readonly Override[];
  replicas: Replicas;
  pull: readonly PullSecret[];
  /** Objects of the product beside what `source` gives. */
  extra?: readonly KubeObject[];
  unit?: UnitOf;
}

/** A pull secret with its values read. */
export interface PullCredential {
  registry: string;
  username: string;
  password: string;
}

export type ClusterFacts = Pick<ClusterConfig, 'name' | 'cloud' | 'region' | 'zones' | 'labels'>;

/** Why a cluster does or does not carry an app. */
export interface Decision {
  app: string;
  cluster: ClusterName;
  placed: boolean;
  reasons: readonly string[];
}

export interface DesiredItem {
  ref: Ref;
  body: KubeObject;
  /** Lower first; equal waves go together. */
  wave: number;
  /** Digest of the body; Secret values enter as HMAC. */
  hash: string;
  origin: Origin;
}
/** All objects one cluster shall hold of one app. `complete` is the licence to derive deletions. */
export interface DesiredSet {
  app: string;
  cluster: ClusterName;
  namespace: string;
  version: string;
  complete: true;
  hash: string;
  items: readonly DesiredItem[];
  division?: Division;
  keep?: Kept;
  /** Replicas pinned for a release. */
  atLeast?: number;
  /** Of a shared unit: keys of the objects, by their own names, that exist once per version instead. */
  replaced?: readonly string[];
}
/** Replicas this cluster got of a divided total; `intent` changes when weights, bounds or members do. */
export interface Division {
  intent: string;
  count: number;
}

export type OpKind = 'create' | 'update' | 'adopt' | 'move' | 'recreate' | 'delete' | 'same' | 'unknown';

export interface Owner {
  manager: string;
  operation: 'Apply' | 'Update';
  time?: string;
  subresource?: string;
}
/** A changed field: `path` reads like `spec.containers[name=web].image`; Secret values read `(changed)`. */
export interface FieldChange {
  path: string;
  from: unknown;
  to: unknown;
  owner?: Owner;
}
/** The live object the op was planned from. `values`: digest of the live values at the paths it touches. */
export interface Base {
  uid: string;
  resourceVersion: string;
  values: string;
}
export interface Op {
  ref: Ref;
  kind: OpKind;
  wave: number;
  why: readonly string[];
  diff: readonly FieldChange[];
  /** What is sent; absent for deletes. */
  body?: KubeObject;
  hash?: string;
  base?: Base;
  /** Set when policy or the server forbids the op: the app is not written in this cluster. */
  refused?: Problem;
  /** Predicted without asking the server: its namespace or kind does not exist yet. */
  simulated?: boolean;
  /** Conflicting fields are taken over, after they were shown. */
  force?: boolean;
  /** Fields handed to another manager in two steps before ours lets go. */
  yields?: readonly string[];
  origin?: 'created' | 'adopted';
  /** A deletion that needs a confirmation whatever its kind. */
  confirm?: boolean;
}

export interface InventoryItem {
  /** Empty until created. */
  uid: string;
  hash: string;
  wave: number;
  origin: 'created' | 'adopted';
  version: string;
}
/** What Tradewind holds of one app in one cluster, kept inside the cluster. */
export interface Inventory {
  fleet: string;
  app: string;
  version: string;
  epoch: number;
  plan: string;
  /** The run that claimed this epoch: two runs of one plan are two writers. */
  run: string;
  /** `false` between claim and seal. */
  sealed: boolean;
  items: Readonly<Record<string, InventoryItem>>;
  division?: Division;
  keep?: Kept;
  atLeast?: number;
}

export interface AppPlan {
  app: string;
  namespace: string;
  version: string;
  /** Epoch of the inventory the plan was made from; 0 = none yet. */
  epoch: number;
  ops: readonly Op[];
  /** Desired items plus what the inventory held: the superset that is claimed. */
  desired: DesiredSet;
  inventory?: Inventory;
  /** Deletions the policy took out of the plan. */
  withheld: readonly Op[];
  problems: readonly Problem[];
}
export interface ClusterPlan {
  name: ClusterName;
  /** uid of the Namespace kube-system, or `not-yet`, or `unknown`. */
  identity: string;
  apps: readonly AppPlan[];
  /** Why nothing is planned here. */
  skipped?: Problem;
}
export interface Blast {
  clusters: number;
  create: number;
  update: number;
  delete: number;
  recreate: number;
  same: number;
}
export interface FleetPlan {
  id: string;
  fleet: string;
  clusters: readonly ClusterPlan[];
  placement: readonly Decision[];
  blast: Blast;
  warnings: readonly string[];
}

export type HealthState = 'Healthy' | 'Suspended' | 'Progressing' | 'Unknown' | 'Missing' | 'Degraded';
export interface Health {
  state: HealthState;
  message: string;
}

export interface PodRef {
  namespace: string;
  name: string;
  container?: string;
}
