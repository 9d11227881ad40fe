import type { Pending, StandingApp, Waiter } from '../../src/commands/index.ts';
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
}
export interface MapData extends Answer {
  fleet: string;
  clusters: { name: string; cloud: string; region: string; place: Place; tone: string; why: string | null }[];
  hosts: {
    host: string;
    app: string;
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
}
export interface ApprovalsData {
  approvals: Pending[];
}
