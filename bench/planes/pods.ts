// The machines of a cluster, played: one large node, and pods that run after a while without a process. The API
// server, the scheduler and all controllers are the real ones; only what a kubelet would say is said here.
import { setTimeout as delay } from 'node:timers/promises';
import type { Event, LocalApi, Obj } from './local.ts';

const BEAT_MS = 10_000;
const END_MS = 100;
const ROOM = { cpu: '64', memory: '256Gi', pods: '1000' };

interface Container {
  name: string;
  image: string;
}
const containersOf = (pod: Obj): Container[] => (pod.spec?.['containers'] ?? []) as Container[];
/** As its label says, else its image. */
const versionOf = (pod: Obj): string =>
  pod.metadata.labels?.['tradewind.dev/version'] ?? containersOf(pod)[0]?.image.split(':').at(-1) ?? '';
const path = (pod: Obj): string => `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;

export class Machines {
  readonly #api: LocalApi;
  readonly #pods = new Map<string, Obj>();
  readonly #seen = new Set<string>();
  #sick: ReadonlySet<string> = new Set();
  #addresses = 0;
  /** From the bind to the node until a pod is ready. */
  startMs = 500;
  constructor(api: LocalApi) {
    this.#api = api;
  }

  async start(): Promise<void> {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
    await this.#api.call('POST', '/api/v1/nodes', node);
    await this.#beat();
    setInterval(() => void this.#beat().catch(() => undefined), BEAT_MS);
    void this.#api.watch('/api/v1/pods', (e) => this.#told(e));
  }

  /** `<namespace>/<version>` whose pods crash, the running ones too. */
  sicken(versions: readonly string[]): void {
    this.#sick = new Set(versions);
    for (const pod of this.#pods.values()) if (pod.status?.['podIP'] !== undefined) void this.#say(pod);
  }

  async #beat(): Promise<void> {
    const lastHeartbeatTime = new Date().toISOString();
    const ready = { type: 'Ready', status: 'True', reason: 'Played', lastHeartbeatTime };
    const status = { capacity: ROOM, allocatable: ROOM, conditions: [ready] };
    await this.#api.call('PATCH', '/api/v1/nodes/n1/status', { status });
  }

  #told(e: Event): void {
    const { object: pod } = e;
    const uid = pod.metadata.uid ?? '';
    if (e.type === 'DELETED') this.#pods.delete(uid);
    if (e.type !== 'ADDED' && e.type !== 'MODIFIED') return;
    this.#pods.set(uid, pod);
    if (pod.metadata.deletionTimestamp !== undefined) void this.#end(pod).catch(() => undefined);
    else if (pod.spec?.['nodeName'] !== undefined && !this.#seen.has(uid)) {
      this.#seen.add(uid);
      void delay(this.startMs).then(() => this.#say(pod));
    }
  }

  async #end(pod: Obj): Promise<void> {
    await delay(END_MS);
    await this.#api.call('DELETE', `${path(pod)}?gracePeriodSeconds=0`);
  }

  async #say(pod: Obj): Promise<void> {
    const bad = this.#sick.has(`${pod.metadata.namespace}/${versionOf(pod)}`);
    const now = new Date().toISOString();
    const old = this.#pods.get(pod.metadata.uid ?? '')?.status?.['podIP'];
    const n = ++this.#addresses;
    const podIP = typeof old === 'string' ? old : `10.88.${(n >> 8) & 255}.${n & 255}`;
    const condition = (type: string, yes: boolean): object => ({
      type,
      status: yes ? 'True' : 'False',
      lastTransitionTime: now,
    });
    const well = { running: { startedAt: now } };
    const ill = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' } };
    const status = {
      phase: 'Running',
      startTime: now,
      podIP,
      podIPs: [{ ip: podIP }],
      conditions: [
        condition('PodScheduled', true),
        condition('Initialized', true),
        ...['ContainersReady', 'Ready'].map((type) => condition(type, !bad)),
      ],
      containerStatuses: containersOf(pod).map((c) => ({
        ...c,
        imageID: '',
        ready: !bad,
        started: !bad,
        restartCount: bad ? 3 : 0,
        state: bad ? ill : well,
      })),
    };
    await this.#api.call('PATCH', `${path(pod)}/status`, { status }).catch(() => undefined);
  }
}
