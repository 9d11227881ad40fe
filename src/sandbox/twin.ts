import type { Place } from '../infra/index.ts';
import { type Clock, fault, systemClock } from '../kernel/index.ts';
import type {
  Chaos,
  ChaosChange,
  ChaosKind,
  ChaosReceipt,
  Leftovers,
  SandboxEvent,
  SandboxSpec,
  SandboxView,
  Visit,
  VisitRequest,
} from './model.ts';
import { chaosFaults, healed, isOneShot, type Topology } from './plan/chaos.ts';
import { layout } from './plan/layout.ts';
import { namespaceOf } from './plan/places.ts';
import { DIFFERS, restingView } from './plan/view.ts';
import type { SandboxPort } from './ports.ts';

type Answer = (from: string, r: VisitRequest, view: SandboxView) => Partial<Visit>;

/** The twin: the same contract without a process, a file or a packet. */
export class MemorySandbox implements SandboxPort {
  readonly #dir: string;
  readonly #clock: Clock;
  #spec: SandboxSpec | undefined;
  #chaos: Chaos[] = [];
  #made = 0;
  #answer: Answer = ownCluster;

  constructor(o: { dir: string; clock?: Clock }) {
    this.#dir = o.dir;
    this.#clock = o.clock ?? systemClock;
  }

  /** What users get from now on; before: 200 from the cluster of their own name, silence while it is killed. */
  answer(f: Answer): void {
    this.#answer = f;
  }

  async *up(spec: SandboxSpec): AsyncGenerator<SandboxEvent> {
    if (this.#spec !== undefined && JSON.stringify(this.#spec) === JSON.stringify(spec)) {
      yield { at: this.#clock.now(), step: 'sandbox', state: 'note', detail: 'already up' };
    }
    this.#spec = spec;
    yield { at: this.#clock.now(), step: 'sandbox', state: 'done', ms: 0 };
  }

  async down(): Promise<Leftovers> {
    this.#spec = undefined;
    this.#chaos = [];
    return { killed: 0, ms: 0, verified: ['no process was started'], left: [] };
  }

  async status(): Promise<SandboxView> {
    const resting = restingView({ at: this.#clock.now(), dir: this.#dir, orphans: 0 });
    if (this.#spec === undefined) return resting;
    return { ...resting, ...viewOf(this.#spec), chaos: [...this.#chaos], state: 'up' };
  }

  async chaos(change: ChaosChange): Promise<ChaosReceipt> {
    return change.do === 'heal' ? this.#heal(change.what) : this.#begin(change);
  }

  async visit(r: VisitRequest): Promise<Visit[]> {
    const { users } = this.#running();
    const from = r.from ?? users.map((u) => u.name);
    const unknown = from.filter((f) => !users.some((u) => u.name === f));
    if (unknown.length > 0) throw fault('TW9010', { value: unknown.join(', ') });
    const view = await this.status();
    const one = (f: string): Visit => visitOf(f, this.#answer(f, r, view), this.#clock.now());
    return from.flatMap((f) => Array.from({ length: r.times ?? 1 }, () => one(f)));
  }

  async place(): Promise<Place> {
    this.#running();
    const l = layout(this.#dir);
    return {
      name: 'sandbox',
      env: {},
      endpoints: {},
      rootsDir: l.roots,
      lockDir: l.locks,
      ownProviders: true,
      enter: [],
    };
  }

  async enter(place: string): Promise<string[]> {
    const ns = namespaceOf(place, await this.status(), this.#running());
    if ('fault' in ns) throw fault('TW9010', { value: place, why: [ns.fault] });
    return ['tw-net', 'enter', '--dir', this.#dir, ns.name, '--'];
  }

  #running(): SandboxSpec {
    if (this.#spec === undefined) throw fault('TW9008', { value: this.#dir });
    return this.#spec;
  }

  #begin(change: ChaosChange & { do: 'begin' }): ChaosReceipt {
    const args = change.args ?? {};
    const faults = chaosFaults({ kind: change.kind, where: change.where, args }, topologyOf(this.#running()));
    if (faults.length > 0) throw fault('TW9010', { value: '/chaos', why: faults });
    const from = this.#clock.now();
    const until = change.forMs === undefined ? {} : { until: from + change.forMs };
    const id = `c${this.#made++}`;
    const one: Chaos = { id, kind: change.kind as ChaosKind, where: change.where, args, from, ...until };
    if (!isOneShot(one)) this.#chaos = [...this.#chaos, one];
    return { at: from, began: [one], healed: [], did: [`${one.kind} ${one.where}`] };
  }

  #heal(what: string | undefined): ChaosReceipt {
    this.#running();
    const gone = healed(this.#chaos, what);
    if (what !== undefined && gone.length === 0) {
      throw fault('TW9010', { value: what, why: [`nothing in force is called "${what}"`] });
    }
    this.#chaos = this.#chaos.filter((c) => !gone.includes(c));
    return { at: this.#clock.now(), began: [], healed: gone, did: gone.map((c) => `${c.kind} ${c.where} ends`) };
  }
}

function ownCluster(from: string, _: VisitRequest, view: SandboxView): Partial<Visit> {
  const killed = view.chaos.some((c) => c.kind === 'kill' && c.where === `cluster:${from}`);
  return killed ? { status: 0, error: 'no answer in time' } : { status: 200, cluster: from };
}

function visitOf(from: string, said: Partial<Visit>, at: number): Visit {
  return { from, at, answeredBy: '', status: 0, ms: 0, dnsMs: 0, ...said };
}

function viewOf(spec: SandboxSpec): Pick<SandboxView, 'cloudTime' | 'links' | 'users' | 'differs'> {
  return { cloudTime: spec.cloudTime, links: spec.links, users: spec.users.map((u) => u.name), differs: DIFFERS };
}

function topologyOf(spec: SandboxSpec): Topology {
  return {
    clusters: spec.clusters.map((c) => ({ id: c.name, cluster: c.name, region: c.region, cidr: c.network.nodes })),
    nodes: [],
    processes: ['tw-net', 'clouds', ...spec.users.map((u) => `users-${u.name}`)],
    regions: spec.regions.map((r) => r.name),
    users: spec.users.map((u) => u.name),
  };
}
