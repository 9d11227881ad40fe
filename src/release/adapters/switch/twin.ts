import { type ClusterName, fault } from '../../../kernel/index.ts';
import type { Reason, SwitchState, VersionId } from '../../model.ts';
import type { Put, Switch, SwitchSight } from '../../ports.ts';

export interface SwitchCall {
  do: 'refuse' | 'read' | 'create' | 'write' | 'inspect' | 'adopt' | 'preview' | 'unpreview';
  cluster: ClusterName;
}
/** `delay`: effect and answer come after `until`. `late`: `unknown` now, the effect after `until`. */
export type SwitchFault =
  | { is: 'delay' | 'late'; until: Promise<unknown> }
  /** It happens, the answer is lost. */
  | { is: 'lost' }
  /** Nothing happens, and the answer says so; for `create` and `write`. */
  | { is: 'stale' }
  /** Nothing happens and no answer comes. */
  | { is: 'unreachable' };

interface One {
  state?: SwitchState;
  known: readonly VersionId[];
  preview?: VersionId;
  edited?: string;
}
export interface TwinOptions {
  lagMs?: number;
  /** Asked before every call. */
  faults?: (call: SwitchCall) => SwitchFault | undefined;
  refuse?: (c: ClusterName) => readonly Reason[];
}

/** Switches in memory, without timers: what waits, waits for promises of the caller. */
export class SwitchTwin implements Switch {
  readonly fenced = true;
  readonly #options: TwinOptions;
  readonly #all = new Map<ClusterName, One>();
  #uids = 0;

  constructor(options: TwinOptions = {}) {
    this.#options = options;
  }

  /** The switch as it is, whatever the faults: for the checks of a simulation. */
  seen(c: ClusterName): Readonly<One> {
    return this.#one(c);
  }
  /** Somebody edits it by hand: reads and writes are TW7021 until it is put back (`undefined`). */
  edit(c: ClusterName, how: string | undefined): void {
    const one = this.#one(c);
    if (how === undefined) delete one.edited;
    else one.edited = how;
  }
  /** Somebody deletes it. */
  vanish(c: ClusterName): void {
    this.#all.delete(c);
  }

  async refuse(c: ClusterName): Promise<readonly Reason[]> {
    return await this.#ask({ do: 'refuse', cluster: c }, () => this.#options.refuse?.(c) ?? []);
  }

  async read(c: ClusterName): Promise<SwitchState | undefined> {
    return await this.#ask({ do: 'read', cluster: c }, () => {
      const { state } = this.#sound(c);
      return state === undefined ? undefined : { ...state };
    });
  }

  async create(c: ClusterName, live: VersionId): Promise<Put> {
    return await this.#put({ do: 'create', cluster: c }, () => {
      const one = this.#one(c);
      if (one.state !== undefined) return 'stale';
      one.state = { uid: `switch-${++this.#uids}`, fence: 0, epoch: 0, release: '', vote: false, live };
      one.known = [live];
      return 'ok';
    });
  }

  async write(
    c: ClusterName,
    from: { uid: string; fence: number },
    to: Omit<SwitchState, 'uid'>,
    keep: readonly VersionId[],
  ): Promise<Put> {
    return await this.#put({ do: 'write', cluster: c }, () => {
      const { state } = this.#one(c);
      if (state?.uid !== from.uid || state.fence !== from.fence || to.epoch < state.epoch) return 'stale';
      const one = this.#sound(c);
      one.state = { uid: state.uid, ...to };
      one.known = keep.length > 0 ? keep : [to.live];
      return 'ok';
    });
  }

  async inspect(c: ClusterName): Promise<SwitchSight | undefined> {
    return await this.#ask({ do: 'inspect', cluster: c }, () => {
      const { state, known, edited } = this.#one(c);
      if (state === undefined) return undefined;
      const at = `${state.fence} ${edited ?? ''}`;
      const base = { uid: state.uid, at, noted: { ...state }, versions: known };
      if (edited === undefined) return { ...base, serves: state.live };
      return { ...base, wrong: { code: 'TW7021', say: edited, cluster: c } };
    });
  }

  async adopt(
    c: ClusterName,
    from: Pick<SwitchSight, 'uid' | 'at'>,
    to: Omit<SwitchState, 'uid'>,
    keep: readonly VersionId[],
  ): Promise<Put> {
    return await this.#put({ do: 'adopt', cluster: c }, () => {
      const one = this.#one(c);
      const { state } = one;
      if (state?.uid !== from.uid || `${state.fence} ${one.edited ?? ''}` !== from.at) return 'stale';
      delete one.edited;
      one.state = { uid: state.uid, ...to };
      one.known = keep.length > 0 ? keep : [to.live];
      return 'ok';
    });
  }

  async preview(c: ClusterName, version: VersionId): Promise<void> {
    await this.#ask({ do: 'preview', cluster: c }, () => {
      this.#one(c).preview = version;
    });
  }
  async unpreview(c: ClusterName): Promise<void> {
    await this.#ask({ do: 'unpreview', cluster: c }, () => {
      delete this.#one(c).preview;
    });
  }
  lagMs(): number {
    return this.#options.lagMs ?? 0;
  }

  #one(c: ClusterName): One {
    const one = this.#all.get(c) ?? { known: [] };
    this.#all.set(c, one);
    return one;
  }
  #sound(c: ClusterName): One {
    const one = this.#one(c);
    if (one.edited !== undefined) throw fault('TW7021', { value: `switch on ${c}`, why: [one.edited] });
    return one;
  }

  /** A question, or a change that is the same when it is made twice. Throws where no answer comes. */
  async #ask<T>(call: SwitchCall, work: () => T): Promise<T> {
    const done = await this.#play(call, work);
    if (done === undefined || done.lost) throw new Error(`${call.cluster} gives no answer to ${call.do}`);
    return done.value;
  }

  async #put(call: SwitchCall, work: () => Put): Promise<Put> {
    const done = await this.#play<Put>(call, work);
    return done === undefined || done.lost ? 'unknown' : done.value;
  }

  /** Plays the fault of this call; `undefined` = no answer comes. */
  async #play<T>(call: SwitchCall, work: () => T): Promise<{ value: T; lost: boolean } | undefined> {
    await Promise.resolve();
    const bad = this.#options.faults?.(call);
    switch (bad?.is) {
      case 'unreachable':
        return undefined;
      case 'stale':
        return { value: 'stale' as T, lost: false };
      case 'late':
        bad.until.then(work).catch(() => undefined);
        return undefined;
      case 'delay':
        await bad.until;
        return { value: work(), lost: false };
      case 'lost':
        return { value: work(), lost: true };
      case undefined:
        return { value: work(), lost: false };
    }
  }
}
