import { dictOf, type KubeApi, type KubeObject, listOf, textOf as text } from '../../fleet/index.ts';
import { type Clock, causes, fault, LABEL_PREFIX } from '../../kernel/index.ts';
import type { KeeperState } from './keeper.ts';
import { NAMESPACE, POD } from './names.ts';
import { askKeeper, textOf } from './way.ts';

const POLL_MS = 1000;
const STATE_MS = 10_000;
/** An image is pulled, a volume is made. Milliseconds. */
const START_MS = 300_000;

const of = (kind: string, name: string, group = '') => ({ group, kind, namespace: NAMESPACE, name });

/** Why a pod's container is not running, as Kubernetes says it. */
function whyNot(pod: KubeObject | undefined): string {
  if (pod === undefined) return 'there is no pod yet';
  const status = dictOf(pod['status']);
  const [container] = listOf(status['containerStatuses']);
  const waiting = dictOf(dictOf(container?.['state'])['waiting']);
  const ended = dictOf(dictOf(container?.['lastState'])['terminated']);
  const condition = listOf(status['conditions']).find((c) => c['status'] === 'False');
  const words = [waiting['reason'], waiting['message'], ended['reason'], condition?.['message'], status['phase']];
  return words.filter((w): w is string => typeof w === 'string' && w !== '').join('; ');
}

/** The pod of the server, as the API server and its keeper tell it. */
export class ServerPod {
  readonly #api: KubeApi;
  readonly #clock: Clock;

  constructor(api: KubeApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** Undefined: there is none, or nobody answers in it. */
  async state(): Promise<KeeperState | undefined> {
    try {
      const answer = await askKeeper(this.#api, 'GET /state', { ms: STATE_MS });
      return JSON.parse(await textOf(answer)) as KeeperState;
    } catch {
      return undefined;
    }
  }

  /** Waits until its keeper says what is wanted; hears what is said meanwhile. Throws TW8043. */
  async until(
    wanted: (s: KeeperState) => boolean,
    x: { signal: AbortSignal; hear(why: string): void; ms?: number },
  ): Promise<KeeperState> {
    const began = this.#clock.monotonic();
    let said = '';
    for (;;) {
      const state = await this.state();
      if (state !== undefined && wanted(state)) return state;
      const why = state === undefined ? await this.#why() : `${state.is}, it does not answer yet`;
      if (why !== said) x.hear(why);
      said = why;
      if (x.signal.aborted || this.#clock.monotonic() - began > (x.ms ?? START_MS)) throw notServing(why);
      await this.#clock.sleep(POLL_MS, x.signal).catch(() => undefined);
    }
  }

  async #why(): Promise<string> {
    return await this.#api.get(of('Pod', POD)).then(whyNot, (e: unknown) => causes(e).join(': '));
  }

  /** A pod that is told apart anew has its files brought at once, not with the kubelet's next round. */
  async nudge(id: string): Promise<void> {
    const pod = await this.#api.get(of('Pod', POD));
    if (pod === undefined) return;
    const annotations = { ...dictOf(pod.metadata.annotations), [`${LABEL_PREFIX}/project`]: id };
    await this.#api.patch(
      of('Pod', POD),
      [{ op: 'add', path: '/metadata/annotations', value: annotations }],
      'tw-server',
    );
  }

  /** An address that signs in once, made where its files are. Throws TW8043. */
  async link(as: string): Promise<string> {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const code = await this.#api.exec(
      { namespace: NAMESPACE, name: POD, container: 'server' },
      {
        argv: ['/opt/node/bin/node', '/opt/tradewind/src/compose.ts', 'run', 'server-link'],
        stdout: (b) => void out.push(Buffer.from(b)),
        stderr: (b) => void err.push(Buffer.from(b)),
        signal: AbortSignal.timeout(60_000),
      },
    );
    const url = Buffer.concat(out).toString().trim();
    const [, secret] = url.split('/#code=');
    if (code !== 0 || secret === undefined) throw notServing(Buffer.concat(err).toString().trim());
    return `${as}/#code=${secret}`;
  }

  /** Everything of it, volume included. Waits until the namespace is gone. Throws TW8044. */
  async remove(x: { signal: AbortSignal; ms?: number }): Promise<void> {
    const namespace = { group: '', kind: 'Namespace', name: NAMESPACE };
    const began = this.#clock.monotonic();
    for (;;) {
      const found = await this.#api.get(namespace);
      if (found === undefined) return;
      const uid = text(found.metadata.uid) ?? '';
      await this.#api.remove(namespace, { uid, cascade: 'foreground' });
      if (x.signal.aborted || this.#clock.monotonic() - began > (x.ms ?? START_MS))
        throw fault('TW8044', { value: NAMESPACE, why: ['its namespace is not gone yet'] });
      await this.#clock.sleep(POLL_MS, x.signal).catch(() => undefined);
    }
  }
}

const notServing = (why: string): Error =>
  fault('TW8043', {
    value: POD,
    why: [why],
    fix: [
      { say: 'See its pod:', command: `kubectl -n ${NAMESPACE} describe pod ${POD}` },
      { say: 'And what it says:', command: `kubectl -n ${NAMESPACE} logs ${POD}` },
    ],
  });
