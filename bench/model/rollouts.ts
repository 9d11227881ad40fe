// A model of one Argo Rollout per cluster and a script over them, from what their pages document: a controller that
// promotes by moving a selector, takes the old pods away 30 s later, pauses before the promotion when told so, and a
// standby that waits 15 s for a lease. Not their code, and always labelled so.
import type { SimClock } from '../../test/sim/release-shell/time.ts';
import { type Make, PREPARE_MS, RESUME_MS, type Run, type Sim, type SimCluster, type Stage } from './world.ts';

const SCALE_DOWN_MS = 30_000;
const LEASE_MS = 15_000;
const REACT_MS = 30;
const LOOK_MS = 200;
/** One command: its process, a connection with TLS, the request. */
const COMMAND_MS = 100;
const COMMAND_TRIPS = 3;
const POLL_MS = 2000;
const CHECK_MS = 5000;
const TRIES = 3;

type Phase = 'Progressing' | 'Paused' | 'Healthy' | 'Degraded';

/** The controller's view of one Rollout with a blue-green strategy. */
class Rollout {
  readonly c: SimCluster;
  readonly #clock: SimClock;
  readonly #auto: boolean;
  spec = 'v1';
  active = 'v1';
  aborted = false;
  #promoted = false;
  #scaleDown = new Map<string, number>();
  #downUntil = 0;
  constructor(c: SimCluster, clock: SimClock, auto: boolean) {
    this.c = c;
    this.#clock = clock;
    this.#auto = auto;
    void this.#reconcile();
  }

