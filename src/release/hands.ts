import { causes, toJson, within } from '../kernel/index.ts';
import type { Doing, ReleaseRecord, SwitchAction, SwitchState, WorkloadAction, WorkloadState } from './model.ts';
import type { Put, ReleasePorts } from './ports.ts';
import { registerOf } from './register.ts';

/** Longer than this a write is `unknown`: it may still land, its fence tells. */
const WRITE_MS = 5000;
/** A look that began before a write is over has come in by then. Milliseconds. */
const LOOK_MS = 5000;
/** A round waits so long for its writes; then they end alone, so that one slow cluster holds up no other. */
const PATIENCE_MS = 1000;

export interface Did {
  app: string;
  release: string;
  do: Doing['do'] | 'pin';
  cluster: string;
  put: Put | 'failed';
  why?: string;
}

function switchAfter(r: ReleaseRecord, a: SwitchAction, live: string): Omit<SwitchState, 'uid'> {
  const target = { vote: live, flip: r.green, back: r.blue[a.cluster] ?? r.green };
  return { fence: a.from.fence + 1, epoch: a.epoch, release: r.release, vote: a.do === 'vote', live: target[a.do] };
}

/**
 * Performs actions through the ports, side by side. A slow one is left to finish alone: nothing waits for it
 * longer than WRITE_MS, and it is not started again before it ended.
 */
export class Hands {
  readonly #ports: ReleasePorts;
  readonly #busy = new Set<string>();
  #closed = false;
  #fault: unknown;
  /** Fence that green was made from, and when. */
  readonly #made = new Map<string, { fence: number; at: number }>();
  readonly #told: (did: Did) => void;
  constructor(ports: ReleasePorts, told: (did: Did) => void) {
    this.#ports = ports;
    this.#told = told;
  }

  /** This process has made, or made sure of, green on the cluster. */
  claimed(r: ReleaseRecord, cluster: string): boolean {
    return this.#made.has(`${r.release} ${cluster}`);
  }
  /** What must end this process: the journal cannot be written any more. */
  get fault(): unknown {
    return this.#fault;
  }
  get busy(): boolean {
    return this.#busy.size > 0;
  }
  /** What is still under way ends alone; nobody hears of it any more. */
  close(): void {
    this.#closed = true;
  }

  /** Switches side by side, the rest in the background. */
  async perform(r: ReleaseRecord, actions: readonly Doing[], facts: Facts): Promise<void> {
    const all = Promise.all(actions.map((a) => this.#one(r, a, facts)));
    await within(this.#ports.clock, PATIENCE_MS, all, () => []);
  }

  async #one(r: ReleaseRecord, a: Doing, facts: Facts): Promise<void> {
    const key = `${a.do} ${a.cluster}`;
    if (this.#busy.has(key) || this.#isMade(r, a)) return;
    this.#busy.add(key);
    const work = this.#start(r, a, facts).finally(() => this.#busy.delete(key));
    const slow = a.do === 'makeGreen' || a.do === 'retire' || a.do === 'brake' || a.do === 'lift';
    if (slow) {
      // Takes seconds: the next rounds see what became of it.
      void this.#report(r, a, work);
      return;
    }
    await this.#report(
      r,
      a,
      within(this.#ports.clock, WRITE_MS, work, () => 'unknown'),
    );
    if (a.do === 'flip') void this.#pin(r, a.cluster, facts);
  }

  /** Idle blue must not shrink while it is the way back: its autoscaler keeps the count it had. */
  async #pin(r: ReleaseRecord, cluster: string, facts: Facts): Promise<void> {
    const blue = facts.blue(cluster);
    const version = r.blue[cluster];
    const key = `pin ${cluster}`;
    if (blue === undefined || version === undefined || version === r.green || this.#busy.has(key)) return;
    this.#busy.add(key);
    const work = this.#ports.workloads.makeGreen(cluster, version, blue.ready, blue.fence);
    await this.#report(
      r,
      { do: 'pin', cluster },
      work.finally(() => this.#busy.delete(key)),
    );
  }

  async #report(r: ReleaseRecord, a: Pick<Did, 'do' | 'cluster'>, work: Promise<Put>): Promise<void> {
    const base = { app: r.app, release: r.release, do: a.do, cluster: a.cluster };
    const did: Did = await work.then(
      (put): Did => ({ ...base, put }),
      (e: unknown): Did => ({ ...base, put: 'failed', why: causes(e)[0] ?? 'failed' }),
    );
    if (this.#closed) return;
    try {
      this.#ports.journal.append({ kind: 'release.did', cluster: a.cluster, data: toJson(did) });
    } catch (e) {
      this.#fault = e;
    }
    this.#told(did);
  }

  async #start(r: ReleaseRecord, a: Doing, facts: Facts): Promise<Put> {
    const { switches, brakes } = this.#ports;
    switch (a.do) {
      case 'vote':
      case 'flip':
      case 'back': {
        const to = switchAfter(r, a, facts.live(a.cluster));
        return await switches.write(a.cluster, a.from, to, keeps(r, a.cluster));
      }
      case 'makeGreen':
        return await this.#make(r, a, facts.blue(a.cluster)?.ready ?? 0);
      case 'retire':
        return await this.#retire(r, a);
      case 'brake':
        await brakes.brake(a.cluster, a.why);
        return 'ok';
      case 'lift':
        return await this.#lift(r, a.cluster);
    }
  }

  #record(): Promise<ReleaseRecord | undefined> {
    const { app, store, journal } = this.#ports;
    return registerOf(app, store, journal)
      .read()
      .then((held) => held.record);
  }
  /** The present shell, in the decision it acts on: asked once more where a write has no fence of its own. */
  async #isPresent(r: ReleaseRecord, cluster: string): Promise<boolean> {
    const record = await this.#record();
    const same = record?.release === r.release && record.epoch === r.epoch && record.decision === r.decision;
    return same && record.members.includes(cluster);
  }

