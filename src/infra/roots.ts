import type { ClusterConfig, Config } from '../config/index.ts';
import { type ClusterName, canonical, digest, type Json } from '../kernel/index.ts';
import type { Digest, Envelope, ModuleName, OutputRef, Outputs, Root, RootId, Vars } from './model.ts';
import { clusterRoot } from './model.ts';
import { machineType } from './sizes.ts';

const MODULES = { aws: 'aws-eks', azure: 'azure-aks', gcp: 'gcp-gke' } as const;
export const NAMESERVER = 'nameservers';

/** Variables that every cluster module has. */
function common(config: Config, c: ClusterConfig): Vars {
  const cloud = c.cloud === 'existing' ? 'aws' : c.cloud;
  return {
    fleet: config.fleet,
    cluster: c.name,
    region: c.region,
    zones: [...c.zones],
    kubernetes_version: c.version,
    node_size: machineType(cloud, c.size) ?? c.size,
    nodes_min: c.nodes.min,
    nodes_max: c.nodes.max,
    node_cidr: c.network.nodes,
    service_cidr: c.network.services,
    admins: [...c.admins],
  };
}

const ACCOUNT: Record<ClusterConfig['cloud'], (a: Config['accounts']) => Vars> = {
  aws: ({ aws }) => ({ account: aws?.account ?? '', profile: aws?.profile ?? null }),
  azure: ({ azure }) => ({ subscription: azure?.subscription ?? '', tenant: azure?.tenant ?? '' }),
  gcp: ({ gcp }) => ({ project: gcp?.project ?? '' }),
  existing: () => ({}),
};
/** Account of a cloud; the config check has seen to it that it is named. */
const accountVars = (config: Config, cloud: ClusterConfig['cloud']): Vars => ACCOUNT[cloud](config.accounts);

function clusterVars(config: Config, c: ClusterConfig): Vars {
  // EKS pods take addresses of the nodes' network (VPC CNI), so that module has no pod_cidr
  const pods = c.cloud === 'aws' ? {} : { pod_cidr: c.network.pods };
  return { ...common(config, c), ...pods, ...accountVars(config, c.cloud) };
}

/** Where each module variable comes from in the config; a test compares it with variables.tf. */
export const VARIABLE_SOURCES: Readonly<Record<ModuleName, Readonly<Record<string, string>>>> = (() => {
  const shared = {
    fleet: 'fleet',
    cluster: 'clusters.*',
    region: 'clusters.*.region',
    zones: 'clusters.*.zones',
    kubernetes_version: 'clusters.*.version',
    node_size: 'clusters.*.size',
    nodes_min: 'clusters.*.nodes.min',
    nodes_max: 'clusters.*.nodes.max',
    node_cidr: 'clusters.*.network.nodes',
    service_cidr: 'clusters.*.network.services',
    admins: 'clusters.*.admins',
  };
  const pods = { pod_cidr: 'clusters.*.network.pods' };
  const account = { account: 'accounts.aws.account', profile: 'accounts.aws.profile' };
  return {
    'aws-eks': { ...shared, ...account },
    'azure-aks': { ...shared, ...pods, subscription: 'accounts.azure.subscription', tenant: 'accounts.azure.tenant' },
    'gcp-gke': { ...shared, ...pods, project: 'accounts.gcp.project' },
    'dns-route53': {
      fleet: 'fleet',
      ...account,
      domain: 'dns.zone',
      hosts: 'apps.*.traffic.host',
      nameservers: 'outputs.*.nameserver.ip',
    },
  };
})();

function clusterRootOf(config: Config, c: ClusterConfig): Root | undefined {
  if (c.cloud === 'existing') return undefined;
  return {
    id: clusterRoot(c.name),
    cluster: c.name,
    module: MODULES[c.cloud],
    vars: clusterVars(config, c),
    needs: [],
  };
}

