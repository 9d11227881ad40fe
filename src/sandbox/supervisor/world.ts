import { mkdirSync, rmSync } from 'node:fs';
import type { Clock, Json } from '../../kernel/index.ts';
import { readJson, writeJson } from '../adapters/files.ts';
import type { ClusterAccess, ClusterSeed, Machines, NodeSeed, Vip } from '../machines.ts';
import type { ClusterView, SandboxSpec } from '../model.ts';
import { controlPlaneIp, nextEndpointIp, nextNodeIp, overlaps } from '../plan/allocate.ts';
import type { Layout } from '../plan/layout.ts';
import { controlPlaneName, nodeName } from '../plan/places.ts';
import type { CommandLines } from './commands.ts';
import type { Keeper, ProcessDef } from './keeper.ts';
import { type ClusterState, emptyWorld, type NodeState, type WorldState } from './model.ts';
import { controlPlaneSpec, nodeSpec } from './specs.ts';

/** Boot of a control plane on a busy machine; beyond it the clouds report a failed creation. */
const BOOT_MS = 240_000;

/** A refusal the clouds pass on. */
export class WorldError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface WorldDeps {
  layout: Layout;
  /** As it is now: the world may grow. */
  spec: () => SandboxSpec;
  keeper: Keeper;
  lines: CommandLines;
  env: Record<string, string>;
  rootless: boolean;
  clock: Clock;
  net: (order: { do: string } & Record<string, Json>) => Promise<unknown>;
}

/** Control planes, nodes and public addresses: what should run (DIR/state.json) and the processes that do. */
export class World implements Machines {
  readonly #d: WorldDeps;
  readonly #state: WorldState;
  readonly #queues = new Map<string, Promise<unknown>>();
  /** Names of machines without power (chaos). */
  #dead: ReadonlySet<string> = new Set();

  constructor(d: WorldDeps) {
    this.#d = d;
    this.#state = { ...emptyWorld(), ...readJson<WorldState>(d.layout.state) };
  }

