import { type Duplex, PassThrough } from 'node:stream';
import type { Clock } from '../../kernel/index.ts';
import { systemClock } from '../../kernel/index.ts';
import type { KindRef, KubeObject, ManagedField, PodRef, Ref } from '../model.ts';
import { content } from '../plan/diff.ts';
import { jsonPatch, PatchMisfit } from '../plan/jsonpatch.ts';
import { copy, dictOf, equal, groupOf, keyOf, refOf } from '../plan/objects.ts';
import type {
  ApiIndex,
  Applied,
  ApplyOptions,
  ExecOptions,
  JsonPatch,
  KubeApi,
  LogOptions,
  PodPort,
  Selector,
} from '../ports.ts';
import { KubeError } from '../ports.ts';
import { type Fields, fieldsOf, merge, removeAt, serverPath, toFieldsV1, valueAt } from './twin-fields.ts';
import {
  checkFields,
  checkImmutable,
  generationAfter,
  kindOf,
  notFound,
  setDefaults,
  storeKey,
  TWIN_KINDS,
} from './twin-server.ts';

interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
  time: string;
  fields: Fields;
}
interface Stored {
  object: KubeObject;
  managers: Manager[];
}
type TwinVerb =
  | 'get'
  | 'list'
  | 'create'
  | 'apply'
  | 'dryRun'
  | 'remove'
  | 'patch'
  | 'index'
  | 'logs'
  | 'exec'
  | 'proxy';
export interface TwinCall {
  verb: TwinVerb;
  ref?: Ref;
  kind?: string;
}
export interface TwinOptions {
  clock?: Clock;
  /** Runs before every call; may throw to play an outage, a 429 or a lost page. */
  before?: (call: TwinCall) => void;
  /** Runs after the effect, before the answer: a crash here loses the answer only. */
  after?: (call: TwinCall) => void;
  logs?: (pod: PodRef, options: LogOptions) => readonly string[];
  exec?: (pod: PodRef, options: ExecOptions) => Promise<number>;
  /** What a pod with an address answers; may throw a KubeError of its own. */
  proxy?: (at: PodPort, path: string) => string;
  /** A connection to a port of a pod. */
  forward?: (at: PodPort) => Duplex;
}

const conflict = (message: string): KubeError => new KubeError(409, 'Conflict', message);

/** One API server in memory: server-side apply with managers and list keys, dry run, preconditions. */
export class KubeTwin implements KubeApi {
  readonly calls: TwinCall[] = [];
  readonly removed: string[] = [];
  readonly #store = new Map<string, Stored>();
  readonly #options: TwinOptions;
  readonly #clock: Clock;
  #version = 1;
  #uids = 0;
  readonly #name: string;

