import type { Config } from '../config/index.ts';
import type { Clock, Journal, Store, View } from '../kernel/index.ts';
import type { Head } from './access/machine/chain.ts';
import type { Facts } from './access/machine/facts.ts';
import type { Caller } from './access/model.ts';
import type { Args, Outcome } from './model.ts';
import type { Engine, SandboxDoor, ServerDoor, ServerPodDoor } from './ports.ts';

export interface Question {
  kind: 'yes' | 'text';
  text: string;
  /** The flag that answers it without asking. */
  flag: string;
}

/** The person on the other side of a door. */
export interface Io {
  /** Shows progress. */
  show(view: View): void;
  /** The reader is a program (-o json or yaml). */
  machine: boolean;
  /** Data that streams (logs, output of exec): stdout as it comes. */
  out(text: string): void;
  /** Throws TW6005 where nobody can answer. */
  ask(question: Question): Promise<string>;
  /** Set once: stop safely. */
  signal: AbortSignal;
  /** Set once, after `signal`: leave at once; what runs outside of this process finishes alone. */
  detach: AbortSignal;
}

export interface Invocation {
  verb: string;
  args: Args;
  config?: string;
  /** Id under which it is journalled; a new one when absent. */
  run?: string;
  /** The door waited for its turn already; `check`: it waits, and asks whether it would be refused. */
  turn?: true | 'check';
  /** Who sends it through which door; absent: the person at this terminal. */
  from?: Caller;
}

/** The server of this fleet, as a terminal that is its client sees it. */
export interface RemoteDoor {
  /** Address that the config or the environment name. */
  address(): string | undefined;
  /** Makes a token of the code in `address` and keeps it for this project. Throws TW8020, TW8030–TW8035. */
  login(wish: {
    address: string;
    role: string;
    days: number;
  }): Promise<{ origin: string; name: string; role: string; file: string }>;
  /** Follows a run of the server to its end. Throws what its verb threw, TW8014, TW8028–TW8039. */
  attach(run: string, io: Io): Promise<Outcome>;
}

/** What this machine knows of the end of the audit, beside the book itself. */
export interface Witness {
  /** The last record that it saw. Throws what the file system says. */
  seen(): Head | undefined;
  saw(head: Head): void;
}

/** What a command works with; compose makes it, adapters are loaded when first asked for. */
export interface Context {
  cwd: string;
  /** The `.tradewind` folder of this project. */
  stateDir: string;
  clock: Clock;
  journal(): Journal;
  /** Where commands are recorded: audit, approvals, freezes, locks, links, messages that were taken. */
  book(): Store;
  witness?: Witness;
  /** Name of the person, as records and registers keep it; absent: the login of this machine. */
  by?: string;
  /** What persons agreed to; absent: nobody had to. The verb looks once more, just before it acts. */
  agreed?: Facts;
  /**
   * Takes the approval, once, just before the verb acts: what it refuses until then costs no votes. Absent: nobody had
   * to agree. Throws TW6110, TW6115, TW6116.
   */
  take?(): Promise<void>;
  /** Throws TW1001–TW1003. */
  config(): Promise<Config>;
  /** The engine over the place chosen: real clouds or the sandbox. */
  engine(place?: 'sandbox'): Promise<Engine>;
  sandbox(): Promise<SandboxDoor>;
  /** Absent behind doors that are no terminal. */
  server?(): Promise<ServerDoor>;
  /** Absent where nobody is a client of a server. */
  remote?(): Promise<RemoteDoor>;
  /** The server as a pod. Absent behind doors that are no terminal. Throws TW8040. */
  pod?(): Promise<ServerPodDoor>;
  /** Opens a way to the server in a cluster: an address of this machine, until the context is closed. Throws TW8031. */
  reach?(cluster: string): Promise<{ url: string }>;
  /** Address of the server that this process is, where it is a pod. */
  standsAt?: string;
  close(): Promise<void>;
}
