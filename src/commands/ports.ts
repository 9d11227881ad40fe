import type { Config } from '../config/index.ts';
import type { RecoverPlan } from '../coordination/index.ts';
import type { FleetApp, FleetPorts, KubeApi } from '../fleet/index.ts';
import type { InfraContext, LeftoverPort, Outputs, Place, Verdict } from '../infra/index.ts';
import type { ExitCode, Json, Lease, MemberState, Problem } from '../kernel/index.ts';
import type { Evidence, ReleasePorts } from '../release/index.ts';
import type { FenceReport, HomeChange, Shortage, SnapshotManifest, StatePlan, VoterWish } from '../state/index.ts';
import type { WorldMap } from '../traffic/index.ts';

/** Progress of one step of a long verb. */
export interface Step {
  step: string;
  state: 'start' | 'done' | 'failed' | 'note';
  detail?: string;
}

export interface ChaosWish {
  what: string;
  where?: string;
  forMs?: number;
  args: Readonly<Record<string, string | number | boolean>>;
}
export interface VisitWish {
  from?: string;
  times: number;
  host: string;
  path: string;
  body: boolean;
}
export interface VisitResult {
  from: string;
  answeredBy: string;
  cluster?: string;
  version?: string;
  status: number;
  ms: number;
  dnsMs: number;
  error?: string;
  body?: string;
}
export interface SandboxFacts {
  state: string;
  why: readonly string[];
  processes: readonly { name: string; state: string; why?: string }[];
  clusters: readonly {
    cluster: string;
    state: string;
    ready: boolean;
    nodes: readonly { name: string; state: string }[];
  }[];
  chaos: readonly { id: string; kind: string; where: string }[];
  pages: Readonly<Record<string, string>>;
  differs: readonly string[];
}
export interface DownFacts {
  killed: number;
  verified: readonly string[];
  left: readonly { kind: string; what: string }[];
}

/** The sandbox as commands see it (its room is wired behind this by compose). */
export interface SandboxDoor {
  up(config: Config): AsyncIterable<Step>;
  down(o: { purge: boolean }): Promise<DownFacts>;
  status(): Promise<{ facts: SandboxFacts; raw: Json }>;
  chaos(wish: ChaosWish): Promise<{ did: readonly string[]; raw: Json }>;
  visit(wish: VisitWish): Promise<VisitResult[]>;
  /** Runs a command inside a namespace, this terminal attached; its exit code. */
  enter(place: string, argv: readonly string[]): Promise<number>;
}

/** Result of one check of `doctor`. */
export interface Finding {
  id: string;
  verdict: 'ok' | 'warn' | 'fail' | 'unknown';
  say: string;
  fix?: string;
  exit?: ExitCode;
}

/** Where users enter: what traffic needs of each cluster that stands. */
export interface TrafficPlanFacts {
  id: string;
  changes: readonly string[];
  /** Promises that are not kept exactly, in words. */
  gaps: readonly string[];
}
export interface HoldFacts {
  done: boolean;
  notes: readonly string[];
  raw: Json;
}
export interface WhyCandidate {
  cluster: string;
  chosen: boolean;
  why: string;
  share: number;
  rttMs?: number;
}
export interface WhyFacts {
  chosen: string | null;
  candidates: readonly WhyCandidate[];
  /** What each nameserver answers now, beside what was predicted. */
  servers: readonly { cluster: string; answers: string; agrees: boolean }[];
  raw: Json;
}

/** The hold that a teardown sets; it ends when the cluster is brought up again. */
export const TEARDOWN = { by: 'tw down', why: 'teardown' } as const;

export type TrafficMap = WorldMap;

/** traffic/ as commands see it: one instance per engine. */
export interface TrafficDoor {
  /** The nameserver of a cluster as an app of the fleet; undefined where the fleet has no traffic. */
  systemApp(outputs: Outputs): FleetApp | undefined;
  plan(outputs: Outputs): Promise<TrafficPlanFacts>;
  /** Writes the snapshot to all clusters and waits until the nameservers answer by it. */
  apply(outputs: Outputs, signal: AbortSignal): AsyncIterable<Step>;
  hold(cluster: string, o: { why: string; by: string; force: boolean }, signal: AbortSignal): Promise<HoldFacts>;
  lift(cluster: string, signal: AbortSignal): Promise<HoldFacts>;
  why(ip: string, host: string): Promise<WhyFacts>;
  /** Where every known group of users goes now, or would go without a cluster, per host. Throws TW4051. */
  map(without?: string): Promise<TrafficMap[]>;
}

