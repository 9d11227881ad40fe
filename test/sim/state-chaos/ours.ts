// Tradewind's own data plane in three clouds: real redis-server, the shipped agent, wire and gateway; the store is the
// twin behind the same WAN.
import { setTimeout as delay } from 'node:timers/promises';
import { memoryStore, type Store, systemClock } from '../../../src/kernel/index.ts';
import { localRedis } from '../../../src/state/adapters/local-redis.ts';
import { type OpenWire, outboundWire, tlsWire } from '../../../src/state/adapters/wire.ts';
import { Agent } from '../../../src/state/agent.ts';
import { changeVoters } from '../../../src/state/change.ts';
import { type ClusterGateway, clusterGateway } from '../../../src/state/gateway/run.ts';
import { decided, foldView } from '../../../src/state/machine/keys.ts';
import type { Look } from '../../../src/state/model.ts';
import { redisConf } from '../../../src/state/redisconf.ts';
import { RespError } from '../../../src/state/resp/values.ts';
import { testCertificates } from '../../../src/state/testing/certificates.ts';
import { freePortAt, RawClient, RedisProcess, untilTrue } from '../../../src/state/testing/redis-process.ts';
import { SECRETS } from '../../../src/state/testing/secrets.ts';
import { farStore } from './far-store.ts';
import type { AppClient, Subject } from './trial.ts';
import { CLOUDS, type Cloud, hostOf, Wan } from './wan.ts';

const LOOP = '127.0.0.1';
const PREFIX = 'state/guestbook/';
const NET = 79;
const TLS = testCertificates(CLOUDS);

interface Plan {
  redis: number;
  wire: number;
  /** Doors at which the two gateways tell each other what their clients wrote. */
  peers: readonly [number, number];
}

/** Everything of one cloud. */
class Place {
  readonly at: Cloud;
  readonly local: ReturnType<typeof localRedis>;
  redis: RedisProcess;
  wire!: OpenWire;
  out!: ReturnType<typeof outboundWire>;
  gates: readonly ClusterGateway[] = [];
  readonly notes: string[] = [];
  readonly #plans: Readonly<Record<string, Plan>>;
  /** Whose copies count at first. */
  readonly #told: readonly Cloud[];
  /** Epoch in which it was frozen. */
  #frozen: number | undefined;
  #agent: Agent | undefined;
  #stop = new AbortController();
  #run: Promise<unknown> = Promise.resolve();

  constructor(at: Cloud, plans: Readonly<Record<string, Plan>>, told: readonly Cloud[]) {
    this.at = at;
    this.#plans = plans;
    this.#told = told;
    this.redis = new RedisProcess({ host: LOOP, port: this.plan.redis });
    this.local = localRedis({ host: LOOP, port: this.plan.redis, password: SECRETS.agent });
  }

  get plan(): Plan {
    return this.#plans[this.at] ?? { redis: 0, wire: 0, peers: [0, 0] };
  }

