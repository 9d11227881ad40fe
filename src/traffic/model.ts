import type { Cloud, ClusterName, LatLon } from '../kernel/index.ts';

export type AppName = string;
/** A DNS name without the final dot, lower case. */
export type Fqdn = string;
/** An IPv4 or IPv6 address as text. */
export type Ip = string;
/** CIDR text, such as `203.0.113.0/24`. */
export type Prefix = string;
/** Unix milliseconds, unless said to be monotonic. */
type Millis = number;
/** Requests per second. */
type Rate = number;
type Id = string;

export type { LatLon };

/** What the user wants of one name. */
export type Serve =
  | { by: 'fastest' }
  | { by: 'nearest' }
  | { by: 'weights'; weights: Record<ClusterName, number> }
  | { by: 'order'; order: ClusterName[][] };

/** Clients of the prefixes, countries (ISO 3166-1 alpha-2) or groups (`EU`, …) `from` belong to the clusters `to`; a fence when `strict`, else a wish. */
export interface Residency {
  from: string[];
  to: ClusterName[];
  strict: boolean;
}

export interface HealthSpec {
  scheme: 'http' | 'https';
  port: number;
  path: string;
}

export interface Intent {
  app: AppName;
  host: Fqdn;
  serve: Serve;
  /** Seconds, 5 at least. */
  ttl: number;
  residency: Residency[];
  capacity: Record<ClusterName, Rate>;
  /** Share of the capacity (0..1) that a planned move may fill. */
  keepBelow: number;
  health: HealthSpec;
}

/** Where users of one app enter one cluster; `name` is resolved by the nameserver when no address is fixed. */
export interface Edge {
  v4: Ip[];
  v6: Ip[];
  name?: Fqdn;
}

/** The fixed address of a cluster's nameserver. Ports default to 53 and 8053. */
export interface NameserverAt {
  ip: Ip;
  name: Fqdn;
  dns?: number;
  http?: number;
}

export interface Site {
  cluster: ClusterName;
  cloud: Cloud;
  region: string;
  place: LatLon;
  /** By app; an app that is not placed here has no entry. */
  edges: Record<AppName, Edge>;
  nameserver?: NameserverAt;
}

/** `drain` is soft (comes back when nothing else is left), `brake` is hard. */
export interface Hold {
  id: Id;
  kind: 'drain' | 'brake';
  cluster: ClusterName;
  by: string;
  why: string;
  since: Millis;
  until?: Millis;
}

/** What is known about the clients of one prefix; a longer prefix inherits what it does not say. */
export interface MapRow {
  prefix: Prefix;
  /** Round trip to each cluster: milliseconds and how many samples stand behind it. */
  rtt?: Record<ClusterName, { ms: number; n: number }>;
  place?: LatLon;
  /** ISO 3166-1 alpha-2. */
  country?: string;
}

/** Rows sorted by prefix, none longer than /24 or /48. Estimate without a measurement: `a + b * km`. */
export interface LatencyMap {
  id: Id;
  prior: { a: number; b: number };
  rows: MapRow[];
}

export interface ProbeSettings {
  intervalMs: number;
  timeoutMs: number;
  fall: number;
  rise: number;
}

/** What the nameservers serve by. Canonical JSON, Ed25519 signed; (term, seq) only grows. */
export interface Snapshot {
  format: 1;
  fleet: string;
  /** The zone that delegates the hosts to the nameservers. */
  zone: Fqdn;
  term: number;
  seq: number;
  intents: Intent[];
  sites: Site[];
  map: LatencyMap;
  holds: Hold[];
  /** Clusters whose nameserver observes the others. */
  voters: ClusterName[];
  probe: ProbeSettings;
}

export interface SignedSnapshot {
  /** Canonical JSON of the Snapshot. */
  text: string;
  /** Ed25519 over `text`, base64. */
  signature: string;
}

export type Cause = 'ok' | 'refused' | 'timeout' | 'tls' | 'status' | 'unreachable' | 'no-address';

/** One probe: `detail` is for people (status code, system error). */
export interface Probe {
  ok: boolean;
  cause: Cause;
  detail: string;
  ms: number;
}

/** An observer's opinion of one target; `at` is the receiver's monotonic time. */
export interface Vote {
  voter: ClusterName;
  state: 'up' | 'down';
  at: Millis;
  cause: string;
  /** Signed by the target itself: take me out. */
  held?: boolean;
}

export interface Verdict {
  state: 'up' | 'down' | 'unknown';
  /** The voters could not agree or be heard: the state is the last one agreed. */
  unsure: boolean;
  /** This observer hears no other one and does not reach the target: it sends no users there, but judges nothing. */
  lone: boolean;
  /** The target itself asked to be taken out. */
  held: boolean;
  since: Millis;
  cause: string;
  votes: { up: number; down: number; of: number; need: number };
}

/** By `targetOf(cluster, app)`. */
export type HealthView = Record<string, Verdict>;
export const targetOf = (cluster: ClusterName, app: AppName): string => `${cluster}/${app}`;

/** Requests per second now, by cluster; empty when nothing measures it. */
export type LoadView = Record<ClusterName, Rate>;

export interface World {
  snapshot: Id;
  intents: Intent[];
  sites: Site[];
  map: LatencyMap;
  health: HealthView;
  load: LoadView;
  holds: Hold[];
  now: Millis;
}

export interface Query {
  name: Fqdn;
  type: string;
  source: Ip;
  ecs?: Prefix;
}

export type Stage = 'placed' | 'brake' | 'residency' | 'health' | 'drain' | 'capacity' | 'rank' | 'pick';

/** Why a candidate is out, by the first stage that refused it. */
export interface Reason {
  stage: Stage;
  say: string;
  since?: Millis;
  by?: string;
}

export interface Rtt {
  ms: number;
  from: 'prefix' | 'geo';
  samples: number;
}

export interface Candidate {
  cluster: ClusterName;
  /** Absent when the candidate may serve. */
  out?: Reason;
  /** Stages that refused it but were relaxed because nothing else was left. */
  pardoned: Reason[];
  rtt?: Rtt;
  km?: number;
  /** 0..1 of this client's answers. */
  share: number;
}

export type Rcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED' | 'BADVERS';

export interface DnsAnswer {
  rcode: Rcode;
  /** Addresses; empty with NOERROR means NODATA. */
  data: Ip[];
  ttl: number;
}

export interface Client {
  /** The address or prefix the decision was made for. */
  key: string;
  from: 'ecs' | 'source';
  row: Prefix | null;
  country?: string;
  place?: LatLon;
}

export interface Decision {
  answer: DnsAnswer;
  chosen: ClusterName | null;
  /** ECS scope prefix length. */
  scope: number;
  candidates: Candidate[];
  relaxed: Stage[];
  snapshot: Id;
  map: Id;
  client: Client;
  slot: number;
}

/** State of one lever of a hold. */
export type Lever = 'confirmed' | 'pending' | 'unreachable' | 'none';

/** What one nameserver answered when asked over DNS. */
export interface ServerView {
  cluster: ClusterName;
  ip: Ip;
  /** Clusters it answered with, over the prefixes that were asked. */
  answers: ClusterName[];
  error?: string;
}

export interface Receipt {
  hold: Hold;
  /** The held cluster's own process answers 503 on `/gslb/healthz`. */
  beacon: Lever;
  /** Nameservers that run a snapshot with this change. */
  peers: { confirmed: number; of: number };
  /** The object in each cluster. */
  api: Record<ClusterName, Lever>;
  truth: ServerView[];
  /** No server that could be asked answers the held cluster. */
  done: boolean;
  notes: string[];
}
