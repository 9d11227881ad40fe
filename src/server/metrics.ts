import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Fact } from '../kernel/index.ts';
import { DEFINITIONS, METRICS, type MetricName, PREFIX, type Sample } from './metrics/definitions.ts';
import { driftOf } from './metrics/machine/drift.ts';
import { commandSamples, homeSamples, reconcileSamples, releaseSamples } from './metrics/machine/samples.ts';

type Instrument = Counter | Gauge | Histogram;

function instrument(name: string, registers: Registry[]): Instrument {
  const { kind, labels, help, ...more } = DEFINITIONS[name as MetricName];
  const base = { name: `${PREFIX}${name}`, help, labelNames: labels, registers };
  if (kind === 'counter') return new Counter(base);
  return kind === 'gauge'
    ? new Gauge(base)
    : new Histogram({ ...base, ...('buckets' in more ? { buckets: [...more.buckets] } : {}) });
}

export interface MetricsDeps {
  version: string;
  streams(): number;
  offset(): number;
  chatDepth(): Readonly<Record<string, number>>;
}

/** The server's own registry: nothing global, metrics and labels from one table. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #all = new Map<string, Instrument>();
  readonly #deps: MetricsDeps;
  readonly #folds = [commandSamples(), releaseSamples(), reconcileSamples(), homeSamples];
  readonly #drift = driftOf();

  constructor(deps: MetricsDeps) {
    this.#deps = deps;
    for (const name of Object.keys(DEFINITIONS)) this.#all.set(name, instrument(name, [this.#registry]));
  }

  get type(): string {
    return this.#registry.contentType;
  }

  /** One more fact of the journal. */
  fact(f: Fact): void {
    this.#drift.hear(f);
    for (const fold of this.#folds) for (const s of fold(f)) this.record(s);
  }

  record({ name, labels, value }: Sample): void {
    const m = this.#all.get(name);
    if (m instanceof Histogram) m.observe(labels, value);
    else if (m instanceof Gauge) m.set(labels, value);
    else m?.inc(labels, value);
  }

  #ownNow(): Sample[] {
    const { version, streams, offset, chatDepth } = this.#deps;
    return [
      { name: 'build_info', labels: { version }, value: 1 },
      { name: 'sse_clients', labels: {}, value: streams() },
      { name: 'journal_offset', labels: {}, value: offset() },
      ...Object.entries(chatDepth()).map(
        ([door, value]) => ({ name: 'chat_outbox_depth', labels: { door }, value }) as const,
      ),
      ...this.#drift.samples(),
    ];
  }

  /** The text of a scrape; `looked`: what was last seen of the world, in place of what was seen before. */
  async text(looked: readonly Sample[]): Promise<string> {
    for (const name of [...Object.keys(METRICS.look), 'drift_objects', 'chat_outbox_depth'])
      this.#all.get(name)?.reset();
    for (const s of [...this.#ownNow(), ...looked]) this.record(s);
    return await this.#registry.metrics();
  }
}