  /** Starts Redis, with nothing on its disk. */
  async boot(): Promise<void> {
    await this.redis.close();
    this.redis = new RedisProcess({ host: LOOP, port: this.plan.redis });
    await this.#redisStarts();
  }
  async #redisStarts(): Promise<void> {
    const conf = { port: this.plan.redis, bind: LOOP, dir: this.redis.dir, secrets: SECRETS, backlog: 8 << 20 };
    await this.redis.start(redisConf(conf));
  }

  async start(store: Store, home: Cloud): Promise<void> {
    const tls = TLS[this.at];
    if (tls === undefined) throw new Error('no certificate');
    const others = CLOUDS.filter((c) => c !== this.at);
    const address = (c: Cloud) => ({ host: hostOf(c, NET), port: this.#plans[c]?.wire ?? 0 });
    const peers = Object.fromEntries(others.map((c) => [c, { ...address(c), localAddress: hostOf(this.at, NET) }]));
    this.wire = await tlsWire({
      me: this.at,
      peers,
      listen: { host: LOOP, port: this.plan.wire },
      tls,
      door: { epoch: () => this.#agent?.epoch() ?? 0, pong: async () => await this.#agent?.pong() },
      redis: { host: LOOP, port: this.plan.redis },
    });
    this.#works(store, home);
    this.out = outboundWire({ me: this.at, peers, tls });
    this.gates = await Promise.all(this.plan.peers.map((port) => this.#gateway(store, port)));
  }

  #gateway(store: Store, peersPort: number): Promise<ClusterGateway> {
    return clusterGateway({
      me: this.at,
      prefix: PREFIX,
      store,
      wire: this.out,
      redis: { host: LOOP, port: this.plan.redis },
      secrets: SECRETS,
      clock: systemClock,
      holdMs: 6000,
      ackMs: 3000,
      listen: { host: LOOP, write: 0, read: 0, peers: peersPort },
      peers: async () => this.plan.peers.map((p) => `${LOOP}:${p}`),
    });
  }

  #works(store: Store, home: Cloud): void {
    this.#stop = new AbortController();
    this.#agent = new Agent({
      setup: { me: this.at, voters: [...this.#told].sort(), judges: [...CLOUDS].sort(), home },
      prefix: PREFIX,
      clock: systemClock,
      store,
      redis: this.local,
      wire: this.wire,
      note: (n) => void this.notes.push(`${Math.round(performance.now())} ${this.at} ${n.command.do} ${n.end}`),
    });
    this.#run = this.#agent.run(this.#stop.signal);
  }

  /** As a rolled pod does it: the agent hears SIGTERM, and what comes next finds the disk. */
  async stop(): Promise<void> {
    this.#agent?.leave();
    await this.#run;
    this.#agent = undefined;
    await this.redis.kill();
  }
  async freezes(): Promise<void> {
    this.#frozen = (await this.local.look()).marker?.epoch;
    await this.redis.kill('SIGSTOP');
  }
  /** It goes on where it stood, as primary, until its agent has fenced it; what that agent has ended starts anew, as in a pod. */
  async wakes(): Promise<void> {
    const { redis } = this;
    await redis.kill('SIGCONT');
    const demoted = async (): Promise<boolean> => {
      if (!redis.alive) return true;
      const look = await this.local.look();
      return look.role !== 'primary' || look.marker?.epoch !== this.#frozen;
    };
    await untilTrue(`${this.at} is primary no more`, demoted, 60_000);
    // A shutdown that was sent while it stood may still be under way.
    await delay(500);
    if (!redis.alive) await this.#redisStarts();
  }
  async startAgain(store: Store, home: Cloud): Promise<void> {
    await this.#redisStarts();
    this.#works(store, home);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.redis.kill();
    await Promise.all(this.gates.map((g) => g.close()));
    await this.out.close();
    await this.wire.close();
    await Promise.allSettled([this.#run]);
    this.local.close();
    await this.redis.close();
  }
}

let clients = 0;

/** A pod of one cloud: an address of its own, a connection to `redis-master` and, through the other gateway, one to `redis-slave`. */
class PodClient implements AppClient {
  readonly #ports: { write: number; read: number };
  readonly #address: string;
  #master: RawClient | undefined;
  #slave: RawClient | undefined;

  constructor(place: Place) {
    clients += 1;
    const gate = (n: number): ClusterGateway | undefined => place.gates[n % place.gates.length];
    this.#ports = { write: gate(clients)?.writePort ?? 0, read: gate(clients + 1)?.readPort ?? 0 };
    this.#address = `127.90.${(clients >> 8) & 255}.${clients & 255 || 1}`;
  }

  async #open(old: RawClient | undefined, port: number): Promise<RawClient> {
    if (old?.closed === false) return old;
    return await RawClient.open({ host: LOOP, port, localAddress: this.#address });
  }

  async write(value: string): Promise<'ok' | 'failed' | 'unknown'> {
    try {
      this.#master = await this.#open(this.#master, this.#ports.write);
      const said = await this.#master.ask('RPUSH', 'k', value);
      if (typeof said === 'number') return 'ok';
      return said instanceof RespError && !said.text.startsWith('TWUNKNOWN') ? 'failed' : 'unknown';
    } catch {
      return 'unknown';
    }
  }

  async read(): Promise<string[] | undefined> {
    try {
      this.#slave = await this.#open(this.#slave, this.#ports.read);
      const said = await this.#slave.ask('LRANGE', 'k', 0, -1);
      return Array.isArray(said) ? said.map(String) : undefined;
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#master?.close();
    this.#slave?.close();
  }
}

export interface TradewindSubject extends Subject {
  notes(): string[];
  /** As the agents of both measured it, the lesser, milliseconds. */
  rtt(a: Cloud, b: Cloud): number;
  /** Only the copies of these clouds count from now on; the epoch that says so. */
  change(to: readonly Cloud[]): Promise<number>;
}

/**
 * A new fleet whose home is `home`. A first home that is missed before anybody has followed it leaves a fleet that
 * waits for a person; these trials are about what comes later, so such a start is made anew.
 */
export async function tradewindSubject(
  home: Cloud = 'ca',
  scale = 1,
  told: readonly Cloud[] = CLOUDS,
): Promise<TradewindSubject> {
  for (let left = 2; ; left--) {
    try {
      return await started(home, scale, told);
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

async function started(home: Cloud, scale: number, told: readonly Cloud[]): Promise<TradewindSubject> {
  const wan = new Wan(scale);
  const plans: Record<string, Plan> = {};
  const port = (): Promise<number> => freePortAt(LOOP);
  for (const c of CLOUDS) plans[c] = { redis: await port(), wire: await port(), peers: [await port(), await port()] };
  const places = CLOUDS.map((c) => new Place(c, plans, told));
  const of = (c: Cloud): Place => places[CLOUDS.indexOf(c)] as Place;
  const store = memoryStore();
  for (const c of CLOUDS) await wan.publish(c, plans[c]?.wire ?? 0, { net: NET });
  await Promise.all(places.map((p) => p.boot()));
  const deadMembers = new Set<Cloud>();
  const seenFrom = (p: Place): Store => farStore(store, p.at, wan, deadMembers);
  await Promise.all(places.map((p) => p.start(seenFrom(p), home)));

  const looks = (): Promise<Look[]> => Promise.all(places.map((p) => p.local.look()));
  const settled = async (): Promise<boolean> => {
    const all = await looks();
    const [primary, ...more] = all.filter((l) => l.role === 'primary');
    if (primary === undefined || more.length > 0) return false;
    const same = all.every((l) => l.offset === primary.offset && l.marker?.epoch === primary.marker?.epoch);
    return same && all.every((l) => l.role === 'primary' || l.link);
  };
  const close = async (): Promise<void> => {
    await Promise.all(places.map((p) => p.close()));
    await wan.close();
    await store.close();
  };
  await untilTrue('one home, two followers', settled, 30_000).catch(async (error: unknown) => {
    await close();
    throw error;
  });

  const dead = new Set<Cloud>();
  return {
    name: 'Tradewind, quorum',
    wan,
    home: async () => {
      const all = await looks();
      return CLOUDS[all.findIndex((l) => l.role === 'primary')] ?? home;
    },
    client: (at) => new PodClient(of(at)),
    kill: async (at) => {
      dead.add(at);
      await of(at).redis.kill();
    },
    restartEmpty: (at) => of(at).boot(),
    freeze: (at) => of(at).freezes(),
    thaw: (at) => of(at).wakes(),
    whole: async () => {
      const { revision, entries } = await store.range(PREFIX, 'local');
      const mine = entries.map((e) => ({ ...e, key: e.key.slice(PREFIX.length) }));
      const view = foldView(mine, { revision, fresh: false });
      const all = await looks();
      const counts = (l: Look, i: number): boolean => view.runs[places[i]?.at ?? '']?.value.run === l.run;
      return all.every(
        (l, i) => counts(l, i) && (l.role === 'primary' || l.link) && l.marker?.epoch === decided(view)?.epoch,
      );
    },
    restartAll: async () => {
      await Promise.all(places.map((p) => p.stop()));
      await Promise.all(places.map((p) => p.startAgain(seenFrom(p), home)));
    },
    agreement: (lost) => {
      for (const c of CLOUDS) if (c !== home && lost) deadMembers.add(c);
      if (!lost) deadMembers.clear();
    },
    change: async (to) => {
      const lease = await store.lease(30_000);
      const { signal } = new AbortController();
      const parts = { clock: systemClock, store, prefix: PREFIX, lease, show: () => undefined, signal };
      const { epoch } = await changeVoters(parts, to).finally(() => lease.close());
      return epoch;
    },
    settle: async () => {
      for (const c of dead) await of(c).boot();
      dead.clear();
      await untilTrue('all are level', settled, 60_000);
      const all = await looks();
      const primary = places[all.findIndex((l) => l.role === 'primary')] as Place;
      const redis = await RawClient.open({ host: LOOP, port: primary.plan.redis });
      await redis.ask('AUTH', 'tw-r', SECRETS.read);
      const list = ((await redis.ask('LRANGE', 'k', 0, -1)) as Buffer[]).map(String);
      redis.close();
      return list;
    },
    rtt: (a, b) => Math.min(...[of(a).wire.rtt(b), of(b).wire.rtt(a)].flatMap((ms) => ms ?? [])),
    notes: () => places.flatMap((p) => p.notes).sort((a, b) => Number(a.split(' ')[0]) - Number(b.split(' ')[0])),
    close,
  };
}
