type Label = 'app' | 'cluster' | 'code' | 'door' | 'phase' | 'result' | 'verb' | 'version';

interface Definition {
  kind: 'counter' | 'gauge' | 'histogram';
  /** From closed sets or the config: never a release, a pod, a person or an address. */
  labels: readonly Label[];
  help: string;
  /** Upper bounds in seconds, of a histogram. */
  buckets?: readonly number[];
}

const SHORT = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LONG = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];
const STEPS = [1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400];
const APART = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Where a value comes from; the reference says it. */
export const SOURCES = {
  process: 'This server itself.',
  journal: 'The journal, from its first fact on: a restart of the server loses none.',
  look: 'The last look at the clusters and the store. A scrape starts none and waits for none: the server looks every 15 s while it is scraped, and what is older than 60 s is left out.',
} as const;

const inSource = <const T extends Record<string, Definition>>(all: T): T => all;

const PROCESS = inSource({
  build_info: { kind: 'gauge', labels: ['version'], help: 'Always 1; the version of this server.' },
  sse_clients: { kind: 'gauge', labels: [], help: 'Open event streams.' },
  journal_offset: { kind: 'gauge', labels: [], help: 'Offset of the newest fact.' },
  http_request_duration_seconds: {
    kind: 'histogram',
    labels: ['door', 'verb', 'code'],
    help: 'Requests until their answer begins. door: http (the API), web (the dashboard), hook (a chat platform), probe; verb: empty for what is no verb; code: the HTTP status.',
    buckets: SHORT,
  },
  chat_outbox_depth: {
    kind: 'gauge',
    labels: ['door'],
    help: 'Cards that a chat does not show as they are yet, by chat.',
  },
});

const JOURNAL = inSource({
  commands_total: {
    kind: 'counter',
    labels: ['verb', 'door', 'result'],
    help: 'Commands that ended and change something or make it safer, of all doors; over HTTP also votes and rules. result: the exit code.',
  },
  command_duration_seconds: {
    kind: 'histogram',
    labels: ['verb', 'door'],
    help: 'From the start of a command to its end, waits for people and for its turn included.',
    buckets: STEPS,
  },
  releases_total: {
    kind: 'counter',
    labels: ['app', 'result'],
    help: 'Releases that ended; result: done, rolledback.',
  },
  release_step_duration_seconds: {
    kind: 'histogram',
    labels: ['app', 'phase'],
    help: 'How long a release was in a phase: preparing, flip, soak, keep, aborting; flip and soak once a wave.',
    buckets: STEPS,
  },
  state_home_changes_total: {
    kind: 'counter',
    labels: ['app', 'result'],
    help: 'Changes of home of the state of an app; result: failover, move.',
  },
  state_home_change_duration_seconds: {
    kind: 'histogram',
    labels: ['app', 'result'],
    help: 'From the ballot of a change of home until the new one took writes.',
    buckets: APART,
  },
  flip_skew_seconds: {
    kind: 'histogram',
    labels: ['app'],
    help: 'Between the first and the last flip of a wave with several clusters.',
    buckets: APART,
  },
  rollback_duration_seconds: {
    kind: 'histogram',
    labels: ['app'],
    help: 'From the decision to roll back until every cluster of the release is back.',
    buckets: LONG,
  },
  reconcile_duration_seconds: {
    kind: 'histogram',
    labels: ['cluster', 'phase'],
    help: '`tw up` on one cluster until it is as configured; phase: infra (terraform), apps (one app). Only where something was to be done.',
    buckets: LONG,
  },
  reconcile_failures_total: {
    kind: 'counter',
    labels: ['cluster', 'phase', 'code'],
    help: '`tw up` that did not get one cluster as configured; code: of the error catalogue.',
  },
  drift_objects: {
    kind: 'gauge',
    labels: ['cluster'],
    help: 'Cloud resources and objects that differed from the config at the last `tw plan` or `tw up`, less those that were made as configured since. A cluster that could not be planned has none.',
  },
});

const LOOK = inSource({
  cluster_up: { kind: 'gauge', labels: ['cluster'], help: '1: the cluster answers; 0: it does not.' },
  cluster_last_seen_timestamp_seconds: {
    kind: 'gauge',
    labels: ['cluster'],
    help: 'When the cluster answered last, in Unix seconds. Never left out for its age.',
  },
  release_phase: {
    kind: 'gauge',
    labels: ['app', 'phase'],
    help: '1 for the phase of the last release: preparing, flip, soak, keep, aborting, done, rolledback.',
  },
  traffic_share_ratio: {
    kind: 'gauge',
    labels: ['app', 'cluster'],
    help: 'Part of the users that the nameservers send to a cluster; every prefix of the latency map counts the same.',
  },
  traffic_rtt_seconds: {
    kind: 'gauge',
    labels: ['app', 'cluster'],
    help: 'Mean round trip of the users that are sent to a cluster, as the latency map knows it.',
  },
  dns_answers_total: {
    kind: 'counter',
    labels: ['cluster', 'code'],
    help: 'Answers of the nameserver of a cluster since it started; code: the DNS response code.',
  },
  state_lag_seconds: {
    kind: 'gauge',
    labels: ['app', 'cluster'],
    help: 'How far a copy of shared state is behind; home has 0, a copy that does not count has none.',
  },
  state_epoch: {
    kind: 'gauge',
    labels: ['app', 'cluster'],
    help: 'Number of the change of home that a cluster has applied.',
  },
  state_home: {
    kind: 'gauge',
    labels: ['app', 'cluster'],
    help: '1 for the cluster that takes the writes, 0 for the others; none where all of them do.',
  },
  lock_held: {
    kind: 'gauge',
    labels: ['app', 'verb'],
    help: 'Commands that have their turn and hold off others; verb lock, freeze: those that persons or the calendar raised. app: empty for the fleet.',
  },
});

export const METRICS = { process: PROCESS, journal: JOURNAL, look: LOOK } as const;
export const DEFINITIONS = { ...PROCESS, ...JOURNAL, ...LOOK } as const;

export type MetricName = keyof typeof DEFINITIONS;
/** A value for a metric: set, added or observed, as its kind says. */
export type Sample = {
  [N in MetricName]: {
    name: N;
    labels: Readonly<Record<(typeof DEFINITIONS)[N]['labels'][number], string>>;
    value: number;
  };
}[MetricName];

export const PREFIX = 'tradewind_';
