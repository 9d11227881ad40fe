import type { Vip } from '../../machines.ts';
import { drawOf } from '../draw.ts';
import type { BalancerWish, CloudError, CloudName, Input, Obj, Op, Resource, Who, World } from '../model.ts';
import { BALANCER } from '../rules/controller.ts';
import { fail, find, publicAddress, takenAddresses } from '../rules/rule.ts';
import { same, str, strings } from '../values.ts';
import { opOf } from './create.ts';
import type { Answer, Case } from './decide.ts';
import { CLUSTER_TYPES } from './pools.ts';
import { RULES_OF } from './rules.ts';
import { inForce, type Target } from './target.ts';

type Balance = Case<Extract<Input, { kind: 'balance' }>>;
type Unbalance = Case<Extract<Input, { kind: 'unbalance' }>>;

export function clusterById(world: World, id: string): Resource | undefined {
  for (const r of world.resources.values()) if (r.hidden.clusterId === id && CLUSTER_TYPES.has(r.type)) return r;
  return undefined;
}
/** The load balancer of a Service. */
export function balancerOf(world: World, cluster: string, uid: string): Resource | undefined {
  for (const r of world.resources.values())
    if (r.hidden.service === uid && r.hidden.cluster === cluster && r.hidden.main === true) return r;
  return undefined;
}
/** What a Service's status shows, once the load balancer stands. */
export function ingressOf(r: Resource): { ip?: string; hostname?: string }[] {
  if (r.phase === 'creating' || r.phase === 'failed') return [];
  return str(r.hidden.dnsName) ? [{ hostname: str(r.hidden.dnsName) }] : [{ ip: str(r.hidden.vip) }];
}

export function balance(c: Balance): Answer {
  const { cluster, uid } = c.input;
  const owner = clusterById(c.draft.world, cluster);
  if (!owner) return { error: fail(404, 'ClusterNotFound', `no cluster ${cluster}`) };
  const existing = balancerOf(c.draft.world, cluster, uid);
  return existing ? change(c, owner, existing) : make(c, owner);
}

export function controllerOf(cluster: Resource): Who {
  const provider = ({ aws: 'aws', azure: 'azurerm', gcp: 'google' } as const)[cluster.cloud];
  return {
    provider,
    cloud: cluster.cloud,
    caller: str(cluster.hidden.clusterId),
    by: 'controller',
    account: cluster.account,
    region: cluster.region,
    tenant: '',
    principal: '',
    tags: {},
    preventGroupDelete: false,
  };
}

function targetFor(cluster: Resource, wish: Pick<BalancerWish, 'name'>, verb: Target['verb']): Target {
  return {
    cloud: cluster.cloud,
    region: cluster.region,
    cluster: str(cluster.attrs.name),
    type: BALANCER[cluster.cloud],
    name: wish.name,
    verb,
  };
}

function make(c: Balance, cluster: Resource): Answer {
  const { uid, wish } = c.input;
  const place = addressFor(c, cluster);
  if ('status' in place) return { error: place };
  const target = targetFor(cluster, wish, 'create');
  const late = inForce(c.chaos, 'fail', target, c.now);
  if (late)
    return {
      error: fail(
        500,
        str(late.args.code) || 'InternalError',
        str(late.args.message) || 'the load balancer could not be created',
      ),
    };
  const draw = drawOf(
    c.draft.world.setting.seed,
    `balancer|${cluster.key}|${wish.namespace}/${wish.name}|${c.draft.count(`balancer|${cluster.key}|${wish.namespace}/${wish.name}`)}`,
  );
  const parts = PARTS[cluster.cloud]({
    cluster,
    wish,
    uid,
    place,
    world: c.draft.world,
    hex: (s, n) => draw.hex(s, n),
  });
  const made = parts.map(
    (p, i): Resource => ({
      key: `${p.type}/${p.id}`,
      cloud: cluster.cloud,
      type: p.type,
      id: p.id,
      region: cluster.region,
      account: cluster.account,
      phase: i === 0 ? 'creating' : 'ready',
      by: 'controller',
      attrs: { ...p.attrs, id: p.id },
      hidden: { ...p.hidden, cluster: str(cluster.hidden.clusterId), service: uid, main: i === 0 },
      orphan: false,
      createdAt: c.now,
    }),
  );
  for (const r of made) c.draft.put(r);
  const [main] = made;
  if (!main) return undefined;
  return run(c, { cluster, main, verb: 'create', vip: vipOf(main, wish) });
}