  constructor(name = 'twin', options: TwinOptions = {}) {
    this.#name = name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    for (const ns of ['kube-system', 'default'])
      this.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } }, 'kube');
  }

  /** Puts an object as another client would (operation Update); status included. */
  put(object: KubeObject, manager: string): KubeObject {
    const key = storeKey(object);
    const before = this.#store.get(key);
    const next = merge(object.kind, before?.object ?? {}, object) as KubeObject;
    return this.#save(key, next, before, { manager, operation: 'Update', fields: this.#changed(before?.object, next) });
  }

  /** Changes an object as `kubectl edit` does: changed fields move to the manager, removed ones leave all. */
  edit(ref: Ref, change: (o: KubeObject) => void, manager = 'kubectl-edit'): KubeObject {
    const before = this.#store.get(keyOf(ref));
    if (before === undefined) throw notFound(ref);
    const next = copy(before.object);
    change(next);
    return this.#save(keyOf(ref), next, before, {
      manager,
      operation: 'Update',
      fields: this.#changed(before.object, next),
    });
  }

  /** Status as a controller writes it: no generation, no manager. */
  setStatus(ref: Ref, status: Record<string, unknown>): void {
    const at = this.#store.get(keyOf(ref));
    if (at === undefined) throw notFound(ref);
    at.object['status'] = copy(status);
    at.object.metadata.resourceVersion = String(++this.#version);
  }

  /** Removes at once, as if another person had. */
  vanish(ref: Ref): void {
    this.#store.delete(keyOf(ref));
  }

  all(): KubeObject[] {
    return [...this.#store.values()].map((s) => this.#show(s));
  }

  async get(ref: Ref): Promise<KubeObject | undefined> {
    return this.#call({ verb: 'get', ref }, () => {
      kindOf(ref);
      const found = this.#store.get(keyOf(ref));
      return found === undefined ? undefined : this.#show(found);
    });
  }

  async list(kind: KindRef, selector: Selector): Promise<KubeObject[]> {
    return this.#call({ verb: 'list', kind: kind.kind }, () => {
      kindOf(kind);
      const wanted = Object.entries(selector.labels ?? {});
      return [...this.#store.values()]
        .filter(({ object: o }) => o.kind === kind.kind && groupOf(o.apiVersion) === kind.group)
        .filter(({ object: o }) => selector.namespace === undefined || o.metadata.namespace === selector.namespace)
        .filter(({ object: o }) => wanted.every(([k, v]) => o.metadata.labels?.[k] === v))
        .map((s) => this.#show(s));
    });
  }

  async create(object: KubeObject, manager: string): Promise<KubeObject> {
    const ref = refOf(object);
    return this.#call({ verb: 'create', ref }, () => {
      this.#admit(object);
      if (this.#store.has(keyOf(ref))) throw new KubeError(409, 'AlreadyExists', `"${ref.name}" already exists`);
      const by = { manager, operation: 'Update' as const, fields: fieldsOf(object) };
      return this.#save(keyOf(ref), copy(object), undefined, by);
    });
  }

  async apply(object: KubeObject, x: ApplyOptions): Promise<Applied> {
    const ref = refOf(object);
    return this.#call({ verb: x.dryRun ? 'dryRun' : 'apply', ref }, () => {
      this.#admit(object);
      const before = this.#store.get(keyOf(ref));
      this.#expect(before?.object, x, ref);
      return before === undefined ? this.#create(object, x) : this.#update(before, object, x);
    });
  }

  async remove(ref: Ref, x: { uid: string; resourceVersion?: string }): Promise<'gone' | 'terminating'> {
    return this.#call({ verb: 'remove', ref }, () => {
      const at = this.#store.get(keyOf(ref));
      if (at === undefined) return 'gone';
      precondition(at.object, x);
      this.removed.push(keyOf(ref));
      if ((at.object.metadata.finalizers ?? []).length > 0) {
        at.object.metadata.deletionTimestamp ??= this.#stamp();
        return 'terminating';
      }
      this.#store.delete(keyOf(ref));
      if (ref.kind === 'Namespace')
        for (const [key, s] of this.#store) if (s.object.metadata.namespace === ref.name) this.#store.delete(key);
      return 'gone';
    });
  }

  async patch(ref: Ref, ops: JsonPatch, manager: string): Promise<KubeObject> {
    return this.#call({ verb: 'patch', ref }, () => {
      const before = this.#store.get(keyOf(ref));
      if (before === undefined) throw notFound(ref);
      try {
        const next = jsonPatch(before.object, ops);
        return this.#save(keyOf(ref), next, before, {
          manager,
          operation: 'Update',
          fields: this.#changed(before.object, next),
        });
      } catch (e) {
        if (e instanceof PatchMisfit) throw new KubeError(422, 'Invalid', e.message, { cause: e });
        throw e;
      }
    });
  }

  async index(): Promise<ApiIndex> {
    return this.#call({ verb: 'index' }, () => ({ serverVersion: 'v1.36.3', kinds: TWIN_KINDS }));
  }

  async *logs(pod: PodRef, options: LogOptions, signal: AbortSignal): AsyncIterable<string> {
    const lines = await this.#call({ verb: 'logs' }, () => this.#options.logs?.(pod, options) ?? []);
    for (const line of lines) {
      if (signal.aborted) return;
      yield line;
    }
  }

  async exec(pod: PodRef, options: ExecOptions): Promise<number> {
    await this.#call({ verb: 'exec' }, () => undefined);
    return (await this.#options.exec?.(pod, options)) ?? 0;
  }

  async proxyGet(at: PodPort, path: string, signal?: AbortSignal): Promise<string> {
    const ref = { group: '', kind: 'Pod', namespace: at.namespace, name: at.pod };
    return this.#call({ verb: 'proxy', ref }, () => {
      if (signal?.aborted === true) throw new KubeError(0, 'Unreachable', 'aborted');
      const pod = this.#store.get(keyOf(ref))?.object;
      if (pod === undefined) throw notFound(ref);
      if (dictOf(pod['status'])['podIP'] === undefined) throw new KubeError(400, 'BadRequest', 'address not allowed');
      return this.#options.proxy?.(at, path) ?? '';
    });
  }

  forward(at: PodPort): Duplex {
    return this.#options.forward?.(at) ?? new PassThrough().destroy(new KubeError(404, 'NotFound', `no pod ${at.pod}`));
  }

  async close(): Promise<void> {}

  async #call<T>(call: TwinCall, work: () => T): Promise<T> {
    await Promise.resolve();
    this.calls.push(call);
    this.#options.before?.(call);
    const result = work();
    this.#options.after?.(call);
    return result;
  }

  #admit(object: KubeObject): void {
    kindOf(refOf(object));
    checkFields(object);
    const ns = object.metadata.namespace;
    const home = ns === undefined ? undefined : this.#store.get(`/Namespace//${ns}`);
    if (ns !== undefined && home === undefined) throw new KubeError(404, 'NotFound', `namespaces "${ns}" not found`);
  }

  #expect(live: KubeObject | undefined, x: ApplyOptions, ref: Ref): void {
    if (typeof x.expect === 'string') return;
    if (live === undefined) throw conflict(`${ref.kind} ${ref.name}: uid mismatch, the object is gone`);
    if (live.metadata.uid !== x.expect.uid) throw conflict(`${ref.kind} ${ref.name}: uid mismatch`);
    if (x.expect.resourceVersion !== undefined && live.metadata.resourceVersion !== x.expect.resourceVersion)
      throw conflict('the object has been modified; please apply your changes to the latest version and try again');
  }

  #create(object: KubeObject, x: ApplyOptions): Applied {
    const next = copy(object);
    const by: Manager = { manager: x.manager, operation: 'Apply', time: this.#stamp(), fields: fieldsOf(object) };
    if (!x.dryRun) return { object: this.#save(storeKey(object), next, undefined, by), created: true };
    setDefaults(next);
    next.metadata.uid = 'dry-run';
    return { object: next, created: true };
  }

  #update(before: Stored, object: KubeObject, x: ApplyOptions): Applied {
    const fields = fieldsOf(object);
    const mine = before.managers.find((m) => m.manager === x.manager && m.operation === 'Apply');
    const others = before.managers.filter((m) => m !== mine);
    const clashes = this.#clashes(before.object, object, fields, others);
    if (clashes.length > 0 && !x.force) throw this.#clashError(clashes);
    const next = merge(object.kind, before.object, object) as KubeObject;
    next.metadata = { ...next.metadata, ...pick(before.object) };
    const lost = [...(mine?.fields ?? [])].filter(([k]) => !fields.has(k) && !others.some((m) => m.fields.has(k)));
    for (const [, path] of lost) removeAt(next, path);
    setDefaults(next);
    checkImmutable(before.object, next);
    const unchanged = equal(content(before.object), content(next));
    if (x.dryRun) return { object: this.#show({ object: next, managers: before.managers }), created: false, unchanged };
    if (unchanged && sameFields(mine, fields)) return { object: this.#show(before), created: false, unchanged: true };
    const kept = yielded(others, new Set(clashes.map((c) => c.key)));
    const by: Manager = { manager: x.manager, operation: 'Apply', time: this.#stamp(), fields };
    this.#store.set(storeKey(object), this.#next(before.object, next, [...kept, by]));
    return { object: this.#show(this.#store.get(storeKey(object)) as Stored), created: false, unchanged: false };
  }

  #clashes(
    live: KubeObject,
    object: KubeObject,
    fields: Fields,
    others: readonly Manager[],
  ): { key: string; manager: string; path: string }[] {
    return [...fields].flatMap(([key, path]) => {
      const other = others.find((m) => m.fields.has(key));
      if (other === undefined || equal(valueAt(live, path), valueAt(object, path))) return [];
      if ('key' in (path.at(-1) ?? {})) return [];
      return [{ key, manager: other.manager, path: serverPath(path) }];
    });
  }

  #clashError(clashes: readonly { manager: string; path: string }[]): KubeError {
    const say = clashes.map((c) => `conflict with "${c.manager}": ${c.path}`).join('\n');
    return new KubeError(
      409,
      'Conflict',
      `Apply failed with ${clashes.length} conflict${clashes.length > 1 ? 's' : ''}: ${say}`,
      {
        causes: clashes.map((c) => ({
          reason: 'FieldManagerConflict',
          field: c.path,
          message: `conflict with "${c.manager}"`,
        })),
      },
    );
  }

  #changed(before: KubeObject | undefined, next: KubeObject): Fields {
    return new Map([...fieldsOf(next)].filter(([, path]) => !equal(valueAt(before, path), valueAt(next, path))));
  }

  #save(key: string, next: KubeObject, before: Stored | undefined, by: Omit<Manager, 'time'>): KubeObject {
    setDefaults(next);
    const all = fieldsOf(next);
    const others = (before?.managers ?? [])
      .map((m) => ({ ...m, fields: new Map([...m.fields].filter(([k]) => all.has(k) && !by.fields.has(k))) }))
      .filter((m) => m.fields.size > 0);
    this.#store.set(key, this.#next(before?.object, next, [...others, { ...by, time: this.#stamp() }]));
    return this.#show(this.#store.get(key) as Stored);
  }

  #next(before: KubeObject | undefined, next: KubeObject, managers: Manager[]): Stored {
    const generation = generationAfter(before, next);
    next.metadata = {
      ...next.metadata,
      uid: before?.metadata.uid ?? `${this.#name}-${++this.#uids}`,
      resourceVersion: String(++this.#version),
      creationTimestamp: before?.metadata.creationTimestamp ?? this.#stamp(),
      ...(generation === undefined ? {} : { generation }),
    };
    return { object: next, managers };
  }

  #show(s: Stored): KubeObject {
    const managedFields: ManagedField[] = s.managers.map((m) => ({
      manager: m.manager,
      operation: m.operation,
      apiVersion: s.object.apiVersion,
      time: m.time,
      fieldsType: 'FieldsV1',
      fieldsV1: toFieldsV1(m.fields),
    }));
    const o = copy(s.object);
    o.metadata.managedFields = managedFields;
    return o;
  }

  #stamp(): string {
    return `${new Date(this.#clock.now()).toISOString().slice(0, 19)}Z`;
  }
}

function precondition(live: KubeObject, x: { uid: string; resourceVersion?: string }): void {
  const { uid, resourceVersion } = live.metadata;
  if (uid !== x.uid) throw conflict(`the UID in the precondition (${x.uid}) does not match ${uid ?? ''}`);
  if (x.resourceVersion !== undefined && x.resourceVersion !== resourceVersion)
    throw conflict('the ResourceVersion in the precondition does not match');
}

function pick(o: KubeObject): Partial<KubeObject['metadata']> {
  const { uid, resourceVersion, generation, creationTimestamp } = o.metadata;
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  };
}

const sameFields = (mine: Manager | undefined, fields: Fields): boolean =>
  mine !== undefined && mine.fields.size === fields.size && [...fields.keys()].every((k) => mine.fields.has(k));

/** The other managers without the fields that were taken from them by force. */
function yielded(others: readonly Manager[], keys: ReadonlySet<string>): Manager[] {
  return others
    .map((m) => ({ ...m, fields: new Map([...m.fields].filter(([k]) => !keys.has(k))) }))
    .filter((m) => m.fields.size > 0);
}
