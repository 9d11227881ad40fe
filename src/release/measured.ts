import type { ReleaseConfig } from '../config/index.ts';
import type { ClusterName } from '../kernel/index.ts';
import type { Evidence, RoundFacts } from './evidence.ts';
import { type JudgeSample, type JudgeState, judgeStart, judgeStep, verdictOf } from './machine/judge.ts';
import { type Counters, isOpen, type ReleaseRecord, type Verdict, type VersionId } from './model.ts';
import type { ReleasePorts } from './ports.ts';
import { Probes } from './probes.ts';

const SAMPLE_MS = 1000;
/** A version that lost its users longer ago than `quietMs` needs only so much quiet seen by this process. */
const SHORT_QUIET_MS = 3000;

interface Quiet {
  requests: number;
  since: number;
}

/** Evidence from the gateway's counters: one judge per cluster, fed once a second without waiting for anybody. */
export class Measured implements Evidence {
  readonly #ports: ReleasePorts;
  readonly #judge: ReleaseConfig['judge'];
  readonly #probes: Probes;
  readonly #judges = new Map<ClusterName, JudgeState>();
  readonly #quiet = new Map<ClusterName, Quiet>();
  readonly #flippedAt = new Map<ClusterName, number>();
  readonly #counters = new Map<string, Counters>();
  #record: ReleaseRecord | undefined;
  #masked = false;
  #last = Number.NEGATIVE_INFINITY;
  #busy = false;

  constructor(ports: ReleasePorts, judge: ReleaseConfig['judge']) {
    this.#ports = ports;
    this.#judge = judge;
    this.#probes = new Probes(ports, { perSecond: judge.probes, path: judge.path });
  }

  verdict(c: ClusterName): Verdict {
    const state = this.#judges.get(c);
    if (state === undefined) return { is: 'unknown', why: [] };
    return verdictOf(state, this.#ports.clock.now());
  }

  quiet(c: ClusterName): boolean {
    const q = this.#quiet.get(c);
    const r = this.#record;
    if (q === undefined || r === undefined) return false;
    const now = this.#ports.clock.now();
    const wanted = now - r.since > r.terms.quietMs ? SHORT_QUIET_MS : r.terms.quietMs;
    return now - q.since >= wanted;
  }

  round(r: ReleaseRecord, facts: RoundFacts): void {
    this.#record = r;
    const now = this.#ports.clock.now();
    for (const c of facts.serving) if (!this.#flippedAt.has(c)) this.#flippedAt.set(c, now);
    if (isOpen(r) && r.decision !== 'aborting' && r.step !== 'keep') this.#probes.on(r.members);
    else this.#probes.off();
    if (this.#busy || now - this.#last < SAMPLE_MS) return;
    this.#last = now;
    this.#busy = true;
    void this.#sample(r, facts).finally(() => {
      this.#busy = false;
    });
  }

  close(): void {
    this.#probes.off();
  }

  async #sample(r: ReleaseRecord, facts: RoundFacts): Promise<void> {
    const read = async (c: ClusterName, version: VersionId): Promise<void> => {
      const found = await this.#ports.metrics.read(c, version).catch(() => undefined);
      if (found === undefined) this.#counters.delete(`${c} ${version}`);
      else this.#counters.set(`${c} ${version}`, found);
    };
    const mask = async (): Promise<void> => {
      this.#masked = await this.#ports.failover().catch(() => false);
    };
    await Promise.all([mask(), ...r.members.flatMap((c) => [read(c, r.green), read(c, r.blue[c] ?? r.green)])]);
    for (const c of r.members) {
      if (r.decision === 'committed' || r.decision === 'preparing') this.#judgeOne(r, c, facts);
      if (!isOpen(r)) this.#quietOne(r, c);
    }
  }

  #of(c: ClusterName, version: VersionId | undefined): Counters | undefined {
    return version === undefined ? undefined : this.#counters.get(`${c} ${version}`);
  }

  #judgeOne(r: ReleaseRecord, c: ClusterName, facts: RoundFacts): void {
    const now = this.#ports.clock.now();
    const others = r.members
      .filter((o) => o !== c && !facts.serving.includes(o))
      .flatMap((o) => {
        const counters = this.#of(o, r.blue[o]);
        return counters === undefined ? [] : [[o, counters] as const];
      });
    const sample: JudgeSample = {
      at: now,
      stage: this.#stageOf(c, now),
      blue: this.#of(c, r.blue[c]),
      green: this.#of(c, r.green),
      restarts: facts.restarts[c],
      others: Object.fromEntries(others),
      masked: this.#masked,
    };
    this.#judges.set(c, judgeStep(this.#judges.get(c) ?? judgeStart(c, this.#judge), sample));
  }

  #stageOf(c: ClusterName, now: number): JudgeSample['stage'] {
    const flipped = this.#flippedAt.get(c);
    if (flipped === undefined) return 'before';
    return now - flipped < this.#ports.switches.lagMs(c) ? 'settle' : 'soak';
  }

  #quietOne(r: ReleaseRecord, c: ClusterName): void {
    const counters = this.#of(c, r.decision === 'done' ? r.blue[c] : r.green);
    if (counters === undefined) return;
    const old = this.#quiet.get(c);
    if (old?.requests === counters.requests) return;
    this.#quiet.set(c, { requests: counters.requests, since: this.#ports.clock.now() });
  }
}