  boot(seed: ClusterSeed): Promise<ClusterAccess> {
    return this.#alone(seed.id, async () => {
      const known = this.#state.clusters[seed.id];
      const c: ClusterState = known === undefined ? this.#allocate(seed) : { ...known, seed };
      this.#refuseDead(controlPlaneName(seed.id));
      this.#state.clusters[seed.id] = c;
      this.#save();
      if (!this.#runs(controlPlaneName(seed.id))) await this.#startControlPlane(c);
      await this.#d.keeper.ready(controlPlaneName(seed.id), BOOT_MS).catch((e: Error) => {
        throw new WorldError(504, 'BootFailed', `the control plane of ${seed.id} does not start: ${e.message}`);
      });
      const ready = this.#readyFile(seed.id);
      return { endpointIp: c.endpointIp, ca: ready?.ca ?? '', version: ready?.version ?? '' };
    });
  }

  remove(id: string): Promise<void> {
    return this.#alone(id, async () => {
      const c = this.#state.clusters[id];
      if (c === undefined) return;
      delete this.#state.clusters[id];
      this.#save();
      for (const name of Object.keys(c.nodes)) await this.#stopNode(id, name);
      await this.#stopMachine(controlPlaneName(id));
      rmSync(this.#d.layout.cluster(id), { recursive: true, force: true });
    });
  }

  addNode(id: string, seed: NodeSeed): Promise<{ ip: string }> {
    return this.#alone(id, async () => {
      const c = this.#cluster(id);
      this.#refuseDead(controlPlaneName(id));
      const known = c.nodes[seed.name];
      const ip = known?.ip ?? nextNodeIp(c.seed.nodeCidr, this.#addressesIn(c.seed));
      const n: NodeState = { seed, ip };
      c.nodes[seed.name] = n;
      this.#save();
      if (!this.#runs(nodeName(id, seed.name))) await this.#startNode(c, n);
      return { ip };
    });
  }

  removeNode(id: string, name: string): Promise<void> {
    return this.#alone(id, async () => {
      const c = this.#state.clusters[id];
      if (c?.nodes[name] === undefined) return;
      delete c.nodes[name];
      this.#save();
      await this.#stopNode(id, name);
    });
  }

  vip(vip: Vip): Promise<void> {
    return this.#alone(vip.ip, async () => {
      this.#region(vip.region);
      this.#state.vips[vip.ip] = vip;
      this.#save();
      await this.#sendVip(vip);
    });
  }

  vipGone(ip: string): Promise<void> {
    return this.#alone(ip, async () => {
      if (this.#state.vips[ip] === undefined) return;
      delete this.#state.vips[ip];
      this.#save();
      await this.#d.net({ do: 'vipGone', ip });
    });
  }

  async health(id: string): Promise<{ ready: boolean }> {
    return { ready: this.#d.keeper.state(controlPlaneName(id)) === 'up' && this.#readyFile(id) !== undefined };
  }

  clusters(): ClusterState[] {
    return Object.values(this.#state.clusters);
  }

  /** Makes machines, processes and addresses of the state real again, after the network was made anew. */
  async restore(): Promise<void> {
    for (const c of this.clusters()) {
      await this.#alone(c.seed.id, async () => {
        if (!this.#dead.has(controlPlaneName(c.seed.id))) await this.#startControlPlane(c);
        for (const n of Object.values(c.nodes)) {
          if (!this.#dead.has(nodeName(c.seed.id, n.seed.name))) await this.#startNode(c, n);
        }
      });
    }
    for (const vip of Object.values(this.#state.vips)) await this.#sendVip(vip);
  }

  /** Waits until every control plane with power serves or `timeoutMs` is over; one that fails is seen in the view. */
  async settled(timeoutMs: number): Promise<void> {
    const names = this.clusters().map((c) => controlPlaneName(c.seed.id));
    await Promise.allSettled(names.filter((n) => !this.#dead.has(n)).map((n) => this.#d.keeper.ready(n, timeoutMs)));
  }

  /** Takes the power from exactly these machines: network first, so that no dying socket says goodbye. */
  async power(dead: ReadonlySet<string>): Promise<void> {
    const before = this.#dead;
    this.#dead = dead;
    const all = this.clusters().flatMap((c) => machinesOf(c).map((m) => ({ ...m, c })));
    // Not in the queue of the cluster: a boot that waits there must not delay the cut.
    await Promise.all(all.filter((m) => dead.has(m.name) && !before.has(m.name)).map((m) => this.#stopMachine(m.name)));
    for (const m of all.filter((x) => before.has(x.name) && !dead.has(x.name))) {
      await this.#alone(m.c.seed.id, () =>
        m.node === undefined ? this.#startControlPlane(m.c) : this.#startNode(m.c, m.node),
      );
    }
  }

  view(): { clusters: ClusterView[]; vips: { ip: string; region: string; ports: string }[] } {
    const { keeper } = this.#d;
    const clusters = this.clusters().map((c) => ({
      id: c.seed.id,
      cluster: c.seed.cluster,
      cloud: c.seed.cloud,
      region: c.seed.region,
      endpointIp: c.endpointIp,
      privateIp: c.privateIp,
      state: this.#stateOf(controlPlaneName(c.seed.id)),
      ready: keeper.state(controlPlaneName(c.seed.id)) === 'up',
      nodes: Object.values(c.nodes).map((n) => ({
        name: n.seed.name,
        ip: n.ip,
        zone: n.seed.zone,
        instanceType: n.seed.instanceType,
        state: this.#stateOf(nodeName(c.seed.id, n.seed.name)),
      })),
    }));
    const vips = Object.values(this.#state.vips).map((v) => ({
      ip: v.ip,
      region: v.region,
      ports: v.ports.map((p) => `${p.port}/${p.proto}`).join(' '),
    }));
    return { clusters, vips };
  }

  #runs(name: string): boolean {
    return this.#d.keeper.has(name) && this.#d.keeper.state(name) !== 'failed';
  }

  #stateOf(name: string): ClusterView['state'] {
    return this.#dead.has(name) ? 'held' : this.#d.keeper.state(name);
  }

  #allocate(seed: ClusterSeed): ClusterState {
    const region = this.#region(seed.region);
    const near = this.clusters().filter((c) => c.seed.region === seed.region);
    const clash = near.find((c) => overlaps(c.seed.nodeCidr, seed.nodeCidr));
    if (clash !== undefined) {
      throw new WorldError(
        409,
        'AddressesOverlap',
        `nodes network ${seed.nodeCidr} of ${seed.id} overlaps ${clash.seed.nodeCidr} of ${clash.seed.id} in ${seed.region}`,
      );
    }
    const endpointIp = nextEndpointIp(
      region.index,
      near.map((c) => c.endpointIp),
    );
    return { seed, privateIp: controlPlaneIp(seed.nodeCidr), endpointIp, nodes: {} };
  }

  #addressesIn(seed: ClusterSeed): string[] {
    return this.clusters().flatMap((c) =>
      c.seed.region === seed.region ? Object.values(c.nodes).map((n) => n.ip) : [],
    );
  }

  async #startControlPlane(c: ClusterState): Promise<void> {
    const { layout: l, lines } = this.#d;
    const name = controlPlaneName(c.seed.id);
    const dir = l.cluster(c.seed.id);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeJson(`${dir}/control-plane.json`, controlPlaneSpec(l, c));
    await this.#machine(c, name, { ip: c.privateIp, public: c.endpointIp });
    await this.#run({
      name,
      role: 'control-plane',
      argv: lines.controlPlane(name, `${dir}/control-plane.json`),
      before: () => rmSync(`${dir}/ready.json`, { force: true }),
      ready: () => this.#readyFile(c.seed.id) !== undefined,
    });
  }

  async #startNode(c: ClusterState, n: NodeState): Promise<void> {
    const { layout: l, lines, rootless } = this.#d;
    const { bins } = this.#d.spec();
    const name = nodeName(c.seed.id, n.seed.name);
    const dir = l.node(c.seed.id, n.seed.name);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeJson(`${dir}/node.json`, nodeSpec(l, c, n, { shim: `${bins}/tw-shim`, rootless }));
    await this.#machine(c, name, { ip: n.ip });
    await this.#run({ name, role: 'node', argv: lines.node(name, `${dir}/node.json`) });
  }

  async #machine(c: ClusterState, name: string, at: { ip: string; public?: string }): Promise<void> {
    await this.#d.net({ do: 'machine', name, region: c.seed.region, cidr: c.seed.nodeCidr, ...at });
  }

  async #run(def: Omit<ProcessDef, 'env' | 'cwd' | 'log'>): Promise<void> {
    const { layout: l, env, keeper } = this.#d;
    await keeper.start({ ...def, env, cwd: l.dir, log: `${l.log}/${def.name}.log` });
  }

  async #stopMachine(name: string): Promise<void> {
    await this.#d.net({ do: 'machineGone', name }).catch(() => undefined);
    await this.#d.keeper.stop(name);
  }

  async #stopNode(id: string, name: string): Promise<void> {
    await this.#stopMachine(nodeName(id, name));
    rmSync(this.#d.layout.node(id, name), { recursive: true, force: true });
  }

  async #sendVip(vip: Vip): Promise<void> {
    await this.#d.net({ ...(JSON.parse(JSON.stringify(vip)) as Record<string, Json>), do: 'vip' });
  }

  #readyFile(id: string): { ca: string; version: string } | undefined {
    return readJson(`${this.#d.layout.cluster(id)}/ready.json`);
  }

  #cluster(id: string): ClusterState {
    const c = this.#state.clusters[id];
    if (c === undefined) throw new WorldError(404, 'NoSuchCluster', `no cluster ${id} here`);
    return c;
  }

  #region(name: string): { index: number } {
    const { regions } = this.#d.spec();
    const region = regions.find((r) => r.name === name);
    if (region === undefined) {
      const names = regions.map((r) => r.name).join(', ');
      throw new WorldError(400, 'NoSuchRegion', `region ${name} is not in this sandbox; it has ${names}`);
    }
    return region;
  }

  #refuseDead(name: string): void {
    if (this.#dead.has(name)) throw new WorldError(503, 'MachineOff', `${name} has no power (chaos kill)`);
  }

  #save(): void {
    writeJson(this.#d.layout.state, this.#state);
  }

  /** One change at a time per cluster or address; a failed one does not stop the next. */
  async #alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#queues.set(
      key,
      mine.catch(() => undefined),
    );
    return mine;
  }
}

interface Machine {
  name: string;
  node?: NodeState;
}
function machinesOf(c: ClusterState): Machine[] {
  return [
    { name: controlPlaneName(c.seed.id) },
    ...Object.values(c.nodes).map((node) => ({ name: nodeName(c.seed.id, node.seed.name), node })),
  ];
}