/** Starts an operation on the main object that also waits for its address to be announced. */
function run(c: Balance, o: { cluster: Resource; main: Resource; verb: 'create' | 'update'; vip: Vip }): Answer {
  const target = targetFor(o.cluster, c.input.wish, o.verb);
  const attrs: Obj = { ...o.main.attrs, wish: wishData(c.input.wish) };
  const op: Op = {
    ...opOf({ c, rule: RULES_OF(o.main.type), target, salt: o.main.key, verb: o.verb, who: controllerOf(o.cluster) }),
    target: o.main.key,
    planned: attrs,
    prior: null,
    waitsFor: 1,
  };
  c.draft.op(op);
  c.draft.effects.push({ do: 'vip', op: op.id, vip: o.vip });
  return { op: op.id };
}

const wishData = (w: BalancerWish): Obj => JSON.parse(JSON.stringify(w)) as Obj;

function change(c: Balance, cluster: Resource, main: Resource): Answer {
  const running = [...c.draft.world.ops.values()].find((o) => o.target === main.key && o.phase === 'running');
  if (main.phase === 'deleting')
    return { error: fail(409, 'ResourceInUse', 'the load balancer of this service is being deleted') };
  if (running && same(running.planned?.wish, wishData(c.input.wish))) return { op: running.id };
  if (!running && same(main.attrs.wish, wishData(c.input.wish))) return undefined;
  // While it is being created the wish changes under it: the address is announced anew at once.
  c.draft.put({ ...main, phase: main.phase === 'creating' ? 'creating' : 'updating' });
  if (running) c.draft.op({ ...running, planned: { ...running.planned, wish: wishData(c.input.wish) } });
  if (running) {
    c.draft.effects.push({ do: 'vip', op: '', vip: vipOf(main, c.input.wish) });
    return { op: running.id };
  }
  return run(c, { cluster, main, verb: 'update', vip: vipOf(main, c.input.wish) });
}

export function vipOf(main: Resource, wish: BalancerWish): Vip {
  const ports = wish.ports.map((p) => ({
    proto: p.protocol.toLowerCase() === 'udp' ? ('udp' as const) : ('tcp' as const),
    port: p.port,
    targets: wish.nodes.filter((n) => n.ip !== '').map((n) => ({ ip: n.ip, port: p.nodePort })),
  }));
  const check =
    wish.localTraffic && wish.healthCheckNodePort > 0
      ? { check: { port: wish.healthCheckNodePort, path: '/healthz' } }
      : {};
  return { ip: str(main.hidden.vip), region: main.region, ports, ...check };
}

/** The address: a reserved one that the Service names, or a fresh one of the region. */
interface Address {
  ip: string;
  /** Reserved object that lends it. */
  ref?: Resource;
}

const ANNOTATION: Record<CloudName, string> = {
  aws: 'service.beta.kubernetes.io/aws-load-balancer-eip-allocations',
  azure: 'service.beta.kubernetes.io/azure-pip-name',
  gcp: 'networking.gke.io/load-balancer-ip-addresses',
};
const RESERVED: Record<CloudName, { type: string; by: string }> = {
  aws: { type: 'aws_eip', by: 'id' },
  azure: { type: 'azurerm_public_ip', by: 'name' },
  gcp: { type: 'google_compute_address', by: 'name' },
};

function addressFor(c: Balance, cluster: Resource): Address | CloudError {
  const { wish } = c.input;
  const { world } = c.draft;
  const name = (wish.annotations[ANNOTATION[cluster.cloud]] ?? '').split(',')[0]?.trim() ?? '';
  if (name !== '')
    return lent(
      world,
      find(world, RESERVED[cluster.cloud].type, RESERVED[cluster.cloud].by, name),
      unknownAddress(cluster, name),
    );
  if (wish.loadBalancerIP !== '') {
    const known = [...world.resources.values()].find(
      (r) => r.type === RESERVED[cluster.cloud].type && r.hidden.ip === wish.loadBalancerIP,
    );
    return lent(world, known, unknownAddress(cluster, wish.loadBalancerIP));
  }
  const draw = drawOf(world.setting.seed, `address|${cluster.key}|${wish.namespace}/${wish.name}`);
  const ip = publicAddress(world, cluster.region, draw, takenAddresses(world));
  return ip === undefined
    ? fail(503, 'AddressLimitExceeded', `no public address is free in ${cluster.region}`)
    : { ip };
}

