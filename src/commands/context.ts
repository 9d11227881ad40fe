import type { Config } from '../config/index.ts';
import type { Clock, Journal, Store, View } from '../kernel/index.ts';
import type { Caller } from './access/model.ts';
import type { Args } from './model.ts';
import type { Engine, SandboxDoor, ServerDoor } from './ports.ts';

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
  /** Who sends it through which door; absent: the person at this terminal. */
  from?: Caller;
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
  /** Name of the person, as records and registers keep it; absent: the login of this machine. */
  by?: string;
  /** Throws TW1001–TW1003. */
  config(): Promise<Config>;
  /** The engine over the place chosen: real clouds or the sandbox. */
  engine(place?: 'sandbox'): Promise<Engine>;
  sandbox(): Promise<SandboxDoor>;
  /** Absent behind doors that are no terminal. */
  server?(): Promise<ServerDoor>;
  close(): Promise<void>;
}
