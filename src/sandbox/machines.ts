/**
 * Machines: what the simulated clouds ask for when a cluster, a node or a public address comes or
 * goes. Every call is idempotent: the clouds repeat it after a crash.
 */

/** The three simulated clouds. */
export type CloudName = 'aws' | 'azure' | 'gcp';

export interface ClusterSeed {
  /** `<cloud>-<name of the cluster resource>`, e.g. `aws-guestbook-demo-sao`. */
  id: string;
  /** Name in the config (from the resource's tags), e.g. `sao`. */
  cluster: string;
  cloud: CloudName;
  region: string;
  zones: string[];
  nodeCidr: string;
  podCidr: string;
  serviceCidr: string;
  /** Minor version, `1.36`. */
  version: string;
  /** Public host name of the API endpoint; empty where the cloud hands out a bare address (GKE). */
  dnsName: string;
  /** Service account issuer URL. */
  issuer: string;
}
export interface NodeSeed {
  name: string;
  zone: string;
  instanceType: string;
  cpu: number;
  memoryBytes: number;
  labels: Record<string, string>;
  taints: { key: string; value: string; effect: string }[];
  providerId: string;
}
/** One public address; `check` probes a target's health port, without it TCP ports are connected to. */
export interface Vip {
  ip: string;
  region: string;
  ports: { proto: 'tcp' | 'udp'; port: number; targets: { ip: string; port: number }[] }[];
  check?: { port: number; path?: string };
}
/** `ca` is base64 of the PEM; `version` is the running one, `v1.36.3`. */
export interface ClusterAccess {
  endpointIp: string;
  ca: string;
  version: string;
}
export interface Machines {
  /** Resolves when the API server is ready. */
  boot(cluster: ClusterSeed): Promise<ClusterAccess>;
  remove(id: string): Promise<void>;
  addNode(id: string, node: NodeSeed): Promise<{ ip: string }>;
  removeNode(id: string, name: string): Promise<void>;
  vip(vip: Vip): Promise<void>;
  vipGone(ip: string): Promise<void>;
  health(id: string): Promise<{ ready: boolean }>;
}

export interface MemoryMachines extends Machines {
  readonly clusters: ReadonlyMap<string, ClusterSeed>;
  /** Keys `<cluster id>/<node name>`. */
  readonly nodes: ReadonlyMap<string, NodeSeed & { ip: string }>;
  readonly vips: ReadonlyMap<string, Vip>;
  /** The next boots fail with this text; `undefined` ends it. */
  failBoot(why: string | undefined): void;
}

/** The twin: same contract, no machines. */
export function memoryMachines(o: { endpointIp?: (c: ClusterSeed) => string } = {}): MemoryMachines {
  const clusters = new Map<string, ClusterSeed>();
  const nodes = new Map<string, NodeSeed & { ip: string }>();
  const vips = new Map<string, Vip>();
  const order: string[] = [];
  let bootFault: string | undefined;
  return {
    clusters,
    nodes,
    vips,
    failBoot: (why) => {
      bootFault = why;
    },
    boot: async (c) => {
      if (bootFault !== undefined) throw new Error(bootFault);
      clusters.set(c.id, c);
      if (!order.includes(c.id)) order.push(c.id);
      const endpointIp = o.endpointIp?.(c) ?? `198.18.${order.indexOf(c.id) + 1}.10`;
      return {
        endpointIp,
        ca: btoa(`-----BEGIN CERTIFICATE-----\n${c.id}\n-----END CERTIFICATE-----\n`),
        version: 'v1.36.3',
      };
    },
    remove: async (id) => {
      clusters.delete(id);
      for (const key of nodes.keys()) if (key.startsWith(`${id}/`)) nodes.delete(key);
    },
    addNode: async (id, node) => {
      if (!clusters.has(id)) throw new Error(`no cluster ${id}`);
      const key = `${id}/${node.name}`;
      const known = nodes.get(key);
      const ip =
        known?.ip ??
        `10.${order.indexOf(id) + 10}.0.${11 + [...nodes.keys()].filter((k) => k.startsWith(`${id}/`)).length}`;
      nodes.set(key, { ...node, ip });
      return { ip };
    },
    removeNode: async (id, name) => void nodes.delete(`${id}/${name}`),
    vip: async (v) => void vips.set(v.ip, v),
    vipGone: async (ip) => void vips.delete(ip),
    health: async (id) => ({ ready: clusters.has(id) }),
  };
}