  async #make(r: ReleaseRecord, a: WorkloadAction, replicas: number): Promise<Put> {
    const { workloads, clock } = this.#ports;
    const put = await workloads.makeGreen(a.cluster, a.version, replicas, a.fence);
    if (put !== 'ok') return put;
    if (isOver(await this.#record(), r, a)) {
      await workloads.retire(a.cluster, a.version, a.fence + 1);
      return 'stale';
    }
    this.#made.set(`${r.release} ${a.cluster}`, { fence: a.fence, at: clock.monotonic() });
    return put;
  }

  /** Made a moment ago from the same look: the next look has not come in yet. */
  #isMade(r: ReleaseRecord, a: Doing): boolean {
    if (a.do !== 'makeGreen') return false;
    const made = this.#made.get(`${r.release} ${a.cluster}`);
    return made?.fence === a.fence && this.#ports.clock.monotonic() - made.at < LOOK_MS;
  }

  async #lift(r: ReleaseRecord, cluster: string): Promise<Put> {
    if (!(await this.#isPresent(r, cluster))) return 'stale';
    await this.#ports.brakes.lift(cluster);
    return 'ok';
  }

  /** The preview and the weight-0 backend go first: a route must never name a Service that is gone. */
  async #retire(r: ReleaseRecord, a: WorkloadAction): Promise<Put> {
    const { switches, workloads } = this.#ports;
    await switches.unpreview(a.cluster);
    const sw = await switches.read(a.cluster);
    if (sw === undefined || sw.live === a.version || sw.epoch > r.epoch) return 'stale';
    const { uid, fence, ...rest } = sw;
    const put = await switches.write(a.cluster, { uid, fence }, { ...rest, fence: fence + 1, vote: false }, []);
    if (put !== 'ok') return put;
    const gone = await workloads.retire(a.cluster, a.version, a.fence);
    if (gone === 'ok') await workloads.settle(a.cluster, sw.live);
    return gone;
  }
}

/**
 * The version was made after its release had gone back, by a call that took long, and no later release knows it: a
 * version that was retired has no fence any more that would have stopped it.
 */
function isOver(now: ReleaseRecord | undefined, r: ReleaseRecord, a: WorkloadAction): boolean {
  if (now === undefined) return false;
  if (now.release === r.release) return now.decision === 'rolledback' && now.blue[a.cluster] !== a.version;
  return now.green !== a.version && now.blue[a.cluster] !== a.version;
}

export interface Facts {
  live(cluster: string): string;
  /** Blue as last seen; green is made as large. */
  blue(cluster: string): WorkloadState | undefined;
}

/** The old and the new version, in this order and also when they are the same: a lost register is read from it. */
const keeps = (r: ReleaseRecord, c: string): string[] => [r.blue[c] ?? r.green, r.green];