function lent(world: World, ref: Resource | undefined, unknown: CloudError): Address | CloudError {
  if (!ref) return unknown;
  const ip = str(ref.hidden.ip);
  const user = [...world.resources.values()].find((r) => r.hidden.vip === ip);
  return user ? fail(400, 'AddressInUse', `address ${ip} is already used by ${user.id}`) : { ip, ref };
}

function unknownAddress(cluster: Resource, name: string): CloudError {
  if (cluster.cloud === 'aws') return fail(400, 'AllocationIdNotFound', `The allocation ID '${name}' does not exist`);
  if (cluster.cloud === 'azure')
    return fail(
      400,
      'PublicIPNotFound',
      `findMatchedPIP: cannot find public IP with name or address [${name}] in resource group ${str(cluster.hidden.nodeGroup)}`,
    );
  return fail(400, 'IPAddressNotFound', `requested ip "${name}" is neither static nor assigned to the LB`);
}

interface PartsInput {
  cluster: Resource;
  wish: BalancerWish;
  uid: string;
  place: Address;
  world: World;
  hex(stream: string, n: number): string;
}
interface Part {
  type: string;
  id: string;
  attrs: Obj;
  hidden: Obj;
}

/** What one load balancer consists of; the first part is the main one. */
const PARTS: Record<CloudName, (i: PartsInput) => Part[]> = {
  aws: (i) => {
    const subnets = publicSubnets(i.world, i.cluster);
    const vpc = str(find(i.world, 'aws_subnet', 'id', subnets[0] ?? '')?.attrs.vpc_id);
    const sg = `sg-${i.hex('sg', 17)}`;
    const name = `k8s-${i.wish.namespace.slice(0, 8)}-${i.wish.name.slice(0, 8)}-${i.hex('name', 10)}`;
    const lb: Part = {
      type: 'aws_lb',
      id: `arn:aws:elasticloadbalancing:${i.cluster.region}:${i.cluster.account}:loadbalancer/net/${name}/${i.hex('lb', 16)}`,
      attrs: { name, vpc_id: vpc, security_groups: [sg], allocations: i.place.ref ? [i.place.ref.id] : [] },
      hidden: {
        vip: i.place.ip,
        ...own(i.place),
        dnsName: `${name}-${i.hex('lb', 16)}.elb.${i.cluster.region}.amazonaws.com`,
      },
    };
    const group: Part = {
      type: 'aws_security_group',
      id: sg,
      attrs: {
        name: `k8s-elb-${name}`,
        vpc_id: vpc,
        description: `[k8s] Managed SecurityGroup for LoadBalancer ${i.wish.namespace}/${i.wish.name}`,
      },
      hidden: {},
    };
    const interfaces = subnets.map(
      (subnet, n): Part => ({
        type: 'aws_eni',
        id: `eni-${i.hex(`eni ${n}`, 17)}`,
        attrs: { subnet_id: subnet, vpc_id: vpc, security_groups: [sg], description: `ELB net/${name}` },
        hidden: {},
      }),
    );
    return [lb, group, ...interfaces];
  },
  azure: (i) => {
    const group = `/subscriptions/${i.cluster.account}/resourceGroups/${str(i.cluster.hidden.nodeGroup)}`;
    const name = `a${i.uid.replaceAll('-', '').slice(0, 31)}`;
    const pip = i.place.ref?.id ?? `${group}/providers/Microsoft.Network/publicIPAddresses/kubernetes-${name}`;
    const frontend: Part = {
      type: 'azure_frontend',
      id: `${group}/providers/Microsoft.Network/loadBalancers/kubernetes/frontendIPConfigurations/${name}`,
      attrs: { name, public_ip_id: pip },
      hidden: { vip: i.place.ip, ...own(i.place) },
    };
    const address: Part = {
      type: 'azurerm_public_ip',
      id: pip,
      attrs: { name: `kubernetes-${name}`, ip_address: i.place.ip },
      hidden: {},
    };
    return i.place.ref ? [frontend] : [frontend, address];
  },
  gcp: (i) => {
    const project = `projects/${i.cluster.account}`;
    const name = `a${i.uid.replaceAll('-', '').slice(0, 31)}`;
    const network = str(i.cluster.attrs.network);
    return [
      {
        type: 'gcp_forwarding_rule',
        id: `${project}/regions/${i.cluster.region}/forwardingRules/${name}`,
        attrs: { name, address: i.place.ip },
        hidden: { vip: i.place.ip, ...own(i.place) },
      },
      {
        type: 'gcp_firewall',
        id: `${project}/global/firewalls/k8s-fw-${name}`,
        attrs: { name: `k8s-fw-${name}`, network },
        hidden: {},
      },
      {
        type: 'gcp_neg',
        id: `${project}/zones/${i.cluster.region}-a/networkEndpointGroups/k8s2-${i.hex('neg', 8)}-${i.wish.name}`,
        attrs: { name, network },
        hidden: {},
      },
    ];
  },
};

