import type { Duplex } from 'node:stream';
import type { KindRef, KubeObject, PodRef, Ref } from '../model.ts';
import { dictOf, groupOf, listOf, refOf, textOf } from '../plan/objects.ts';
import type {
  ApiIndex,
  ApiKind,
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
import { forwardToPod } from './kube-forward.ts';
import type { Answer, Call } from './kube-http.ts';
import {
  type ClusterTarget,
  credentialSessions,
  type KubeconfigTarget,
  kubeconfigSessions,
  type Sessions,
} from './kube-session.ts';

const PAGE = '500';
const INDEX_MS = 60_000;
const DISCOVERY =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList';
const CASCADE = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const;

const http = () => import('./kube-http.ts');

/** Kinds of one aggregated-discovery document; the first version that has a kind is the preferred one. */
function kindsOf(doc: unknown): ApiKind[] {
  return listOf(dictOf(doc)['items']).flatMap((g) => {
    const group = textOf(dictOf(g['metadata'])['name']) ?? '';
    return listOf(g['versions']).flatMap((v) =>
      listOf(v['resources']).map((r) => ({
        group,
        version: textOf(v['version']) ?? '',
        kind: textOf(dictOf(r['responseKind'])['kind']) ?? '',
        plural: textOf(r['resource']) ?? '',
        namespaced: r['scope'] === 'Namespaced',
      })),
    );
  });
}

/** What server-side apply says of wrong preconditions and unknown fields, in the shapes callers expect. */
function applyError(e: unknown): unknown {
  if (!(e instanceof KubeError)) return e;
  // Server-side apply reports an unknown field as 500; it is the sender's fault.
  if (e.status === 500 && /failed to create typed patch|field not declared in schema/.test(e.message))
    return new KubeError(400, 'BadRequest', e.message, { cause: e });
  const uid = e.status === 422 && /metadata\.uid|uid.*immutable/i.test(e.message);
  const version = e.status === 422 && /metadata\.resourceVersion/.test(e.message);
  if (!uid && !version) return e;
  return new KubeError(409, 'Conflict', e.message, { cause: e });
}

/** Certain that a dry run would change nothing: the server leaves our entry's time alone on a no-op. */
function unchanged(o: KubeObject, manager: string, date: number): boolean | undefined {
  const mine = o.metadata.managedFields?.find((m) => m.manager === manager && m.operation === 'Apply');
  const written = Date.parse(mine?.time ?? '');
  return Number.isFinite(written) && Number.isFinite(date) && date - written >= 2000 ? true : undefined;
}

class KubeClient implements KubeApi {
  readonly #sessions: Sessions;
  #index: { at: number; value: Promise<ApiIndex> } | undefined;

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  async get(ref: Ref): Promise<KubeObject | undefined> {
    try {
      return (await this.#call({ method: 'GET', path: await this.#path(ref) })).body as KubeObject;
    } catch (e) {
      if (e instanceof KubeError && e.status === 404 && e.reason === 'NotFound') return undefined;
      throw e;
    }
  }

  async list(kind: KindRef, selector: Selector): Promise<KubeObject[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#pages(kind, selector);
      } catch (e) {
        // 410: the pages went stale under us; begin again, never with half a list.
        if (!(e instanceof KubeError) || e.status !== 410 || tries >= 3) throw e;
      }
    }
  }

  async create(object: KubeObject, manager: string): Promise<KubeObject> {
    const query = { fieldManager: manager, fieldValidation: 'Strict' };
    const path = await this.#path({ ...refOf(object), name: '' }, object.apiVersion);
    return (await this.#call({ method: 'POST', path: path.replace(/\/$/, ''), query, body: object }))
      .body as KubeObject;
  }

  async apply(object: KubeObject, x: ApplyOptions): Promise<Applied> {
    const metadata = { ...object.metadata, ...(typeof x.expect === 'string' ? {} : x.expect) };
    delete metadata.managedFields;
    try {
      const answer = await this.#call({
        method: 'PATCH',
        path: await this.#path(refOf(object), object.apiVersion),
        type: 'application/apply-patch+yaml',
        query: {
          fieldManager: x.manager,
          force: String(x.force),
          fieldValidation: 'Strict',
          dryRun: x.dryRun ? 'All' : undefined,
        },
        body: { ...object, metadata },
      });
      const result = answer.body as KubeObject;
      const same = x.dryRun ? unchanged(result, x.manager, answer.date) : undefined;
      const created = answer.status === 201;
      return { object: result, created, ...(same === undefined || created ? {} : { unchanged: same }) };
    } catch (e) {
      throw applyError(e);
    }
  }

  async remove(
    ref: Ref,
    x: { uid: string; resourceVersion?: string; cascade: keyof typeof CASCADE },
  ): Promise<'gone' | 'terminating'> {
    const { cascade, ...wanted } = x;
    try {
      const answer = await this.#call({
        method: 'DELETE',
        path: await this.#path(ref),
        body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: wanted, propagationPolicy: CASCADE[cascade] },
      });
      return dictOf(answer.body)['kind'] === 'Status' ? 'gone' : 'terminating';
    } catch (e) {
      if (e instanceof KubeError && e.status === 404 && e.reason === 'NotFound') return 'gone';
      throw e;
    }
  }

  async patch(ref: Ref, ops: JsonPatch, manager: string): Promise<KubeObject> {
    const path = await this.#path(ref);
    const query = { fieldManager: manager };
    return (await this.#call({ method: 'PATCH', path, type: 'application/json-patch+json', query, body: ops }))
      .body as KubeObject;
  }

  index(): Promise<ApiIndex> {
    const now = performance.now();
    if (this.#index === undefined || now - this.#index.at > INDEX_MS) {
      const value = this.#discover();
      this.#index = { at: now, value };
      value.catch(() => {
        this.#index = undefined;
      });
    }
    return this.#index.value;
  }

  async *logs(pod: PodRef, x: LogOptions, signal: AbortSignal): AsyncIterable<string> {
    const { callLines } = await http();
    yield* callLines(this.#sessions, {
      method: 'GET',
      path: `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}/log`,
      query: {
        container: pod.container,
        timestamps: 'true',
        follow: x.follow ? 'true' : undefined,
        previous: x.previous === true ? 'true' : undefined,
        sinceTime: x.sinceTime,
        tailLines: x.tailLines === undefined ? undefined : String(x.tailLines),
      },
      signal,
    });
  }

  async exec(pod: PodRef, x: ExecOptions): Promise<number> {
    const { execInPod } = await import('./kube-exec.ts');
    return execInPod(await this.#sessions.get(), pod, x);
  }

  async proxyGet(at: PodPort, path: string, signal?: AbortSignal): Promise<string> {
    const { callText } = await http();
    return callText(this.#sessions, {
      method: 'GET',
      path: `/api/v1/namespaces/${encodeURIComponent(at.namespace)}/pods/${encodeURIComponent(at.pod)}:${at.port}/proxy${path}`,
      accept: '*/*',
      ...(signal === undefined ? {} : { signal }),
    });
  }

  forward(at: PodPort): Duplex {
    return forwardToPod(this.#sessions.get(), at);
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  async #call(call: Call): Promise<Answer> {
    const { callJson } = await http();
    return callJson(this.#sessions, call);
  }

  async #discover(): Promise<ApiIndex> {
    const [version, core, groups] = await Promise.all([
      this.#call({ method: 'GET', path: '/version' }),
      this.#call({ method: 'GET', path: '/api', accept: DISCOVERY }),
      this.#call({ method: 'GET', path: '/apis', accept: DISCOVERY }),
    ]);
    const serverVersion = textOf(dictOf(version.body)['gitVersion']) ?? '';
    return { serverVersion, kinds: [...kindsOf(core.body), ...kindsOf(groups.body)] };
  }

  /** A kind that is not served may have come with a CRD a moment ago: asked once more. */
  async #kind(ref: KindRef): Promise<ApiKind> {
    const find = (i: ApiIndex): ApiKind | undefined =>
      i.kinds.find((k) => k.group === ref.group && k.kind === ref.kind);
    const known = find(await this.index());
    if (known !== undefined) return known;
    this.#index = undefined;
    const fresh = find(await this.index());
    if (fresh !== undefined) return fresh;
    throw new KubeError(
      404,
      'NoKindMatch',
      `the server serves no ${ref.kind}${ref.group === '' ? '' : ` of ${ref.group}`}`,
    );
  }

  async #path(ref: Ref, apiVersion?: string): Promise<string> {
    const kind = await this.#kind(ref);
    const version = apiVersion ?? (kind.group === '' ? kind.version : `${kind.group}/${kind.version}`);
    const root = groupOf(version) === '' ? `/api/${version}` : `/apis/${version}`;
    const space = kind.namespaced ? `/namespaces/${encodeURIComponent(ref.namespace ?? 'default')}` : '';
    return `${root}${space}/${kind.plural}/${encodeURIComponent(ref.name)}`;
  }

  async #pages(ref: KindRef, selector: Selector): Promise<KubeObject[]> {
    const kind = await this.#kind(ref);
    const version = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
    const root = kind.group === '' ? `/api/${version}` : `/apis/${version}`;
    const space = selector.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(selector.namespace)}`;
    const labels = Object.entries(selector.labels ?? {}).map(([k, v]) => `${k}=${v}`);
    const out: KubeObject[] = [];
    let token: string | undefined;
    do {
      const { body } = await this.#call({
        method: 'GET',
        path: `${root}${space}/${kind.plural}`,
        query: { limit: PAGE, continue: token, labelSelector: labels.length === 0 ? undefined : labels.join(',') },
      });
      for (const o of listOf(dictOf(body)['items']))
        out.push({ apiVersion: version, kind: kind.kind, ...o } as KubeObject);
      token = textOf(dictOf(dictOf(body)['metadata'])['continue']) || undefined;
    } while (token !== undefined);
    return out;
  }
}

/** The API of a cluster Tradewind built; credentials on demand, nothing is contacted before the first call. */
export function openCluster(target: ClusterTarget): KubeApi {
  return new KubeClient(credentialSessions(target));
}

/** The API of a cluster from a kubeconfig file. */
export function openKubeconfig(target: KubeconfigTarget): KubeApi {
  return new KubeClient(kubeconfigSessions(target));
}
