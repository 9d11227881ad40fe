import type { Cloud } from '../kernel/index.ts';

/** A region of a simulated cloud; `index` C gives its public network 198.18.C.0/24 (1–254). */
export interface SandboxRegion {
  name: string;
  index: number;
  lat: number;
  lon: number;
}
/** Users who sit in `region`; `index` R gives their network 198.19.(100+R).0/24. */
export interface UserRegion {
  name: string;
  index: number;
  region: string;
  /** One way, milliseconds. */
  lastMileMs: number;
}
/** One direction between two regions. */
export interface Link {
  from: string;
  to: string;
  oneWayMs: number;
  /** Percent of `oneWayMs`. */
  jitterPct: number;
  lossPct: number;
  /** Kilobit per second, 0 = no limit. */
  kbit: number;
  cut: boolean;
}
/** A container image as a recipe: what to run and which host files it sees. `{tag}` is replaced in cmd and env. */
export interface Recipe {
  name: string;
  tags?: readonly string[];
  entrypoint: readonly string[];
  cmd: readonly string[];
  env: readonly string[];
  cwd: string;
  user: number;
  /** A pull needs the credentials of its registry. */
  private: boolean;
  files: readonly { host: string; at: string; ro: boolean }[];
}
export interface RegistryLogin {
  host: string;
  username: string;
  password: string;
}
export interface SandboxCluster {
  name: string;
  cloud: Exclude<Cloud, 'existing'>;
  region: string;
  network: { nodes: string; pods: string; services: string };
}
/** The accounts of the config (`accounts`); the clouds' fixed ones stand in where none is named. */
export interface NamedAccounts {
  aws?: { account: string } | undefined;
  azure?: { subscription: string; tenant: string } | undefined;
  gcp?: { project: string } | undefined;
}
/** Everything a sandbox is made from; plain data, saved as DIR/spec.json. */
export interface SandboxSpec {
  /** The sandbox directory and the folder with the Go binaries, absolute. */
  dir: string;
  bins: string;
  /** Root of the product (src, node_modules) for the providers' schemas and the `tradewind` image. */
  root: string;
  fleet: string;
  seed: number;
  /** Divides the clouds' own time. */
  cloudTime: number;
  regions: readonly SandboxRegion[];
  users: readonly UserRegion[];
  operator: { region: string; lastMileMs: number };
  clouds: { oneWayMs: number };
  links: readonly Link[];
  clusters: readonly SandboxCluster[];
  /** Host names of the apps: page doors are opened for the first. */
  hosts: readonly string[];
  recipes: readonly Recipe[];
  registries: readonly RegistryLogin[];
  accounts: NamedAccounts;
  /** Start although the memory estimate says no. */
  ignoreMemory: boolean;
}

/** Progress of `up`. `ms` is the step's duration, given with `done` and `failed`. */
export interface SandboxEvent {
  at: number;
  step: string;
  state: 'start' | 'done' | 'failed' | 'note';
  ms?: number;
  detail?: string;
}
export interface Leftover {
  kind: 'process' | 'namespace' | 'socket' | 'mount' | 'directory';
  what: string;
}
/** What `down` did and proved. */
export interface Leftovers {
  killed: number;
  ms: number;
  /** One sentence per check that held. */
  verified: readonly string[];
  left: readonly Leftover[];
}

export type ProcessState = 'starting' | 'up' | 'backoff' | 'failed' | 'stopped' | 'held' | 'paused';
export interface ProcessView {
  name: string;
  state: ProcessState;
  pid?: number;
  /** Unix ms of the last start. */
  since?: number;
  restarts: number;
  /** Last exit and log lines when it died. */
  why?: string;
}
export interface NodeView {
  name: string;
  ip: string;
  zone: string;
  instanceType: string;
  state: ProcessState;
}
export interface ClusterView {
  id: string;
  cluster: string;
  cloud: string;
  region: string;
  endpointIp: string;
  privateIp: string;
  state: ProcessState;
  ready: boolean;
  nodes: readonly NodeView[];
}
export interface SandboxView {
  at: number;
  state: 'absent' | 'starting' | 'up' | 'degraded' | 'failed' | 'orphaned';
  /** Why the state is not `up`, in words. */
  why: readonly string[];
  dir: string;
  id?: string;
  cloudTime?: number;
  processes: readonly ProcessView[];
  links: readonly Link[];
  chaos: readonly Chaos[];
  /** Faults of the last refused chaos file. */
  chaosFaults: readonly string[];
  clusters: readonly ClusterView[];
  vips: readonly { ip: string; region: string; ports: string }[];
  doors: { connect?: number; pages: Readonly<Record<string, string>> };
  users: readonly string[];
  /** How the simulated machines differ from real ones. */
  differs: readonly string[];
}

/** Kinds the supervisor does itself, and kinds the `clouds` process does. */
export const MACHINE_CHAOS = ['kill', 'pause', 'partition', 'link'] as const;
export const CLOUD_CHAOS = [
  'quota',
  'typeMissing',
  'credentials',
  'slow',
  'fail',
  'drift',
  'leak',
  'throttle',
  'ignoreStop',
] as const;
export type ChaosKind = (typeof MACHINE_CHAOS)[number] | (typeof CLOUD_CHAOS)[number];

/** One fault in force. `where` is a selector such as `cluster:mtl`, `node:<name>`, `process:clouds`, `region:x`, `a..b`. */
export interface Chaos {
  id: string;
  kind: ChaosKind;
  where: string;
  args: Readonly<Record<string, string | number | boolean>>;
  /** Unix ms. */
  from: number;
  until?: number;
}
export type ChaosChange =
  | { do: 'begin'; kind: string; where: string; args?: Chaos['args']; forMs?: number }
  | { do: 'heal'; what?: string };
/** What changed, as facts for the journal. */
export interface ChaosReceipt {
  at: number;
  began: readonly Chaos[];
  healed: readonly Chaos[];
  /** What was done, one sentence each. */
  did: readonly string[];
}

export interface VisitRequest {
  /** Names of user regions; all when absent. */
  from?: readonly string[];
  /** Visits per region, one after the other. Default 1. */
  times?: number;
  host: string;
  port?: number;
  path?: string;
  method?: string;
  /** Sent as a form or JSON body (POST unless `method` says otherwise). */
  body?: string;
  contentType?: string;
  /** Per visit. Default 5000. */
  timeoutMs?: number;
  /** Pause between the visits of one region, ms. Default 0. */
  everyMs?: number;
}
export interface Visit {
  from: string;
  at: number;
  /** The address that was asked; empty when the name did not resolve. */
  answeredBy: string;
  cluster?: string;
  version?: string;
  /** HTTP status, 0 when there was no answer. */
  status: number;
  /** Resolution and answer together, and resolution alone. Milliseconds. */
  ms: number;
  dnsMs: number;
  error?: string;
  body?: string;
}