/** release/ as commands see it: wired per app. */
export interface ReleaseDoor {
  ports(app: string, outputs: Outputs): ReleasePorts;
  /** What judges the versions of an app while a release runs. */
  evidence(app: string, ports: ReleasePorts): Evidence;
}

export interface ServeWish {
  /** 0 = any free one. */
  port: number;
  host: string;
  publicUrl?: string;
  /** It ends when the sandbox of this project is gone. */
  withSandbox?: boolean;
}

/** The control plane as commands see it. */
export interface ServerDoor {
  /** Serves until the signal fires; `ready` hears the address. Throws TW8011, TW8012, TW8013. */
  serve(wish: ServeWish, ready: (url: string) => void, signal: AbortSignal): Promise<void>;
}

/** The server as a pod of a cluster, as commands see it. */
export interface ServerPodDoor {
  cluster: string;
  /** Applies it, hands this folder's files over where it has none yet, waits until it serves. Throws TW8041–TW8044. */
  install(signal: AbortSignal): AsyncIterable<Step>;
  /** Stops it, fetches its files into this folder and takes it out of the cluster. Throws TW8043, TW8044. */
  remove(signal: AbortSignal): AsyncIterable<Step>;
  /** Takes it out of the cluster with its files. */
  drop(signal: AbortSignal): Promise<void>;
  /** Its address with a code that signs in once. Throws TW8043. */
  link(): Promise<string>;
}

/** The store where machines agree, as commands see it. */
export interface CoordinationDoor {
  /** Its members as an app of the fleet; `undefined` where they are not ours to run. */
  systemApp(outputs: Outputs): Promise<FleetApp | undefined>;
  /** Makes the members known to each other and waits for them. */
  introduce(outputs: Outputs, signal: AbortSignal): AsyncIterable<Step>;
  /** What each member says. Throws TW5112. */
  status(): Promise<MemberState[]>;
  /** Writes etcd's own snapshot file; it is there whole or not at all. Throws TW1020, TW5112. */
  snapshot(path: string, signal: AbortSignal): Promise<void>;
  /** How the store would be made anew of what is left. Throws TW5112, TW5116. */
  planRecover(lost: readonly string[], outputs: Outputs): Promise<RecoveryPlan>;
  /** Makes it anew; the other members join when they are introduced. */
  recover(plan: RecoveryPlan, outputs: Outputs, signal: AbortSignal): AsyncIterable<Step>;
}
/** `from` keeps its data; `blank` lose theirs and join it; `lost` never come back with theirs. */
export type RecoveryPlan = Extract<RecoverPlan, { is: 'plan' }>;

/** One cluster of an app's state. `gateway`: it has no copy of its own. */
export interface StateCluster {
  name: string;
  role: 'home' | 'copy' | 'catching up' | 'fenced' | 'gateway' | 'open' | 'closed' | 'unknown';
  /** How far behind home, milliseconds. */
  lagMs?: number;
  epoch?: number;
  /** `direct`, or the cluster through which home is reached. */
  via?: string;
  why?: string;
  /** TW5113: as home it refuses writes, or would. */
  short?: readonly Shortage[];
  /** The last ballot that it was fenced for, and what it could prove then. */
  fence?: FenceReport;
}
export interface StateFacts {
  app: string;
  mode: string;
  home: string | null;
  /** Copies in step, home's own with them. */
  copies: number;
  epoch: number | null;
  clusters: readonly StateCluster[];
  /** A change of home that is under way; `waits`: it cannot go on without `enough` proofs of these; `best` proved most. */
  ballot?: {
    n: number;
    by: string;
    why: string;
    waits?: { clusters: readonly string[]; enough: number; best?: string } | undefined;
  };
  /** The last change of home, line by line. */
  story: readonly string[];
  /** The same as facts, once home takes writes. */
  last?: HomeChange;
}

/** Called once nothing speaks against it and nothing is done yet; throws to stop it. */
type Begins = () => Promise<void>;

