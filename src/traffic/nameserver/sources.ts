import { readFile } from 'node:fs/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { Clock } from '../../kernel/index.ts';
import type { SignedSnapshot } from '../model.ts';
import { SNAPSHOT_OBJECT, signedOf } from '../sign.ts';

/** Where snapshots come from, besides the peers. Runs until the signal fires; never rejects before. */
export interface SnapshotSource {
  watch(on: SnapshotEvents, signal: AbortSignal): Promise<void>;
}
interface SnapshotEvents {
  found(signed: SignedSnapshot): void;
  /** The source could be asked and has none: a fleet that is just being made. */
  absent(): void;
}
export interface SourceDeps {
  clock: Clock;
  log(line: string): void;
}

/** A file with `{"text","signature"}`, read again every 200 ms; for tests and for fleets without Kubernetes. */
export function fileSource(path: string, deps: SourceDeps): SnapshotSource {
  return {
    watch: async (on, signal) => {
      let last: string | undefined;
      while (!signal.aborted) {
        const text = await readFile(path, 'utf8').catch(() => '');
        if (text !== last) {
          if (text === '') on.absent();
          else offer(text, on, deps);
          last = text;
        }
        await deps.clock.sleep(200, signal).catch(() => undefined);
      }
    },
  };
}

function offer(text: string, on: SnapshotEvents, deps: SourceDeps): void {
  try {
    on.found(JSON.parse(text) as SignedSnapshot);
  } catch (error) {
    deps.log(`snapshot is not readable: ${String(error)}`);
  }
}

interface ConfigMap {
  metadata?: { resourceVersion?: string; name?: string };
  data?: Record<string, string>;
}
interface WatchEvent {
  type: string;
  object: ConfigMap & { code?: number; message?: string };
}

export interface InCluster {
  /** `https://host:port` of the API server. */
  url: string;
  /** Folder with `token`, `ca.crt` and `namespace`, as Kubernetes mounts it. */
  account: string;
}

/** The API server of the cluster this process runs in. */
export function inCluster(env: NodeJS.ProcessEnv): InCluster {
  const host = env.KUBERNETES_SERVICE_HOST ?? 'kubernetes.default.svc';
  return {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT ?? '443'}`,
    account: env.TW_SERVICEACCOUNT ?? '/var/run/secrets/kubernetes.io/serviceaccount',
  };
}

const WATCH_SECONDS = 240;
const RETRY_MS = 2000;
/** Between a watch that ended as it should and the next. */
const AGAIN_MS = 200;
/** Bookmarks come about once a minute: longer quiet is a dead connection. */
const QUIET_MS = 120_000;

async function* lines(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((p) => p !== '');
  }
}

function take(map: ConfigMap, on: SnapshotEvents): void {
  const signed = signedOf(map.data);
  if (signed !== undefined) on.found(signed);
}

/** Takes what an event brings; its resource version. A deleted object is forgotten by nobody. */
function heed(event: WatchEvent, on: SnapshotEvents): string | undefined {
  if (event.type === 'ERROR') throw new Error(event.object.message ?? 'watch ended');
  if (event.type === 'ADDED' || event.type === 'MODIFIED') take(event.object, on);
  return event.object.metadata?.resourceVersion;
}

/** Lists and watches the one ConfigMap; on any fault starts again and keeps what was found. */
export function kubernetesSource(at: InCluster, deps: SourceDeps): SnapshotSource {
  const file = (name: string): Promise<string> => readFile(`${at.account}/${name}`, 'utf8');

  async function get(agent: Dispatcher, query: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    // The token is rotated: read anew for every request.
    const [token, namespace] = await Promise.all([file('token'), file('namespace')]);
    const field = encodeURIComponent(`metadata.name=${SNAPSHOT_OBJECT}`);
    const path = `/api/v1/namespaces/${namespace.trim()}/configmaps?fieldSelector=${field}${query}`;
    const res = await request(`${at.url}${path}`, {
      dispatcher: agent,
      headers: { authorization: `Bearer ${token.trim()}`, accept: 'application/json' },
      signal,
    });
    if (res.statusCode === 200) return res;
    const why = (await res.body.text()).slice(0, 300);
    throw new Error(`status ${res.statusCode}: ${why}`);
  }

  async function session(agent: Agent, on: SnapshotEvents, signal: AbortSignal): Promise<void> {
    const listed = await get(agent, '', AbortSignal.any([signal, AbortSignal.timeout(10_000)]));
    const list = (await listed.body.json()) as { metadata: { resourceVersion: string }; items: ConfigMap[] };
    for (const item of list.items) take(item, on);
    if (list.items.length === 0) on.absent();
    let version = list.metadata.resourceVersion;
    while (!signal.aborted) {
      const query = `&watch=true&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${version}`;
      const limit = AbortSignal.timeout((WATCH_SECONDS + 30) * 1000);
      const res = await get(agent, query, AbortSignal.any([signal, limit]));
      for await (const line of lines(res.body)) version = heed(JSON.parse(line) as WatchEvent, on) ?? version;
      await deps.clock.sleep(AGAIN_MS, signal);
    }
  }

  return {
    watch: async (on, signal) => {
      while (!signal.aborted) {
        let agent: Agent | undefined;
        try {
          const ca = await file('ca.crt');
          agent = new Agent({
            connect: { ca, timeout: 5000 },
            headersTimeout: 15_000,
            bodyTimeout: QUIET_MS,
            allowH2: false,
          });
          await session(agent, on, signal);
        } catch (error) {
          if (!signal.aborted) deps.log(`kubernetes API: ${error instanceof Error ? error.message : String(error)}`);
        }
        await agent?.destroy().catch(() => undefined);
        await deps.clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    },
  };
}
