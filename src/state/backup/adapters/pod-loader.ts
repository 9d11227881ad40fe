import type { KubeApi, KubeObject } from '../../../fleet/index.ts';
import type { Clock } from '../../../kernel/index.ts';
import { NOWHERE } from '../../redisconf.ts';
import { CANARY, type Loaded } from '../model.ts';
import { type Loader, SnapshotError } from '../ports.ts';
import { countOver } from './counted.ts';
import { type PodAt, runIn, writeIn } from './pod-files.ts';
import { linked } from './stream.ts';

export interface PodLoaderOptions {
  api: KubeApi;
  namespace: string;
  /** Image of the Redis that runs. */
  image: string;
  clock: Clock;
  /** Names the pod, and is the password of its Redis. */
  random: string;
  signal: AbortSignal;
}

const PORT = 6379;
const START_MS = 120_000;
const LOAD_MS = 300_000;
const POLL_MS = 250;
const FILE = '/data/dump.rdb';

/** A replica of nobody keeps keys whose time is over: a primary would drop them while it loads, and the count would differ. */
const COMMAND = [
  'until [ -f /data/go ]; do sleep 0.2; done;',
  `exec redis-server --port ${PORT} --dir /data --save '' --appendonly no --protected-mode no`,
  `--replicaof ${NOWHERE.host} ${NOWHERE.port} --requirepass "$PASS"`,
].join(' ');

/** It ends by itself, whatever becomes of us. */
function podOf(o: PodLoaderOptions, name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: o.namespace,
      labels: { 'app.kubernetes.io/name': 'backup-check', 'app.kubernetes.io/part-of': 'tradewind' },
    },
    spec: {
      restartPolicy: 'Never',
      activeDeadlineSeconds: 900,
      terminationGracePeriodSeconds: 1,
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'redis',
          image: o.image,
          command: ['sh', '-c', COMMAND],
          env: [{ name: 'PASS', value: o.random }],
          ports: [{ name: 'redis', containerPort: PORT, protocol: 'TCP' }],
          resources: { requests: { cpu: '50m', memory: '64Mi' } },
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  };
}

const phaseOf = (pod: KubeObject | undefined): string => {
  const status = pod?.['status'] as { phase?: string } | undefined;
  return status?.phase ?? 'gone';
};

/** Loads a snapshot in a throw-away pod of the cluster that it was read in. */
export function podLoader(o: PodLoaderOptions): Loader {
  const { api, clock, namespace } = o;
  const name = `backup-check-${o.random.slice(0, 8)}`;
  const ref = { group: '', kind: 'Pod', namespace, name };
  const at: PodAt = { api, namespace, name, container: 'redis' };

  const running = async (): Promise<void> => {
    const end = clock.monotonic() + START_MS;
    for (;;) {
      const phase = phaseOf(await api.get(ref));
      if (phase === 'Running') return;
      if (phase !== 'Pending' || clock.monotonic() > end) throw new Error(`its pod ${name} is ${phase}`);
      await clock.sleep(POLL_MS, o.signal);
    }
  };
  const look = async (): Promise<Loaded> =>
    await linked(api.forward({ namespace, pod: name, port: PORT }), { clock, password: o.random }, async (link) => {
      const { engine, epoch, keys } = await countOver(link);
      return { engine, epoch, keys, canary: await link.say(['GET', CANARY]) };
    });
  const looked = async (): Promise<Loaded> => {
    const end = clock.monotonic() + LOAD_MS;
    for (;;) {
      try {
        return await look();
      } catch (e) {
        const phase = phaseOf(await api.get(ref));
        if (phase !== 'Running') {
          const why = await lastLines(api, at);
          throw new Error(`Redis did not load it: ${why}`);
        }
        if (clock.monotonic() > end) throw e;
        await clock.sleep(POLL_MS, o.signal);
      }
    }
  };
  const loaded = async (bytes: AsyncIterable<Uint8Array>, size: number): Promise<Loaded> => {
    await api.create(podOf(o, name), 'tw-state');
    await running();
    await writeIn(at, FILE, bytes, size);
    await runIn(at, ['redis-check-rdb', FILE], { signal: o.signal });
    await runIn(at, ['touch', '/data/go'], { signal: o.signal });
    return await looked();
  };

  return {
    load: async (bytes, size) => {
      try {
        return await loaded(bytes, size);
      } catch (e) {
        throw e instanceof SnapshotError ? e : new SnapshotError('load', e instanceof Error ? e.message : String(e), e);
      } finally {
        const uid = (await api.get(ref).catch(() => undefined))?.metadata.uid;
        if (uid !== undefined) await api.remove(ref, { uid, cascade: 'background' }).catch(() => undefined);
      }
    },
  };
}

async function lastLines(api: KubeApi, at: PodAt): Promise<string> {
  const lines: string[] = [];
  try {
    const pod = { namespace: at.namespace, name: at.name, container: at.container };
    const all = api.logs(pod, { follow: false, tailLines: 3 }, AbortSignal.timeout(5000));
    for await (const line of all) lines.push(line.replace(/^\S+ /, ''));
  } catch {
    // What it said is lost with it.
  }
  return lines.join(' ');
}
