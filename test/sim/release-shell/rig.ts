import type { ReleaseConfig } from '../../../src/config/index.ts';
import { type Journal, memoryJournal, type Store } from '../../../src/kernel/index.ts';
import { noEvidence } from '../../../src/release/evidence.ts';
import type { ReleaseRecord } from '../../../src/release/model.ts';
import { planRelease } from '../../../src/release/plan.ts';
import type { ReleasePorts } from '../../../src/release/ports.ts';
import { ask, claim, registerOf, takeover } from '../../../src/release/register.ts';
import { drive, type End } from '../../../src/release/shell.ts';
import { WorldTwin } from '../../../src/release/twin.ts';
import {
  looseSwitch,
  repeatedSwitch,
  repeatedWorkloads,
  stormyBrakes,
  stormyStore,
  stormyWorkloads,
  Weather,
} from './faults.ts';
import { BLUE, broken, CLUSTERS, GREEN, skewed, unfinished, voteless } from './laws.ts';
import { type Fate, Life, portsOf } from './life.ts';
import { dice, SimClock } from './time.ts';

/** One simulated release. Times in simulated milliseconds. */
export interface Scenario {
  seed: number;
  /** Probability of a fault per call. */
  rate: number;
  waves: boolean;
  fate?: Fate;
  takeoverAt?: number;
  rollbackAt?: number;
  cut?: { cluster: number; from: number; ms: number };
  /** A green that never gets ready (`from` 0), or loses its pods. */
  bad?: { cluster: number; from: number };
  giveUpAt?: number;
  /** The switch driver has no fence: to see that the laws notice. */
  loose?: boolean;
}

export const HEAL_MS = 60_000;
const LAST_MS = 1_200_000;

export const CONFIG: ReleaseConfig = {
  driver: 'httproute',
  strategy: 'atomic',
  soak: 2000,
  lastSoak: 2000,
  keepBlue: 10_000,
  prepare: { timeout: 30_000, checks: [], require: 'all' },
  skew: { max: 5000, onMissed: 'brake' },
  judge: { errors: 0.01, factor: 2, latency: 1.5, requests: 100, probes: 0, path: '/' },
  approve: [],
  acceptLoss: false,
};

export class Rig {
  readonly clock: SimClock;
  readonly weather: Weather;
  readonly world: WorldTwin;
  readonly log: string[] = [];
  readonly #x: Scenario;
  readonly #store: Store;
  readonly #plain: Store;
  #before: ReleaseRecord | undefined;
  #fault: string | undefined;
  #step = '';

