import type { ChatBehind, Pending, StandingApp, StateFacts, Waiter } from '../../src/commands/index.ts';
import type { RunInfo } from '../../src/server/model.ts';

interface Answer {
  missing: { cluster: string; why: string }[];
  warnings: { code: string; title: string; why: string[] }[];
}
export interface AppOn {
  name: string;
  ready: boolean;
  replicas: number;
  wanted: number;
  version: string | null;
  health: string;
  why: string[];
  /** Of a cluster that is silent: when it said this, Unix milliseconds. */
  lastSeen?: number;
}
export interface FleetData extends Answer {
  fleet: string;
  clusters: {
    name: string;
    cloud: string;
    region: string;
    ready: boolean;
    reachable: boolean;
    nodes: number;
    nodesTotal: number;
    version: string | null;
    why: string | null;
    /** Absent while it answers; null: not since the server started. */
    lastSeen?: number | null;
  }[];
  apps: { name: string; clusters: AppOn[] }[];
}
interface Place {
  lat: number;
  lon: number;
}
export interface Cell {
  prefix: string;
  place?: Place;
  to: { cluster: string; share: number; rttMs?: number }[];
  /** `samples` 0: by distance, not measured. */
  rtt: Record<string, { ms: number; samples: number }>;
}
export interface Intent {
  serve: { by: string; weights?: Record<string, number>; order?: string[][] };
  ttl: number;
  residency: { from: string[]; to: string[]; strict: boolean }[];
  capacity: Record<string, number>;
  keepBelow: number;
}
export interface MapData extends Answer {
  fleet: string;
  clusters: { name: string; cloud: string; region: string; place: Place; tone: string; why: string | null }[];
  hosts: {
    host: string;
    app: string;
    intent: Intent;
    /** Of each nameserver since it started, by DNS response code. */
    answers: Record<string, Record<string, number>>;
    cells: Cell[];
    holds: { cluster: string; kind: string; by: string; why: string; since: number }[];
  }[];
}
export interface ReleasesData {
  apps: StandingApp[];
}
export type Release = NonNullable<StandingApp['release']>;
export interface RunsData {
  runs: RunInfo[];
}
export interface LineData {
  line: Waiter[];
  /** Chats that do not show what is true. */
  chats: ChatBehind[];
}
export interface ApprovalsData {
  approvals: Pending[];
}
export interface StateData extends Answer {
  apps: readonly StateFacts[];
  /** The newest snapshot of each app that counts. */
  snapshots: Readonly<Record<string, { id: string; at: number } | null>>;
  /** By app: how far each copy was behind home, oldest first; null: it did not say. */
  lags: Readonly<Record<string, readonly { at: number; ms: Readonly<Record<string, number | null>> }[]>>;
}
