import type { LabSwitches, LabView, RawRequest, RawResponse } from '../chat/index.ts';
import type { Context, Invocation } from '../commands/index.ts';
import type { Clock, Journal, ProcessId } from '../kernel/index.ts';
import type { ConfigState } from './model.ts';

/** A built file of the dashboard. */
export interface WebFile {
  type: string;
  body: Uint8Array;
  /** The same, compressed with gzip. */
  packed: Uint8Array;
  etag: string;
  /** Its name holds its hash: it never changes. */
  fixed: boolean;
}

/** The chat lab; everything but `isOpen` throws TW6303 where the fleet is not in the sandbox. */
export interface Lab {
  isOpen(): Promise<boolean>;
  view(): Promise<LabView>;
  /** Throws TW6301 for a person that the lab does not have. */
  say(person: string, text: string): Promise<void>;
  /** Throws TW6301; TW8026 when the card has no such button any more. */
  press(person: string, card: string, button: string): Promise<void>;
  set(switches: Partial<LabSwitches>): Promise<void>;
  /** Calls back after every change. */
  onChange(tell: () => void): void;
}

/** What the server works with; compose makes it. */
export interface ServerDeps {
  stateDir: string;
  version: string;
  clock: Clock;
  journal: Journal;
  newId(): string;
  /** A context for one command, as the terminal gets it. */
  engine(call: Invocation): Promise<Context>;
  /** Changes when config or place of the project do: contexts made before are old. */
  stamp(): string;
  place(): 'sandbox' | 'real' | undefined;
  /** The config in force; undefined before somebody needed it. */
  config(): ConfigState | undefined;
  /** A process with this id runs. */
  alive(p: ProcessId): boolean;
  /** Who takes what a platform posts to `/hooks/<name>`; it verifies the bytes itself. */
  hook(name: string): ((r: RawRequest) => Promise<RawResponse>) | undefined;
  /** Cards that each chat does not show as they are yet. */
  chatDepth(): Readonly<Record<string, number>>;
  lab: Lab;
  /** Path (`/assets/index-x.js`) to file; built when it is not there yet. Throws TW8013. */
  web(): Promise<ReadonlyMap<string, WebFile>>;
}
