import { type Clock, type Cloud, type ClusterName, LABEL_PREFIX } from '../kernel/index.ts';
import type { KubeObject } from './model.ts';
import { type KubeApi, KubeError } from './ports.ts';
import { loadBalancerAt } from './status.ts';

const IPV4 = /^\d+(\.\d+){3}$/;

/** What makes a load balancer reachable from other clouds; one of EKS is private unless it is told otherwise. */
export const balancerNotes = (cloud: Cloud): Record<string, string> =>
  cloud === 'aws'
    ? {
        'service.beta.kubernetes.io/aws-load-balancer-type': 'external',
        'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internet-facing',
      }
    : {};

/** A name in one cluster for what a load balancer of another cluster leads to. */
export interface PeerName {
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  ports: readonly { name: string; port: number }[];
}

/** A Service without pods that stands for a load balancer elsewhere, by its host name or by its addresses. */
function peerObjects(p: PeerName, addresses: readonly string[]): KubeObject[] {
  const ports = p.ports.map((x) => ({ ...x, protocol: 'TCP' }));
  const metadata = { name: p.name, namespace: p.namespace, labels: { ...p.labels } };
  const host = addresses.find((a) => !IPV4.test(a));
  const service = (spec: Record<string, unknown>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec,
  });
  if (host !== undefined) return [service({ type: 'ExternalName', externalName: host, ports })];
  const slice: KubeObject = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...metadata,
      labels: {
        ...p.labels,
        'kubernetes.io/service-name': p.name,
        'endpointslice.kubernetes.io/managed-by': LABEL_PREFIX,
      },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [...addresses], conditions: { ready: true } }],
    ports,
  };
  return [service({ type: 'ClusterIP', clusterIP: 'None', ports }), slice];
}

export interface MeetInput {
  /** Clusters that have the load balancer. */
  from: readonly ClusterName[];
  /** Clusters in which the others get a name. */
  to: readonly ClusterName[];
  /** The load balancer, the same in every cluster. */
  at: { namespace: string; name: string };
  nameOf(cluster: ClusterName): PeerName;
  manager: string;
  /** `undefined`: the cluster does not stand. */
  api(cluster: ClusterName): KubeApi | undefined;
}

/** No entry: the cluster does not answer. */
type Addresses = Readonly<Partial<Record<ClusterName, readonly string[]>>>;

async function addressesOf(x: MeetInput, cluster: ClusterName): Promise<string[] | undefined> {
  const api = x.api(cluster);
  if (api === undefined) return undefined;
  try {
    return ((await loadBalancerAt(api, x.at))?.addresses ?? []).toSorted();
  } catch (e) {
    return e instanceof KubeError && e.status === 0 ? undefined : [];
  }
}

/** Addresses of the load balancers, or their host names; empty while there are none. */
async function peerAddresses(x: MeetInput): Promise<Addresses> {
  const all = await Promise.all(x.from.map(async (c) => [c, await addressesOf(x, c)] as const));
  return Object.fromEntries(all.filter(([, at]) => at !== undefined));
}

const ADDRESS_MS = 180_000;
/** A cluster that does not answer for so long is not waited for. */
const SILENT_MS = 30_000;
const POLL_MS = 1000;

/**
 * Waits until every cluster that stands has the address of its load balancer, then tells it to all; what is missing, in
 * words. May be run again at any time.
 */
export async function meetPeers(x: MeetInput, o: { clock: Clock; signal: AbortSignal }): Promise<string[]> {
  const began = o.clock.monotonic();
  for (;;) {
    const found = await peerAddresses(x);
    const missing = x.from.filter((c) => (found[c] ?? []).length === 0);
    const took = o.clock.monotonic() - began;
    const late = missing.filter((c) => x.api(c) !== undefined && (found[c] !== undefined || took < SILENT_MS));
    if (late.length === 0 || took > ADDRESS_MS) {
      const untold = await tellPeers(x, found);
      return [...missing.map((c) => `no address yet: ${c}`), ...untold.map((c) => `could not be told: ${c}`)];
    }
    await o.clock.sleep(POLL_MS, o.signal);
  }
}

async function tell(x: MeetInput, me: ClusterName, addresses: Addresses): Promise<string | undefined> {
  const options = { manager: x.manager, dryRun: false, force: true, expect: 'any' as const };
  const api = x.api(me);
  if (api === undefined) return me;
  try {
    for (const peer of x.from) {
      const at = addresses[peer] ?? [];
      if (peer === me || at.length === 0) continue;
      for (const object of peerObjects(x.nameOf(peer), at)) await api.apply(object, options);
    }
    return undefined;
  } catch (e) {
    return `${me} (${e instanceof Error ? e.message : String(e)})`;
  }
}

/** Tells every cluster where the others are; those that could not be told, with the reason. */
async function tellPeers(x: MeetInput, addresses: Addresses): Promise<string[]> {
  return (await Promise.all(x.to.map((me) => tell(x, me, addresses)))).filter((t) => t !== undefined);
}