function zoneRoot(config: Config, clusters: readonly Root[]): Root | undefined {
  if (config.dns === undefined) return undefined;
  const hosts = new Set(config.apps.flatMap((a) => (a.traffic === undefined ? [] : [a.traffic.host])));
  return {
    id: `zone:${config.dns.zone}`,
    module: 'dns-route53',
    vars: {
      fleet: config.fleet,
      ...accountVars(config, 'aws'),
      domain: config.dns.zone,
      hosts: [...hosts].sort(),
    },
    needs: clusters.map((r): OutputRef => ({ root: r.id, variable: NAMESERVER, key: r.cluster ?? '' })),
  };
}

/** Config → roots in an order where each follows what it needs. `only`: these clusters, and the zone. */
export function rootsOf(config: Config, only?: readonly ClusterName[]): Root[] {
  const clusters = config.clusters.flatMap((c) => clusterRootOf(config, c) ?? []);
  const zone = zoneRoot(config, clusters);
  const wanted = clusters.filter((r) => only === undefined || only.includes(r.cluster ?? ''));
  return zone === undefined ? wanted : [...wanted, zone];
}

/** Addresses of the nameservers that are known, by cluster. */
export function nameserversOf(root: Root, outputs: Outputs): Record<ClusterName, string> {
  const known: Record<ClusterName, string> = {};
  for (const need of root.needs) {
    const ip = outputs[need.key]?.nameserver?.ip;
    if (ip !== undefined && ip !== '') known[need.key] = ip;
  }
  return known;
}

/** A root whose needs are filled from outputs; unknown ones are left out. */
export function fill(root: Root, outputs: Outputs): Root {
  if (root.needs.length === 0) return root;
  return { ...root, vars: { ...root.vars, [NAMESERVER]: nameserversOf(root, outputs) } };
}

/** Needed roots that have no output yet, out of those that this plan builds. */
export function waitsFor(root: Root, outputs: Outputs, building: readonly RootId[]): RootId[] {
  const known = nameserversOf(root, outputs);
  return root.needs.filter((n) => known[n.key] === undefined && building.includes(n.root)).map((n) => n.root);
}

/** Exact addresses that the zone root may create or update before its inputs are known. */
export function envelopeOf(root: Root): Envelope {
  const hosts = root.vars['hosts'];
  const addresses = [
    'module.this.aws_route53_zone.this',
    ...root.needs.map((n) => `module.this.aws_route53_record.nameserver[${JSON.stringify(n.key)}]`),
    ...(Array.isArray(hosts) ? hosts : []).map((h) => `module.this.aws_route53_record.host[${JSON.stringify(h)}]`),
  ];
  return { allow: addresses.map((address) => ({ address, actions: ['create', 'update'] })) };
}

export function envelopeDigest(root: Root, envelope: Envelope, moduleDigest: Digest): Digest {
  return digest({ root: root.id, module: moduleDigest, vars: root.vars, envelope: envelope as unknown as Json });
}

const OUTPUT: Readonly<Record<ModuleName, string>> = {
  'aws-eks': 'cluster',
  'azure-aks': 'cluster',
  'gcp-gke': 'cluster',
  'dns-route53': 'zone',
};

/** Text as a literal of a terraform template, and back. */
const literal = (s: string): string => s.replaceAll(/[$%](?=\{)/g, (c) => c + c);
const plain = (s: string): string => s.replaceAll(/([$%])\1(?=\{)/g, (_, c: string) => c);

function mapped(value: Json, text: (s: string) => string): Json {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return value.map((v: Json) => mapped(v, text));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [text(k), mapped(v, text)]));
}

/** The variables that a `main.tf.json` of ours sets. */
export function varsIn(main: string): Vars {
  const { source: _, ...vars } = (JSON.parse(main) as { module: { this: Vars } }).module.this;
  return mapped(vars, plain) as Vars;
}

/** `main.tf.json` of a root: state beside it, one module, its one output. Same root, same bytes. */
export function mainFile(root: Root): string {
  const output = OUTPUT[root.module];
  const value: Json = {
    terraform: { backend: { local: { path: 'terraform.tfstate' } } },
    module: { this: { source: './module', ...(mapped(root.vars, literal) as Vars) } },
    output: { [output]: { value: `\${module.this.${output}}` } },
  };
  return `${JSON.stringify(JSON.parse(canonical(value)), null, 2)}\n`;
}
