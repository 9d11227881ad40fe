import type { Cloud } from '../kernel/index.ts';
import type { CoordinationConfig } from './coordination.ts';
import type { ConfigParsed } from './schema.ts';

export interface ClusterConfig {
  name: string;
  cloud: Cloud;
  region: string;
  zones: readonly string[];
  /** Degrees. */
  location: { lat: number; lon: number };
  labels: Readonly<Record<string, string>>;
  /** Kubernetes minor, such as `1.36`. */
  version: string;
  size: string;
  nodes: { min: number; max: number };
  network: { nodes: string; pods: string; services: string };
  admins: readonly string[];
  protect: boolean;
  context?: string;
  kubeconfig?: string;
}

type ParsedApp = ConfigParsed['apps'][string];
export type Override = ParsedApp['overrides'][number];
export type Placement = ParsedApp['placement'];
export type Replicas = ParsedApp['replicas'];
export type PullSecret = ParsedApp['pull'][number];
export type SecretRef = PullSecret['username'];
export type TrafficConfig = NonNullable<ParsedApp['traffic']>;
export type ReleaseConfig = NonNullable<ParsedApp['release']>;
export type GatewayConfig = ConfigParsed['gateway'];
export type Serve = TrafficConfig['serve'];
export type SandboxConfig = NonNullable<ConfigParsed['sandbox']>;

export interface AppConfig {
  name: string;
  namespace: string;
  version: string;
  /** Absolute paths. */
  manifests: readonly string[];
  placement: Placement;
  overrides: readonly Override[];
  replicas: Replicas;
  pull: readonly PullSecret[];
  traffic?: TrafficConfig;
  release?: ReleaseConfig;
  state: ParsedApp['state'];
}

/** Users reach the app through the gateway: its switch is an HTTPRoute. */
export function isRouted(app: Pick<AppConfig, 'release' | 'traffic'>): boolean {
  return app.release?.driver === 'httproute' && app.traffic !== undefined;
}

/** The config of one fleet after defaults and checks; deeply frozen. */
export interface Config {
  fleet: string;
  /** Absolute path of the file and of its folder. */
  file: string;
  dir: string;
  clusters: readonly ClusterConfig[];
  apps: readonly AppConfig[];
  dns?: NonNullable<ConfigParsed['dns']>;
  gateway: GatewayConfig;
  accounts: ConfigParsed['accounts'];
  protect: boolean;
  /** Absent: the person at this machine may do everything. */
  people?: NonNullable<ConfigParsed['people']>;
  rights: NonNullable<ConfigParsed['rights']>;
  approvals: NonNullable<ConfigParsed['approvals']>;
  /** When nothing goes forward, by the calendar. */
  freezes: ConfigParsed['freezes'];
  chat?: NonNullable<ConfigParsed['chat']>;
  /** Absent: the file of the one machine that works. */
  coordination?: CoordinationConfig;
  /** Absent: verbs run where they are typed. */
  server?: NonNullable<ConfigParsed['server']>;
  telemetry?: NonNullable<ConfigParsed['telemetry']>;
  infra: ConfigParsed['infra'];
  sandbox?: SandboxConfig;
}

/** One fault of a config: `path` in dots, `near` the nearest valid name. */
/** Offsets into a text. */
export interface Span {
  from: number;
  to: number;
}

/** A place as a person finds it in an editor: both from 1. */
export interface Place {
  line: number;
  column: number;
  /** Characters of that line that are meant. */
  width: number;
  /** The line itself, without what looks like a secret. */
  source: string;
}

/** `key`: the name is wrong; `value`: what it says is. */
export type At = 'key' | 'value';

export interface ConfigFault {
  path: string;
  /** The same in steps, where one of them may have a dot. */
  keys?: readonly string[];
  message: string;
  /** What is wrong there; default: the value. */
  at?: At;
  place?: Place;
  near?: string;
}
