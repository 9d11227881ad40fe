import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { StandingApp } from '../commands/index.ts';
import type { Fact } from '../kernel/index.ts';
import type { TopicView } from './model.ts';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600];

interface FleetData {
  clusters?: { name: string; ready: boolean; reachable: boolean }[];
}

/** Changes of home of an app in the journal, and how long the last ones took. */
function homeChanges(registry: Registry): [Counter<'app' | 'what'>, Gauge<'app' | 'what'>] {
  const common = { labelNames: ['app', 'what'] as const, registers: [registry] };
  return [
    new Counter({
      ...common,
      name: 'tradewind_state_home_changes_total',
      help: 'Changes of home of an app in the journal, failovers and moves.',
    }),
    new Gauge({
      ...common,
      name: 'tradewind_state_last_home_change_seconds',
      help: 'From the ballot of the last change of home until it took writes.',
    }),
  ];
}

/** The server's own registry: nothing global, labels from closed sets only. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests: Histogram<'method' | 'route' | 'status'>;
  readonly commands: Counter<'verb' | 'door' | 'result'>;
  readonly commandSeconds: Histogram<'verb'>;
  readonly #changes: Counter<'app' | 'what'>;
  readonly #changeSeconds: Gauge<'app' | 'what'>;
  #offset = 0;
  readonly #up: Gauge<'cluster'>;
  readonly #seen: Gauge<'cluster'>;
  readonly #phase: Gauge<'app' | 'phase'>;

  constructor(o: { version: string; streams(): number; offset(): number }) {
    const registers = [this.registry];
    const gauge = (name: string, help: string, collect: () => number): void => {
      const g: Gauge = new Gauge({
        name: `tradewind_${name}`,
        help,
        registers,
        collect: () => g.set(collect()),
      });
    };
    new Gauge({
      name: 'tradewind_build_info',
      help: 'Version of this server.',
      labelNames: ['version'],
      registers,
    }).set({ version: o.version }, 1);
    gauge('sse_clients', 'Open event streams.', o.streams);
    gauge('journal_offset', 'Offset of the newest fact.', o.offset);
    this.requests = new Histogram({
      name: 'tradewind_http_request_duration_seconds',
      help: 'Requests by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: SECONDS,
      registers,
    });
    this.commands = new Counter({
      name: 'tradewind_commands_total',
      help: 'Commands that ended, by verb, door and exit code.',
      labelNames: ['verb', 'door', 'result'],
      registers,
    });
    this.commandSeconds = new Histogram({
      name: 'tradewind_command_duration_seconds',
      help: 'Time of a command of this server.',
      labelNames: ['verb'],
      buckets: SECONDS,
      registers,
    });
    [this.#changes, this.#changeSeconds] = homeChanges(this.registry);
    this.#up = new Gauge({
      name: 'tradewind_cluster_up',
      help: '1: the cluster answers.',
      labelNames: ['cluster'],
      registers,
    });
    this.#seen = new Gauge({
      name: 'tradewind_cluster_last_seen_timestamp_seconds',
      help: 'When the cluster last answered, Unix seconds.',
      labelNames: ['cluster'],
      registers,
    });
    this.#phase = new Gauge({
      name: 'tradewind_release_phase',
      help: '1 for the decision the last release of an app stands at.',
      labelNames: ['app', 'phase'],
      registers,
    });
  }

  /** Takes what the journal has beyond what was taken before. */
  journal(read: (from: number) => readonly Fact[]): void {
    for (const f of read(this.#offset + 1)) {
      this.#offset = f.offset;
      if (f.kind === 'state.failover' || f.kind === 'state.moved') this.#changed(f);
    }
  }
  #changed(f: Fact): void {
    const { app, tookMs } = f.data as { app: string; tookMs: number | null };
    const labels = { app, what: f.kind === 'state.failover' ? 'failover' : 'move' };
    this.#changes.inc(labels);
    if (tookMs !== null) this.#changeSeconds.set(labels, tookMs / 1000);
  }

  fleet(v: TopicView): void {
    for (const c of (v.data as FleetData | undefined)?.clusters ?? []) {
      this.#up.set({ cluster: c.name }, c.reachable ? 1 : 0);
      if (c.reachable) this.#seen.set({ cluster: c.name }, v.at / 1000);
    }
  }

  releases(v: TopicView): void {
    const { apps = [] } = (v.data ?? {}) as unknown as { apps?: StandingApp[] };
    if (v.data !== undefined) this.#phase.reset();
    for (const a of apps) if (a.release !== null) this.#phase.set({ app: a.app, phase: a.release.decision }, 1);
  }
}
