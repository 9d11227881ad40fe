import type { ClusterName, Json, Problem } from '../kernel/index.ts';
import type { BuiltNodes } from './built.ts';
import type { Root, RootId, RunRef, Verb } from './model.ts';
import type { TfEvent } from './stream.ts';

export interface RunSpec {
  /** Id of the command's run; facts and files carry it. */
  run: string;
  root: RootId;
  verb: Verb;
  /** Arguments of terraform, without `-chdir`. */
  args: readonly string[];
}
export interface RunResult {
  /** Exit code; null: the process ended unseen (attached) or by a signal. */
  code: number | null;
  signal?: string;
  /** Last lines of stderr. */
  stderr: string;
  /** The run was left to finish alone. */
  detached?: boolean;
}
export interface RunHandle {
  ref: RunRef;
  /** Ends when the process ends and its last line is read. One reader. */
  events: AsyncIterable<TfEvent>;
  /** SIGINT, at most once in the life of the run. */
  interruptOnce(): void;
  /** Stop watching; terraform goes on alone. */
  detach(): void;
  done: Promise<RunResult>;
}
export interface QueryResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs terraform in root folders. Adapter: child process; twin: replays recorded streams. */
export interface TerraformPort {
  /** Never rejects for a failed run: failure is data. Throws TW2107 when nothing could be started. */
  start(spec: RunSpec): Promise<RunHandle>;
  /** Follows a run that an earlier tw started; `done` has no exit code. */
  attach(ref: RunRef): Promise<RunHandle>;
  alive(ref: RunRef): boolean;
  /** Short read-only calls (`show -json`, `output -json`); their output may hold secrets. */
  query(root: RootId, args: readonly string[]): Promise<QueryResult>;
}

export interface RootState {
  lineage: string;
  serial: number;
  resources: number;
  outputs: Record<string, Json>;
  /** What its pool of nodes was built for. */
  nodes?: BuiltNodes;
}
/** The folders of the roots: files, states, init markers. */
export interface RootStore {
  /** Writes the files of a root, deterministic bytes. Throws TW2110, TW2111. */
  write(root: Root, fleet: string): Promise<void>;
  /** A root as it is on disk; undefined: no such folder. Throws TW2111 when it is another fleet's. */
  load(id: RootId, fleet: string): Promise<Root | undefined>;
  /** True when `init` is not needed: same module, backend, lock file and terraform as last time. */
  initialised(root: Root): Promise<boolean>;
  /** Notes a successful init and keeps its lock file. */
  markInitialised(root: Root): Promise<void>;
  /** Forgets the provider choices of a root, so that init chooses anew. */
  unlock(root: Root): Promise<void>;
  /** Digest of the module's files. */
  moduleDigest(root: Root): Promise<string>;
  /** State of a root with a local backend; undefined: none. Throws TW2118 when it cannot be read. */
  state(id: RootId): Promise<RootState | undefined>;
  /** Absolute path of a file in the root's folder. */
  path(id: RootId, file: string): string;
  exists(id: RootId, file: string): Promise<boolean>;
  drop(id: RootId, file: string): Promise<void>;
  /** Takes all rights but the owner's. */
  protect(id: RootId, file: string): Promise<void>;
  /** A small JSON note beside the root's files. */
  note(id: RootId, file: string, value: Record<string, string>): Promise<void>;
  noted(id: RootId, file: string): Promise<Record<string, string> | undefined>;
  /** Ids of all roots on disk. */
  list(): Promise<RootId[]>;
  /** Removes the folder of a root whose state is empty. Throws TW2301 otherwise. */
  remove(id: RootId): Promise<void>;
}

export interface Terraform {
  /** Looks for the binary, once. Throws TW2001. */
  ready(): Promise<void>;
  runs: TerraformPort;
  roots: RootStore;
  /** Two inits at once would damage a shared plugin cache. */
  serialInit: boolean;
  /** Providers built here: their lock file may be renewed. */
  ownProviders: boolean;
}

export interface DrainStep {
  cluster: ClusterName;
  /** What is being waited for, for people. */
  note: string;
  /** Objects left. */
  left: number;
}
/** What traffic, state and fleet do before a cluster is destroyed. */
export interface DrainPort {
  drainTraffic(cluster: ClusterName): Promise<void>;
  /** Why it must not go: copies of the state that are needed there. */
  needed(cluster: ClusterName): Promise<Problem | undefined>;
  removeCloudObjects(cluster: ClusterName): AsyncIterable<DrainStep>;
}

/** Billable things a cloud still has of a fleet. */
export interface Leftover {
  cluster: ClusterName;
  kind: string;
  id: string;
  /** Lies inside the destroyed network or group. */
  inside: boolean;
  tags: Readonly<Record<string, string>>;
  link?: string;
}
export interface LeftoverPort {
  /** Rejects when the cloud does not answer: unknown is not "nothing". */
  leftovers(fleet: string, cluster: ClusterName): Promise<Leftover[]>;
  remove(l: Leftover): Promise<void>;
}
