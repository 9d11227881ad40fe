import type { Allowed, Document, Role } from '../commands/index.ts';
import type { Json, Problem, View } from '../kernel/index.ts';

/** Who asks, and how they showed it. */
export interface Person {
  /** `local`, or the id of a token. */
  id: string;
  /** Name of the token, or `local` for a browser signed in from this machine. */
  name: string;
  role: Role;
  via: 'cookie' | 'bearer';
  /** Unix milliseconds at which the sign-in ends. */
  until: number;
}

/** Live views of the running system; each is whole, the newest wins. */
export const TOPICS = [
  'fleet',
  'map',
  'state',
  'releases',
  'runs',
  'line',
  'approvals',
  'access',
  'config',
  'lab',
] as const;
export type Topic = (typeof TOPICS)[number];

export interface TopicView {
  topic: Topic;
  /** Offset of the journal it was folded at. */
  offset: number;
  /** When it was looked at, Unix milliseconds. */
  at: number;
  /** Absent when it equals the one before: only its age changed. */
  data?: Json;
  /** Why the newest look failed; `data` is then the last good one. */
  problem?: Problem;
}

/** The config that a server works with, and how its file stands beside it. */
export interface ConfigState {
  file: string;
  /** Of the one in force; null = there is none yet. */
  id: string | null;
  /** When that was read, Unix milliseconds. */
  readAt: number | null;
  /** Why the file as it is now is not in force. */
  problem: Problem | null;
  /** Blocks whose change needs a new start of the server. */
  restart: readonly string[];
}

/** One command: from this server, or from a terminal beside it. */
export interface RunInfo {
  run: string;
  verb: string;
  args: Json;
  /** `http`, `cli` for one that a terminal runs, or the name of a chat. */
  door: string;
  /** The person; until it is known whose sign-in that is, its name. */
  by: string;
  startedAt: number;
  endedAt: number | null;
  /** `lost`: its process ended before it told its end. */
  state: 'running' | 'done' | 'failed' | 'lost';
  exit: number | null;
  problems: readonly string[];
  /** Release that it wrote to; null: none. */
  release: string | null;
  /** Plan that it did, of clouds, clusters and DNS or of that release. */
  plan: string | null;
  /** Progress, of runs of this server. */
  view: View | null;
}

/** Answer to a command that still runs. */
export interface RunDocument {
  apiVersion: 'tradewind/v1';
  kind: 'Run';
  data: RunInfo;
}
export type Answer = Document | RunDocument;

/** What the dashboard may know of its own sign-in and server. */
export interface SessionInfo {
  name: string;
  role: Role;
  until: number;
  fleet: string | null;
  /** Names in the config. */
  apps: readonly string[];
  clusters: readonly string[];
  version: string;
  sandbox: boolean;
  /** There is a chat lab. */
  lab: boolean;
  /** What the config lets this person do where; null: it names nobody, and the role alone counts. */
  allowed: Allowed | null;
}
