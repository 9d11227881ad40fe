import type { CloudName, ClusterAccess, ClusterSeed, NodeSeed, Vip } from '../machines.ts';

export type { CloudName } from '../machines.ts';
/** JSON that the rules may build step by step. */
export type Data = null | boolean | number | string | Data[] | { [key: string]: Data };
export type Obj = { [key: string]: Data };
export type ProviderName = 'aws' | 'azurerm' | 'google';

/** Facts of this sandbox that never change while it runs. */
export interface Setting {
  seed: number;
  /** Divides every duration of a cloud operation. */
  cloudTime: number;
  /** Region name -> C of 198.18.C.0/24. */
  regions: Record<string, number>;
}

/** Who asks: taken from the provider's configuration and credentials. */
export interface Who {
  provider: ProviderName;
  cloud: CloudName;
  /** One terraform provider process, one controller or `api`. */
  caller: string;
  by: Op['by'];
  account: string;
  region: string;
  /** Azure tenant; empty elsewhere. */
  tenant: string;
  /** ARN, client id or email of the caller. */
  principal: string;
  /** AWS default_tags or Google default_labels. */
  tags: Record<string, string>;
  /** azurerm's features.resource_group.prevent_deletion_if_contains_resources. */
  preventGroupDelete: boolean;
}

export interface Resource {
  /** `<type>/<id>`. */
  key: string;
  cloud: CloudName;
  type: string;
  id: string;
  region: string;
  account: string;
  phase: 'creating' | 'ready' | 'updating' | 'deleting' | 'failed';
  by: Op['by'];
  /** Terraform-shaped state; never holds unknowns. */
  attrs: Obj;
  /** What the cloud knows and terraform does not see: cluster id, endpoint address, drawn names. */
  hidden: Obj;
  /** Its creation outlived its caller. */
  orphan: boolean;
  createdAt: number;
}

export type Verb = 'create' | 'update' | 'delete';
export interface Op {
  id: string;
  by: 'terraform' | 'controller' | 'api' | 'chaos';
  cloud: CloudName;
  verb: Verb;
  target: string;
  type: string;
  phase: 'running' | 'done' | 'failed';
  caller: 'waiting' | 'gone';
  callerId: string;
  who: Who;
  startedAt: number;
  dueAt: number;
  /** The caller's patience (`timeouts`) ends before the operation does. */
  timeoutAt?: number;
  /** Planned state; unknowns become server values at the end. */
  planned: Obj | null;
  prior: Obj | null;
  /** Steps at the machines that must be done before the operation is. */
  waitsFor: number;
  /** Fails at dueAt with this; `keep` leaves a half-made object. */
  failure?: CloudError & { keep: boolean };
  error?: CloudError;
  /** Delete only: until when a refused delete is tried again, as the real providers do. */
  retryUntil?: number;
  ignoreStop: boolean;
  /** Draw number of this object's name. */
  salt: string;
}

/** An error in the cloud's own words. */
export interface CloudError {
  code: string;
  message: string;
  status: number;
}

export interface World {
  setting: Setting;
  resources: ReadonlyMap<string, Resource>;
  ops: ReadonlyMap<string, Op>;
  /** How often a name was drawn. */
  counters: ReadonlyMap<string, number>;
}

export type Change =
  | { kind: 'resource'; value: Resource }
  | { kind: 'gone'; key: string }
  | { kind: 'op'; value: Op }
  | { kind: 'opGone'; id: string }
  | { kind: 'counter'; name: string; n: number };

/** What must happen outside; `op` is told when it is done (`booted`, `stepped`). */
export type Effect =
  | { do: 'boot'; op: string; key: string; seed: ClusterSeed }
  | { do: 'remove'; op: string; id: string }
  | { do: 'addNode'; op: string; key: string; id: string; node: NodeSeed }
  | { do: 'removeNode'; op: string; id: string; name: string }
  | { do: 'vip'; op: string; vip: Vip }
  | { do: 'vipGone'; ip: string }
  | { do: 'answer'; op: string };

export interface Outcome {
  changes: Change[];
  effects: Effect[];
  /** The operation that now runs for a request. */
  op?: string;
  error?: CloudError;
}

export type Input =
  | { kind: 'create'; who: Who; type: string; planned: Obj }
  | { kind: 'update'; who: Who; type: string; id: string; planned: Obj; prior: Obj }
  | { kind: 'delete'; who: Who; type: string; id: string; prior: Obj }
  | { kind: 'tick' }
  | { kind: 'stop'; caller: string }
  | { kind: 'gone'; op: string }
  | { kind: 'booted'; op: string; access: ClusterAccess }
  | { kind: 'stepped'; op: string; key?: string; ip?: string }
  | { kind: 'broken'; op: string; why: string }
  | { kind: 'drift'; where: Selector; args: Obj }
  | { kind: 'balance'; cluster: string; uid: string; wish: BalancerWish }
  | { kind: 'unbalance'; cluster: string; uid: string }
  | { kind: 'grow'; cluster: string; unschedulable: Demand[]; ready: string[] }
  | { kind: 'shrink'; cluster: string; nodes: string[] }
  | { kind: 'volume'; cluster: string; wish: VolumeWish }
  | { kind: 'sweep'; key: string };

/** What a pod asks for that no node can take. `like`: nodes whose empty twin would take it; absent = any. */
export interface Demand {
  cpuMilli: number;
  memoryBytes: number;
  like?: string[];
}

/** A persistent volume as its cluster's storage driver asks for it. */
export interface VolumeWish {
  name: string;
  gib: number;
  zone: string;
}

/** A Service of type LoadBalancer as its cloud controller describes it. */
export interface BalancerWish {
  namespace: string;
  name: string;
  annotations: Record<string, string>;
  ports: { name: string; protocol: string; port: number; nodePort: number }[];
  nodes: { name: string; ip: string }[];
  localTraffic: boolean;
  healthCheckNodePort: number;
  loadBalancerIP: string;
}

export const CHAOS_KINDS = [
  'quota',
  'typeMissing',
  'credentials',
  'slow',
  'fail',
  'throttle',
  'ignoreStop',
  'drift',
  'leak',
] as const;
export type ChaosKind = (typeof CHAOS_KINDS)[number];
/** Every part that is given must match. `name` is the resource's name or id, `cluster` the name in the config. */
export interface Selector {
  cloud?: CloudName;
  region?: string;
  cluster?: string;
  type?: string;
  name?: string;
  verb?: Verb;
}
export interface Chaos {
  id: string;
  what: ChaosKind;
  where: Selector;
  args: Obj;
  /** Unix ms; in force from (inclusive) until (exclusive). */
  from: number;
  until?: number;
}
