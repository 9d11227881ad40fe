import { appendFileSync, watchFile } from 'node:fs';
import type { Server } from 'node:http';
import { type Clock, type Json, systemClock, toJson } from '../../kernel/index.ts';
import { readJson, tail } from '../adapters/files.ts';
import { NetControl } from '../adapters/net-control.ts';
import { answers, unixHttp } from '../adapters/unix-http.ts';
import type { Chaos, SandboxSpec, SandboxView } from '../model.ts';
import { cloudSelector, type Topology } from '../plan/chaos.ts';
import { bentLinks, type MachineNames } from '../plan/effects.ts';
import { type Layout, layout } from '../plan/layout.ts';
import { controlPlaneName, nodeName } from '../plan/places.ts';
import { growsLive } from '../plan/spec.ts';
import { DIFFERS, stateOf } from '../plan/view.ts';
import { ChaosEngine } from './chaos.ts';
import { type CommandLines, childEnv, commandLines } from './commands.ts';
import { Keeper, type KeeperEvent, type ProcessDef } from './keeper.ts';
import { listenUnix, supervisorApp } from './server.ts';
import { World, WorldError } from './world.ts';

const CHAOS_LOOK_MS = 300;
const NET = 'tw-net';
const CLOUDS = 'clouds';
const usersName = (name: string): string => `users-${name}`;
const START_MS = 60_000;

export interface SupervisorOptions {
  spec: SandboxSpec;
  id: string;
  /** Path of the Node that runs clouds and users. */
  node: string;
  rootless: boolean;
  clock?: Clock;
}

/** In the clouds' words. Removed first: after a restart of the clouds the same chaos comes again. */
function cloudChaos(c: Chaos): { remove: string[]; add: object[] } {
  const { id, kind, where, args, from, until } = c;
  const what = { id, what: kind, where: cloudSelector(where).selector, args, from };
  return { remove: [id], add: [until === undefined ? what : { ...what, until }] };
}

/** Starts the world of one directory and keeps it as DIR/state.json and DIR/chaos.json say. */
export class Supervisor {
  readonly #o: SupervisorOptions;
  readonly #l: Layout;
  readonly #clock: Clock;
  readonly #lines: CommandLines;
  readonly #env: Record<string, string>;
  readonly #keeper: Keeper;
  readonly #net: NetControl;
  readonly #world: World;
  readonly #chaos: ChaosEngine;
  #server: Server | undefined;
  #spec: SandboxSpec;
  #started = false;
  #why: string[] = [];
  #rebuilding: Promise<void> | undefined;