  constructor(x: Scenario) {
    const roll = dice(x.seed);
    this.#x = x;
    this.clock = new SimClock(roll);
    this.weather = new Weather(this.clock, roll, x.rate);
    this.world = new WorldTwin(this.clock, { faults: (call) => this.weather.switchFault(call) });
    ({ store: this.#store, plain: this.#plain } = stormyStore(this.weather, (key, value) => {
      if (key === 'release/shop') this.#check(value as unknown as ReleaseRecord);
    }));
  }

  ports(life: Life, journal: Journal = memoryJournal(this.clock)): ReleasePorts {
    const ports = { ...this.world.ports('shop', this.#store), journal };
    const taken = (what: string): void => void (this.#fault ??= `replay: ${what} was taken twice`);
    const { roll } = this.weather;
    const stormy = {
      ...ports,
      switches:
        this.#x.loose === true
          ? looseSwitch(ports.switches, this.weather)
          : repeatedSwitch(ports.switches, roll, taken),
      workloads: stormyWorkloads(repeatedWorkloads(ports.workloads, roll, taken), this.weather),
      brakes: stormyBrakes(ports.brakes, this.weather),
    };
    return portsOf(stormy, this.#store, life);
  }

  /** As the register has it. */
  get record(): ReleaseRecord | undefined {
    return this.#before;
  }

  say(line: string): void {
    this.log.push(`${String(Math.round(this.clock.now())).padStart(7)} ${line}`);
  }

  /** All clusters on blue, the release claimed. */
  async begin(journal?: Journal): Promise<ReleaseRecord> {
    this.weather.healed = true;
    for (const c of CLUSTERS) await this.world.stand(c, BLUE);
    this.weather.healed = false;
    const plan = planRelease({
      app: 'shop',
      green: GREEN,
      config: { ...CONFIG, strategy: this.#x.waves ? 'waves' : 'atomic' },
      clusters: CLUSTERS.map((name) => ({ name, live: BLUE, refused: [] })),
    });
    const register = registerOf('shop', this.#plain, journal ?? memoryJournal(this.clock));
    return await claim(register, { plan, by: 'ana', seenEpoch: 0, clock: this.clock });
  }

  /** A shell that goes on with the record it claimed. */
  async shell(name: string, mine: ReleaseRecord, ports: ReleasePorts): Promise<End | undefined> {
    this.say(`${name} drives epoch ${mine.epoch}`);
    try {
      return await drive(ports, mine, {
        checks: [],
        evidence: noEvidence('pass'),
        signal: new AbortController().signal,
        show: () => undefined,
        ask: () => undefined,
        leaveAt: 'clean',
      });
    } catch (e) {
      this.say(`${name} stops: ${e instanceof Error ? e.message.split('\n')[0] : String(e)}`);
      return undefined;
    }
  }
  async takeover(name: string, ports = this.ports(new Life(this.clock, undefined))): Promise<End | undefined> {
    const register = registerOf('shop', this.#plain, memoryJournal(this.clock));
    const mine = await takeover(register, 'shop', { clock: this.clock });
    return await this.shell(name, mine, ports);
  }
  async ask(kind: 'rollback' | 'giveUp', cluster?: string): Promise<void> {
    const register = registerOf('shop', this.#plain, memoryJournal(this.clock));
    const request = { kind, by: 'bo', at: this.clock.now(), ...(cluster === undefined ? {} : { cluster }) };
    await ask(register, 'shop', { request, may: () => undefined });
    this.say(`a person asks: ${kind} ${cluster ?? ''}`);
  }

  /** Runs the world until `stop`, with all laws after every event. Throws at the first that breaks. */
  async run(stop: () => boolean, most = LAST_MS): Promise<void> {
    await this.clock.run(
      () => this.#fault !== undefined || stop(),
      most,
      () => this.#check(this.#before),
    );
    if (this.#fault !== undefined) throw new Error(this.#fault);
  }

  #check(r: ReleaseRecord | undefined): void {
    if (r === undefined) return;
    const before = this.#before;
    const step = `register: ${r.decision}, wave ${r.wave}, ${r.step}, epoch ${r.epoch}`;
    if (step !== this.#step) this.say(`${step}${this.#lanes()}`);
    this.#step = step;
    const commits = before?.decision === 'preparing' && r.decision === 'committed';
    const law = broken(this.world, r, before) ?? (commits ? voteless(this.world, r) : this.#skew(r));
    this.#fault ??= law;
    this.#before = r;
  }
  /** Only shells that live and can write the register keep the skew. */
  #skew(r: ReleaseRecord): string | undefined {
    if (this.#x.rate > 0 || this.#x.fate !== undefined || this.#x.takeoverAt !== undefined) return undefined;
    return skewed(this.world, r, this.clock.now());
  }
  #lanes(): string {
    return CLUSTERS.map((c) => {
      const sw = this.world.switches.seen(c).state;
      const marks = [this.world.cut.has(c) ? ' cut' : '', this.world.braked.has(c) ? ' braked' : ''].join('');
      return ` | ${c} ${sw?.live}${sw?.vote === true ? ' vote' : ''}${marks}`;
    }).join('');
  }
  unfinished(): string | undefined {
    return this.#before === undefined ? 'L no record' : unfinished(this.world, this.#before);
  }
}