/** `hidden.ip` claims an address; a reserved one is claimed by its own object. */
const own = (p: Address): Obj => (p.ref ? {} : { ip: p.ip });

/** Subnets that may hold Internet-facing load balancers, one per zone. */
function publicSubnets(world: World, cluster: Resource): string[] {
  const known = strings(cluster.attrs, 'vpc_config.subnet_ids')
    .map((id) => find(world, 'aws_subnet', 'id', id))
    .filter((s) => s !== undefined);
  const open = known.filter((s) => s.attrs.map_public_ip_on_launch === true);
  const chosen = open.length > 0 ? open : known;
  return [...new Map(chosen.map((s) => [str(s.attrs.availability_zone), s.id])).values()];
}

/** Deletes the load balancer; its lesser parts follow in their own time, or stay when chaos says so. */
export function unbalance(c: Unbalance): Answer {
  const { cluster: id, uid } = c.input;
  const main = balancerOf(c.draft.world, id, uid);
  if (!main) return { error: fail(404, 'NotFound', 'no such load balancer') };
  const running = [...c.draft.world.ops.values()].find((o) => o.target === main.key && o.phase === 'running');
  if (running?.verb === 'delete') return { op: running.id };
  if (running)
    c.draft.op({ ...running, phase: 'failed', error: fail(409, 'Canceled', 'deleted while it was being changed') });
  const owner = clusterById(c.draft.world, id) ?? main;
  const target = targetFor(owner, { name: str(main.attrs.wish, 'name') }, 'delete');
  const leak = inForce(c.chaos, 'leak', target, c.now) !== undefined;
  c.draft.effects.push({ do: 'vipGone', ip: str(main.hidden.vip) });
  const parts = [...c.draft.world.resources.values()].filter(
    (r) => r.hidden.service === uid && r.hidden.cluster === id && r.key !== main.key,
  );
  for (const part of parts) {
    if (leak) c.draft.put({ ...part, orphan: true });
    else remove(c, { part, target, who: controllerOf(owner), caller: 'gone' });
  }
  return { op: remove(c, { part: main, target, who: controllerOf(owner), caller: 'waiting' }) };
}

/** Its own security group waits for the interfaces, as long as that takes. */
const PATIENCE_MS = 86_400_000;

export function remove(
  c: Pick<Case, 'draft' | 'chaos' | 'now'>,
  o: { part: Resource; target: Target; who: Who; caller: Op['caller'] },
): string {
  const { part, target, who, caller } = o;
  const op: Op = {
    ...opOf({
      c,
      rule: RULES_OF(part.type),
      target: { ...target, type: part.type },
      salt: part.key,
      verb: 'delete',
      who,
    }),
    target: part.key,
    planned: null,
    prior: part.attrs,
    retryUntil: c.now + PATIENCE_MS,
    caller,
  };
  c.draft.put({ ...part, phase: 'deleting' });
  c.draft.op(op);
  return op.id;
}