  constructor(o: SupervisorOptions) {
    this.#o = o;
    this.#spec = o.spec;
    this.#l = layout(o.spec.dir);
    this.#clock = o.clock ?? systemClock;
    this.#lines = commandLines(o.spec, this.#l, o.node);
    this.#env = childEnv(this.#l, o.id);
    this.#keeper = new Keeper(this.#clock, (e) => this.#event(e));
    this.#net = new NetControl(this.#l.netSocket);
    const net = (order: { do: string } & Record<string, Json>): Promise<unknown> => this.#net.send(order);
    this.#world = new World({
      layout: this.#l,
      spec: () => this.#spec,
      keeper: this.#keeper,
      lines: this.#lines,
      env: this.#env,
      rootless: o.rootless,
      clock: this.#clock,
      net,
    });
    this.#chaos = new ChaosEngine({
      file: this.#l.chaos,
      facts: this.#l.facts,
      clock: this.#clock,
      topology: () => this.#topology(),
      machines: () => this.#machineNames(),
      hands: {
        net,
        power: (dead) => this.#world.power(dead),
        pause: (name, on) => this.#keeper.pause(name, on),
        killProcess: (name) => this.#keeper.kill(name),
        clouds: (change) => this.#tellClouds(change),
      },
    });
  }

  /** Serves at once (so that progress can be seen), then starts network, clouds, users, and what the state asks for. */
  async start(): Promise<void> {
    const app = supervisorApp({
      machines: this.#world,
      chaos: (c) => this.#chaos.change(c),
      view: () => this.view(),
      grow: () => this.#grow(),
    });
    this.#server = await listenUnix(app, this.#l.supervisorSocket);
    await this.#keeper.start(this.#netProcess());
    await this.#keeper.ready(NET, START_MS);
    await this.#keeper.start(this.#process(CLOUDS, 'clouds', this.#lines.clouds, () => answers(this.#l.cloudsSocket)));
    for (const u of this.#spec.users) await this.#startUsers(u.name);
    // After clouds and users: their sites and sockets must be there for a chaos file of the last life.
    await Promise.all(
      [CLOUDS, ...this.#spec.users.map((u) => usersName(u.name))].map((n) => this.#keeper.ready(n, START_MS)),
    );
    await this.#chaos.reload();
    await this.#world.restore();
    await this.#openDoors();
    this.#watchChaosFile();
    await this.#world.settled(START_MS);
    this.#started = true;
  }

  /** No restart any more; children live on. */
  close(): void {
    this.#keeper.close();
    this.#chaos.close();
    this.#net.close();
    this.#server?.close();
  }

  /** A start that cannot go on: seen in the view, and by `up`. */
  giveUp(why: string): void {
    this.#why = [...this.#why, why];
  }

  view(): SandboxView {
    const processes = this.#keeper.view();
    const doors = readJson<{ connect?: { port: number }; pages?: Record<string, string> }>(this.#l.doors);
    const spec = this.#spec;
    const world = this.#world.view();
    return {
      at: this.#clock.now(),
      ...stateOf({ processes, started: this.#started, why: this.#why }),
      dir: spec.dir,
      id: this.#o.id,
      cloudTime: spec.cloudTime,
      processes,
      links: bentLinks(spec.links, this.#chaos.links()),
      chaos: this.#chaos.list(),
      chaosFaults: this.#chaos.faults(),
      ...world,
      doors: { ...(doors?.connect === undefined ? {} : { connect: doors.connect.port }), pages: doors?.pages ?? {} },
      users: spec.users.map((u) => u.name),
      differs: DIFFERS,
    };
  }

  /** Takes in the places that DIR/spec.json has more than before; nothing that runs in the world ends for it. */
  async #grow(): Promise<{ sites: readonly string[] }> {
    await this.#rebuilding;
    const next = readJson<SandboxSpec>(this.#l.spec);
    if (!this.#started || next === undefined || !growsLive(this.#spec, next))
      throw new WorldError(409, 'TW9012', 'the spec asks for another world, not for a larger one');
    const { sites } = (await this.#net.send({ do: 'grow' })) as { sites: readonly string[] };
    const before = new Set(this.#spec.users.map((u) => u.name));
    this.#spec = next;
    const fresh = next.users.filter((u) => !before.has(u.name));
    for (const u of fresh) await this.#startUsers(u.name);
    // They read their regions when they start; what they know of the world is on their disk.
    await this.#keeper.hold(CLOUDS);
    this.#keeper.release(CLOUDS);
    await Promise.all([CLOUDS, ...fresh.map((u) => usersName(u.name))].map((n) => this.#keeper.ready(n, START_MS)));
    await this.#openDoors();
    return { sites };
  }

  #netProcess(): ProcessDef {
    const log = `${this.#l.log}/${NET}.log`;
    // The last 200 lines since this start: tw-net says `ready` once, and little else.
    return { ...this.#process(NET, 'net', this.#lines.net), ready: (from) => tail(log, 200, from).includes('ready') };
  }

  #process(name: string, role: string, argv: string[], ready?: ProcessDef['ready']): ProcessDef {
    const def = { name, role, argv, env: this.#env, cwd: this.#l.dir, log: `${this.#l.log}/${name}.log` };
    return ready === undefined ? def : { ...def, ready };
  }

  async #startUsers(name: string): Promise<void> {
    const socket = this.#l.usersSocket(name);
    await this.#keeper.start(this.#process(usersName(name), 'users', this.#lines.users(name), () => answers(socket)));
  }

  async #openDoors(): Promise<void> {
    const host = this.#spec.hosts[0];
    if (host === undefined) return;
    for (const u of this.#spec.users) {
      await this.#net
        .send({ do: 'door', users: u.name, host, port: 80 })
        .catch((e: Error) => this.#log(`door ${u.name}: ${e.message}`));
    }
  }

  async #tellClouds(change: { begin: Chaos } | { end: Chaos }): Promise<unknown> {
    const body = toJson('end' in change ? { remove: [change.end.id] } : cloudChaos(change.begin));
    const reply = await unixHttp(this.#l.cloudsSocket, { method: 'POST', path: '/chaos', body });
    if (reply.status < 400) return reply.body;
    const said = reply.body as { message?: string } | undefined;
    throw new Error(said?.message ?? `the clouds answered ${reply.status}`);
  }

  #event(e: KeeperEvent): void {
    this.#log(`${e.name} ${e.kind}: ${e.detail}`);
    if (!this.#started || this.#rebuilding !== undefined) return;
    if (e.name === NET && e.kind === 'died') {
      this.#rebuilding = this.#rebuild()
        .catch((error: Error) => this.giveUp(`the network could not be made again: ${error.message}`))
        .finally(() => {
          this.#rebuilding = undefined;
        });
    }
    if (e.name === CLOUDS && e.kind === 'up')
      void this.#chaos.again().catch((x: Error) => this.#log(`chaos: ${x.message}`));
  }

  /** The network died and took every namespace with it: end what was inside, then make all of it again. */
  async #rebuild(): Promise<void> {
    // A network that dies again meanwhile is one more round, until the keeper gives it up.
    for (;;) {
      try {
        return await this.#rebuildOnce();
      } catch (error) {
        if (this.#keeper.state(NET) === 'failed') throw error;
        this.#log(`network: ${error instanceof Error ? error.message : String(error)}`);
        await this.#clock.sleep(500);
      }
    }
  }

  async #rebuildOnce(): Promise<void> {
    const inside = this.#keeper
      .view()
      .map((p) => p.name)
      .filter((n) => n !== NET);
    await Promise.all(inside.map((n) => this.#keeper.hold(n)));
    this.#net.close();
    await this.#keeper.ready(NET, START_MS, Number.POSITIVE_INFINITY);
    for (const name of [CLOUDS, ...this.#spec.users.map((u) => usersName(u.name))]) this.#keeper.release(name);
    await this.#world.restore();
    await this.#keeper.ready(CLOUDS, START_MS, Number.POSITIVE_INFINITY);
    await this.#chaos.again();
    await this.#openDoors();
  }

  /** By looking, not by inotify: a machine has 128 instances for a user, and the kubelets need them. */
  #watchChaosFile(): void {
    const read = (): void => void this.#chaos.reload().catch((e: Error) => this.#log(`chaos.json: ${e.message}`));
    watchFile(this.#l.chaos, { interval: CHAOS_LOOK_MS }, read);
  }

  #topology(): Topology {
    const world = this.#world.clusters();
    return {
      // Clusters of the spec count before they exist: `partition cluster:mtl` during a creation is the point.
      clusters: [
        ...world.map(({ seed: c }) => ({ id: c.id, cluster: c.cluster, region: c.region, cidr: c.nodeCidr })),
        ...this.#spec.clusters
          .filter((s) => !world.some((c) => c.seed.cluster === s.name))
          .map((s) => ({ id: s.name, cluster: s.name, region: s.region, cidr: s.network.nodes, planned: true })),
      ],
      nodes: world.flatMap((c) => Object.keys(c.nodes)),
      processes: this.#keeper.view().map((p) => p.name),
      regions: this.#spec.regions.map((r) => r.name),
      users: this.#spec.users.map((u) => u.name),
    };
  }

  #machineNames(): MachineNames[] {
    return this.#world.clusters().map((c) => ({
      cluster: c.seed.cluster,
      region: c.seed.region,
      controlPlane: controlPlaneName(c.seed.id),
      nodes: Object.keys(c.nodes).map((node) => ({ node, machine: nodeName(c.seed.id, node) })),
    }));
  }

  #log(line: string): void {
    appendFileSync(`${this.#l.log}/supervisor.log`, `${new Date(this.#clock.now()).toISOString()} ${line}\n`);
  }
}
