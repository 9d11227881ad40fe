// Three voters with real agents over real redis-server, as `tw` finds them: a pod in each of three API servers, and one
// store.
import { setTimeout as delay } from 'node:timers/promises';
import { stateDoor } from '../../../src/compose/state.ts';
import type { StateWiring } from '../../../src/compose/state-deploy.ts';
import { KubeTwin } from '../../../src/fleet/adapters/kube-twin.ts';
import { type ClusterName, memoryStore, StoreWorld, systemClock } from '../../../src/kernel/index.ts';
import { localRedis } from '../../../src/state/adapters/local-redis.ts';
import { Agent } from '../../../src/state/agent.ts';
import type { AgentNote, Pong, Wire } from '../../../src/state/ports.ts';
import { redisConf } from '../../../src/state/redisconf.ts';
import { LocalPods } from '../../../src/state/testing/pods.fixtures.ts';
import { freePortAt, RawClient, RedisProcess, untilTrue } from '../../../src/state/testing/redis-process.ts';
import { SECRETS } from '../../../src/state/testing/secrets.ts';
import { configOf, NAMES } from './config.ts';

const HOST = '127.0.0.1';
const NAMESPACE = 'state-app';

/** Redis, agent and API server of one cluster. */
class Place {
  readonly name: ClusterName;
  readonly redis: RedisProcess;
  readonly pods: LocalPods<KubeTwin>;
  readonly local: ReturnType<typeof localRedis>;
  readonly events: AgentNote[] = [];
  agent: Agent | undefined;

  constructor(name: ClusterName, port: number) {
    this.name = name;
    this.redis = new RedisProcess({ host: HOST, port });
    this.local = localRedis({ host: HOST, port, password: SECRETS.agent });
    this.pods = new LocalPods((o) => new KubeTwin(name, o), {
      namespace: NAMESPACE,
      proxy: () => JSON.stringify({ ...this.agent?.report(), events: this.events }),
    });
    this.pods.known.set('redis-0', () => ({ dir: this.redis.dir, port }));
    this.#objects();
  }

  #objects(): void {
    const named = (n: string) => ({ name: n, namespace: NAMESPACE });
    const put = (o: object): void => void this.pods.twin.put(o as never, 'tw');
    const settings = JSON.stringify({ voters: NAMES, home: 'ca' });
    const spec = { template: { spec: { initContainers: [{ name: 'redis', image: 'redis:7.4' }] } } };
    const users = Buffer.from(JSON.stringify(SECRETS)).toString('base64');
    put({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: named('state-settings'),
      data: { 'settings.json': settings },
    });
    put({ apiVersion: 'v1', kind: 'Secret', metadata: named('state-keys'), data: { 'users.json': users } });
    put({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: named('redis'), spec });
    put({ apiVersion: 'v1', kind: 'Pod', metadata: named('redis-0'), status: { podIP: HOST, phase: 'Running' } });
  }

  async boot(): Promise<void> {
    const { dir, port } = this.redis;
    const conf = { port, bind: HOST, dir, secrets: SECRETS, backlog: 1 << 20, saveEvery: 300 };
    await this.redis.start(redisConf(conf));
  }
  async as(user: 'tw-w' | 'tw-r'): Promise<RawClient> {
    const client = await RawClient.open({ host: HOST, port: this.redis.port });
    await client.ask('AUTH', user, user === 'tw-w' ? SECRETS.write : SECRETS.read);
    return client;
  }
}

export class Pods {
  readonly places: readonly Place[];
  readonly world = new StoreWorld();
  readonly wiring: StateWiring;
  readonly door: ReturnType<typeof stateDoor>;
  readonly #stop = new AbortController();
  readonly #runs: Promise<unknown>[] = [];

  private constructor(dir: string, places: readonly Place[]) {
    this.places = places;
    this.wiring = {
      config: configOf(dir),
      clock: systemClock,
      stateDir: dir,
      kube: (c) => this.of(c).pods.twin,
      outputs: async () => ({}),
      store: memoryStore(undefined, this.world),
      secret: 'ab',
      image: 'registry.example/tradewind:v1',
      pinned: new Map(),
    };
    this.door = stateDoor(this.wiring);
  }

  static async start(dir: string): Promise<Pods> {
    const places = await Promise.all(NAMES.map(async (n) => new Place(n, await freePortAt(HOST))));
    const pods = new Pods(dir, places);
    await Promise.all(places.map((p) => p.boot()));
    for (const p of places) pods.#begin(p);
    await pods.calm();
    return pods;
  }

  /** There is a home and two copies are in step. */
  async calm(): Promise<void> {
    await untilTrue('a home and two copies', async () => (await this.door.look({}))[0]?.copies === 3, 60_000);
  }
  of(name: ClusterName): Place {
    return this.places.find((p) => p.name === name) as Place;
  }

  #begin(p: Place): void {
    p.agent = new Agent({
      setup: { me: p.name, voters: NAMES, judges: NAMES, home: 'ca' },
      prefix: 'state/app/',
      clock: systemClock,
      store: this.wiring.store,
      redis: p.local,
      wire: this.#wire(),
      note: ({ command, end }) => void p.events.push({ at: Date.now(), did: command.do, end }),
    });
    this.#runs.push(p.agent.run(this.#stop.signal), this.#kubelet(p));
  }
  /** A container that has ended starts again, with what is on its disk. */
  async #kubelet(p: Place): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (!p.redis.alive) await p.boot();
      await delay(50);
    }
  }
  #wire(): Wire {
    return {
      open: async () => {
        throw new Error('no streams here');
      },
      tunnel: async (all, epoch) => {
        const open = all.map((to) => this.of(to)).find((q) => q.agent?.epoch() === epoch);
        if (open === undefined) throw new Error(`none of ${all.join(', ')} is of epoch ${epoch}`);
        return { port: open.redis.port, close: async () => undefined };
      },
      ping: async (to): Promise<Pong> => {
        const pong = await this.of(to).agent?.pong();
        if (pong === undefined) throw new Error(`${to} does not answer`);
        return { ...pong, via: 'direct' };
      },
      rtt: () => 5,
    };
  }

  async home(): Promise<Place> {
    const [facts] = await this.door.look({});
    return this.of(facts?.home ?? '');
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#runs);
    for (const p of this.places) {
      p.local.close();
      p.pods.close();
      await p.redis.close();
    }
  }
}