  get phase(): Phase {
    if (this.aborted) return 'Degraded';
    if (this.spec === this.active) return this.c.ready(this.active) ? 'Healthy' : 'Degraded';
    return this.c.ready(this.spec) && !this.#auto ? 'Paused' : 'Progressing';
  }
  image(version: string): void {
    if (this.spec === version) return;
    [this.spec, this.aborted, this.#promoted] = [version, false, false];
    this.#scaleDown.delete(version);
  }
  promote(): void {
    if (this.spec !== this.active) this.#promoted = true;
  }
  /** Once the new version is active it is the stable one: there is nothing to go back from. */
  abort(): void {
    if (this.spec !== this.active) this.aborted = true;
  }
  /** The controller's process dies; the standby has to wait for the lease. */
  lose(): void {
    this.#downUntil = this.#clock.now() + LEASE_MS;
  }

  async #reconcile(): Promise<never> {
    for (;;) {
      await this.#clock.sleep(LOOK_MS);
      if (this.#clock.now() < this.#downUntil) continue;
      if (!this.c.pods.has(this.spec) && !this.aborted) this.c.start(this.spec);
      const kept = this.#scaleDown.has(this.spec);
      if (this.#mayMove(kept) && this.c.ready(this.spec)) await this.#move();
      for (const [version, at] of this.#scaleDown)
        if (at <= this.#clock.now() && version !== this.active) {
          this.c.pods.delete(version);
          this.#scaleDown.delete(version);
        }
    }
  }
  /** Back to pods that are still there needs no promotion. */
  #mayMove(kept: boolean): boolean {
    return this.spec !== this.active && !this.aborted && (this.#auto || this.#promoted || kept);
  }
  async #move(): Promise<void> {
    await this.#clock.sleep(REACT_MS);
    const old = this.active;
    this.active = this.spec;
    this.#promoted = false;
    this.#scaleDown.set(old, this.#clock.now() + SCALE_DOWN_MS);
  }
}

export type Manner = 'auto' | 'loop' | 'parallel';

/** The process that runs a script; commands of a dead one never end. */
interface Process {
  dead: boolean;
}

class Scripted implements Sim {
  readonly #clock: SimClock;
  readonly #roll: () => number;
  readonly #all: readonly Rollout[];
  readonly #manner: Manner;
  #strike: (n: number) => void = () => undefined;
  #steps = 0;
  #process: Process = { dead: false };
  #first: { run: Run; told: (s: Stage) => void } | undefined;

  constructor(manner: Manner, clusters: readonly SimCluster[], x: { clock: SimClock; roll: () => number }) {
    this.#manner = manner;
    this.#clock = x.clock;
    this.#roll = x.roll;
    this.#all = clusters.map((c) => new Rollout(c, x.clock, manner === 'auto'));
  }

  live(c: SimCluster): string {
    return this.#all.find((r) => r.c === c)?.active ?? '-';
  }
  onStep(strike: (n: number) => void): void {
    this.#strike = strike;
  }

  /** One command of the script at one cluster; false: it got no answer, whatever became of it. */
  async #command(p: Process, r: Rollout, work: () => void): Promise<boolean> {
    if (p.dead) await new Promise<never>(() => {});
    await this.#clock.sleep(COMMAND_MS + (COMMAND_TRIPS - 1) * r.c.rttMs);
    const went = await r.c.call(work).then(
      () => true,
      () => false,
    );
    this.#strike(++this.#steps);
    if (p.dead) await new Promise<never>(() => {});
    return went;
  }
  async #tries(p: Process, r: Rollout, work: () => void): Promise<boolean> {
    for (let i = 0; i < TRIES; i++) if (await this.#command(p, r, work)) return true;
    return false;
  }
  /** Asks for the status until it is one of these. */
  async #wait(p: Process, r: Rollout, x: { is: readonly Phase[]; ms: number }): Promise<boolean> {
    const end = this.#clock.now() + x.ms;
    while (this.#clock.now() < end) {
      let seen: Phase | undefined;
      await this.#command(p, r, () => {
        seen = r.phase;
      });
      if (seen !== undefined && x.is.includes(seen)) return true;
      await this.#clock.sleep(POLL_MS);
    }
    return false;
  }
  #each(work: (r: Rollout) => Promise<boolean>): Promise<boolean> {
    return Promise.all(this.#all.map(work)).then((all) => all.every(Boolean));
  }
  async #oneByOne(work: (r: Rollout) => Promise<boolean>): Promise<boolean> {
    let well = true;
    for (const r of this.#all) well = (await work(r)) && well;
    return well;
  }

  release(run: Run, told: (s: Stage) => void): void {
    this.#first ??= { run, told };
    const p: Process = { dead: false };
    if (this.#first.run === run) this.#process = p;
    const work = this.#manner === 'auto' ? this.#auto(p, run, told) : this.#gated(p, run, told);
    void work.then((said) => this.#say(run, said));
  }
  #say(run: Run, said: Run['said']): void {
    [run.said, run.saidAt] = [said, this.#clock.now()];
  }

  async #auto(p: Process, run: Run, told: (s: Stage) => void): Promise<Run['said']> {
    told('start');
    told('flip');
    const sent = await this.#oneByOne((r) => this.#tries(p, r, () => r.image(run.version)));
    const well = await this.#each((r) => this.#wait(p, r, { is: ['Healthy'], ms: PREPARE_MS }));
    if (!sent || !well) return 'failed';
    return this.#soaked(p, run, told);
  }

  async #gated(p: Process, run: Run, told: (s: Stage) => void): Promise<Run['said']> {
    told('start');
    const sent = await this.#each((r) => this.#tries(p, r, () => r.image(run.version)));
    const gate = { is: ['Paused', 'Healthy'], ms: PREPARE_MS } as const;
    const ready = await this.#each((r) => this.#wait(p, r, gate));
    if (!sent || !ready) return this.#abortAll(p);
    told('prepared');
    told('commit');
    const promote = async (r: Rollout): Promise<boolean> => {
      const went = await this.#tries(p, r, () => r.promote());
      return (await this.#wait(p, r, { is: ['Healthy'], ms: PREPARE_MS })) && went;
    };
    told('flip');
    const well = await (this.#manner === 'loop' ? this.#oneByOne(promote) : this.#each(promote));
    if (well) return this.#soaked(p, run, told);
    return this.#manner === 'parallel' ? this.#abortAll(p) : 'failed';
  }
  async #abortAll(p: Process): Promise<Run['said']> {
    await this.#each((r) => this.#tries(p, r, () => r.abort()));
    return 'failed';
  }

  /** Looks for a while; one that is not healthy takes all back. */
  async #soaked(p: Process, run: Run, told: (s: Stage) => void): Promise<Run['said']> {
    told('soak');
    const end = this.#clock.now() + run.soakMs;
    while (this.#clock.now() < end) {
      await this.#clock.sleep(CHECK_MS);
      const bad: Rollout[] = [];
      await this.#each((r) => this.#command(p, r, () => void (r.phase === 'Degraded' && bad.push(r))));
      if (bad.length > 0) return this.#undo(p, told);
    }
    told('end');
    return 'done';
  }
  /** The old template again, and promoted. */
  async #undo(p: Process, told: (s: Stage) => void): Promise<Run['said']> {
    told('back');
    const one = async (r: Rollout): Promise<boolean> => {
      if (!(await this.#tries(p, r, () => r.image('v1')))) return false;
      await this.#wait(p, r, { is: ['Paused', 'Healthy'], ms: PREPARE_MS });
      await this.#tries(p, r, () => r.promote());
      return this.#wait(p, r, { is: ['Healthy'], ms: PREPARE_MS });
    };
    await (this.#manner === 'parallel' ? this.#each(one) : this.#oneByOne(one));
    return 'failed';
  }

  /** By chance the script dies, or the controller of one cluster. */
  kill(): void {
    if (this.#roll() < 0.5) {
      this.#all[Math.floor(this.#roll() * this.#all.length)]?.lose();
      return;
    }
    this.#process.dead = true;
    const first = this.#first;
    if (first !== undefined) void this.#clock.sleep(RESUME_MS).then(() => this.release(first.run, first.told));
  }
  rollback(run: Run): void {
    run.said = undefined;
    void this.#undo(this.#process, () => undefined).then((said) => this.#say(run, said));
  }
  abort(run: Run): void {
    run.said = undefined;
    void this.#abortAll(this.#process).then((said) => this.#say(run, said));
  }
}

export const rollouts =
  (manner: Manner): Make =>
  async (clusters, clock, roll) =>
    new Scripted(manner, clusters, { clock, roll });