/** The state that clusters share, as commands see it. */
export interface StateDoor {
  /** Some app shares its state. */
  shared: boolean;
  /** What the users buy, per app whose state is shared; round trips by distance, so that they are the same everywhere. */
  plans(outputs: Outputs): Promise<StatePlan[]>;
  /** The same with the round trips that were measured and the home of now. */
  prices(outputs: Outputs): Promise<StatePlan[]>;
  /** What every app would buy with that mode. */
  whatIf(mode: StatePlan['mode']): StatePlan[];
  /** The data planes as apps of the fleet. */
  systemApps(outputs: Outputs): Promise<FleetApp[]>;
  /** Tells the clusters of each other and waits until there is a home. */
  introduce(outputs: Outputs, signal: AbortSignal): AsyncIterable<Step>;
  /** What the agents say; one that is silent is `unknown`. */
  look(outputs: Outputs): Promise<StateFacts[]>;
  /** Makes `to` home. Throws TW5002, TW5114, TW5140, TW5141, TW1020. */
  move(
    x: { app: string; to: string; begins?: Begins },
    outputs: Outputs,
    signal: AbortSignal,
  ): Promise<{ from: string; ms: number }>;
  /**
   * A change of who has a copy that counts, in three steps that each look first whether they are done; after the first
   * and before the last what is deployed has to follow. Throws TW5006, TW5114, TW5151, TW5152, TW1020.
   */
  begin(x: { app: string; wish: VoterWish; begins?: Begins }, outputs: Outputs): Promise<void>;
  decide(
    x: { app: string; wish: VoterWish; show(say: string): void },
    outputs: Outputs,
    signal: AbortSignal,
  ): Promise<{ voters: readonly string[]; epoch: number; ms: number }>;
  end(x: { app: string; wish: VoterWish }): Promise<void>;
  /**
   * Makes `to` home although nobody can prove that it has everything; `sure` hears what is known of each copy, and throws
   * to refuse. Throws TW5002, TW5140, TW6005, TW1020.
   */
  promote(
    x: { app: string; to: string; sure(known: readonly string[]): Promise<void> },
    outputs: Outputs,
  ): Promise<{ epoch: number; known: readonly string[] }>;
  /**
   * Until the lease is closed nobody moves home or copies of that app on purpose (TW5140); undefined: it has none, or
   * somebody else sees to that. Throws TW1020.
   */
  freeze(x: { app: string; owner: string }): Promise<Lease | undefined>;
  /** Takes a snapshot; `problem`: why it does not count. Throws TW5003, TW5114, TW5130, TW5132, TW1020. */
  backup(
    x: { app: string },
    outputs: Outputs,
    signal: AbortSignal,
  ): Promise<{ snapshot: SnapshotManifest; where: string; problem?: Problem }>;
  /** What there is, newest first, and where. */
  backups(app: string): Promise<{ all: readonly SnapshotManifest[]; where: string }>;
  /**
   * Puts a snapshot in place of the data, which are kept as another one; `sure` hears what is given up, and throws to
   * refuse. Throws TW5003, TW5130, TW5131, TW5132, TW6005, TW1020.
   */
  restore(
    x: { app: string; snapshot: string; sure(known: readonly string[]): Promise<void>; show(say: string): void },
    outputs: Outputs,
    signal: AbortSignal,
  ): Promise<{ home: string; epoch: number; salvage: string; known: readonly string[] }>;
}

/** Everything a verb needs of one fleet in one place. */
export interface Engine {
  config: Config;
  place: Place;
  infra: InfraContext;
  fleet: FleetPorts;
  traffic: TrafficDoor;
  /** The gateway that released apps stand behind, as an app of the fleet; `undefined` where none is wanted. */
  gateway: { systemApp(): FleetApp | undefined };
  release: ReleaseDoor;
  /** Absent: one machine agrees with itself. */
  coordination?: CoordinationDoor;
  state: StateDoor;
  outputs(): Promise<Outputs>;
  /** The API of a cluster; undefined when nothing is known of it. */
  kube(cluster: string, outputs: Outputs): KubeApi | undefined;
  kubeconfig: string;
  leftovers?: LeftoverPort;
  /** Asks the clouds whether they would let the clusters be built; `outputs` says which stand. */
  preflight?(outputs: Outputs, only?: readonly string[]): Promise<Verdict[]>;
  close(): Promise<void>;
}
