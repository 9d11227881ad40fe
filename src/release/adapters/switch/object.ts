import { type KubeApi, KubeError, type KubeObject, type Ref, sayRef } from '../../../fleet/index.ts';
import { type ClusterName, fault, TwError } from '../../../kernel/index.ts';
import { reasonOf, type SwitchState, type VersionId } from '../../model.ts';
import type { Guard, Put, SwitchSight } from '../../ports.ts';
import { APP_LABEL, type At, MANAGER, type PatchOp, readAs, type Target, toldBy, unsafe } from './plan/notes.ts';

/** API of a cluster. Throws when there is no way to it. */
export type ApiOf = (c: ClusterName) => KubeApi;

/** What a driver knows about its object. Both throw TW7021. */
export interface Reading {
  state(at: At): SwitchState;
  /** Guarded by uid, fence and what the change relies on. */
  patch(at: At): PatchOp[];
}

/** `look`: certainly not written, or not known, and a look at the object tells why. */
type Failure = 'unknown' | 'stale' | 'look' | 'fault';

/** What a failed write means. A failed `test` is 422, the same as bad input (500 on old servers). */
function failure(e: unknown): Failure {
  if (!(e instanceof KubeError)) return 'fault';
  if ([409, 422, 500].includes(e.status)) return 'look';
  if ([0, 408, 429].includes(e.status) || e.status > 500) return 'unknown';
  return e.status === 404 && e.reason === 'NotFound' ? 'stale' : 'fault';
}

const TRIES = 3;

/** What an object says and does, told apart; `state` throws TW7021 where the two disagree. */
export function sightOf(at: At, serves: VersionId | undefined, state: (at: At) => SwitchState): SwitchSight {
  const told = toldBy(at.object);
  return {
    uid: at.object.metadata.uid ?? '',
    at: at.object.metadata.resourceVersion ?? '',
    versions: told.versions,
    ...(told.state === undefined ? {} : { noted: told.state }),
    ...(serves === undefined ? {} : { serves }),
    ...wrongIn(at, state),
  };
}
function wrongIn(at: At, state: (at: At) => SwitchState): Pick<SwitchSight, 'wrong'> {
  try {
    state(at);
    return {};
  } catch (e) {
    if (!(e instanceof TwError)) throw e;
    return { wrong: reasonOf(e.problem, at.cluster) };
  }
}

interface Write {
  from: Guard;
  to: Target;
}

/** This very object, at the fence the writer saw, and no newer shell has claimed it. */
function fits(at: At, w: Write, r: Reading): boolean {
  if (at.object.metadata.uid !== w.from.uid) return false;
  const state = r.state(at);
  return state.fence === w.from.fence && w.to.epoch >= state.epoch;
}

/** One object per cluster, written by guarded patches from what was read last; a late look costs one request more. */
export class GuardedObject {
  readonly #api: ApiOf;
  readonly #ref: Ref;
  readonly #last = new Map<ClusterName, KubeObject>();
  constructor(api: ApiOf, ref: Ref) {
    this.#api = api;
    this.#ref = ref;
  }

  async read(c: ClusterName): Promise<KubeObject | undefined> {
    const o = await this.#api(c).get(this.#ref);
    if (o === undefined) this.#last.delete(c);
    else this.#last.set(c, o);
    return o;
  }

  async write(c: ClusterName, from: Guard, to: Target, r: Reading): Promise<Put> {
    let o = this.#remembered(c, { from, to }, r);
    for (let n = 0; n < TRIES; n++) {
      o ??= await this.#look(c);
      if (o === 'unknown') return 'unknown';
      if (o === undefined || !fits({ cluster: c, object: o }, { from, to }, r)) return 'stale';
      const put = await this.#send(c, r.patch({ cluster: c, object: o }), n === TRIES - 1);
      if (put !== 'look') return put;
      o = undefined;
    }
    return 'unknown';
  }

  /** POST: `stale` = there is one already. */
  async create(c: ClusterName, object: KubeObject): Promise<Put> {
    try {
      this.#last.set(c, await this.#api(c).create(object, MANAGER));
      return 'ok';
    } catch (e) {
      if (e instanceof KubeError && e.status === 409) return 'stale';
      const is = failure(e);
      if (is === 'unknown' || (e instanceof KubeError && e.status === 500)) return 'unknown';
      throw e;
    }
  }

  /** A patch with its own guards, once: `stale` when they do not hold. */
  async patch(c: ClusterName, ops: readonly PatchOp[]): Promise<Put> {
    const put = await this.#send(c, ops, false);
    return put === 'look' ? 'stale' : put;
  }

  /** Over whatever is there, if it still is what was read. */
  async take(c: ClusterName, from: { uid: string; at: string }, ops: (at: At) => PatchOp[]): Promise<Put> {
    const object = await this.read(c);
    if (object === undefined) return 'stale';
    return await this.patch(c, [...readAs(from), ...ops({ cluster: c, object })]);
  }

  /** What was read last, if it is good for this write; else it is worth nothing. */
  #remembered(c: ClusterName, w: Write, r: Reading): KubeObject | undefined | 'unknown' {
    const object = this.#last.get(c);
    try {
      return object !== undefined && fits({ cluster: c, object }, w, r) ? object : undefined;
    } catch {
      return undefined;
    }
  }

  async #look(c: ClusterName): Promise<KubeObject | undefined | 'unknown'> {
    try {
      return await this.read(c);
    } catch (e) {
      if (failure(e) === 'fault') throw e;
      return 'unknown';
    }
  }

  async #send(c: ClusterName, ops: readonly PatchOp[], last: boolean): Promise<Put | 'look'> {
    try {
      this.#last.set(c, await this.#api(c).patch(this.#ref, ops, MANAGER));
      return 'ok';
    } catch (e) {
      const is = failure(e);
      if (is === 'fault') throw e;
      if (is !== 'look' || !last) return is;
      // A 500 may be a write that lands later; a 422 with all guards right is the server's own no.
      if (!(e instanceof KubeError) || e.status !== 422) return 'unknown';
      const resource = sayRef(this.#ref);
      throw fault('TW7020', {
        value: resource,
        where: [{ cluster: c, resource }],
        why: [`the API server of ${c} refuses the change of ${resource}: ${e.message}`],
      });
    }
  }
}

const mine = (o: KubeObject, app: string): boolean => o.metadata.labels?.[APP_LABEL] === app;

/** Writes an object that is all ours; another one of that name is left alone (TW7003). */
export async function putOwn(x: { api: KubeApi; cluster: ClusterName; app: string; ref: Ref }, object: KubeObject) {
  const there = await x.api.get(x.ref);
  if (there !== undefined && !mine(there, x.app)) {
    const no = unsafe(x.cluster, sayRef(x.ref), 'belongs to somebody else', 'rename it: the preview needs this name');
    throw fault('TW7003', { value: sayRef(x.ref), where: [{ cluster: x.cluster }], why: [no.say] });
  }
  await x.api.apply(object, { manager: MANAGER, dryRun: false, force: true, expect: 'any' });
}

/** Removes an object of ours; absent, or somebody else's, is fine. */
export async function dropOwn(x: { api: KubeApi; app: string; ref: Ref }): Promise<void> {
  const there = await x.api.get(x.ref);
  if (there === undefined || !mine(there, x.app)) return;
  await x.api.remove(x.ref, { uid: there.metadata.uid ?? '', cascade: 'background' });
}
