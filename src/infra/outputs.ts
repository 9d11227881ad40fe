import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { ClusterConfig, Config } from '../config/index.ts';
import { fault, type Json } from '../kernel/index.ts';
import { type AuthTarget, clusterRoot, type ClusterOutput, type Outputs } from './model.ts';
import type { RootStore } from './ports.ts';

type Obj = { readonly [key: string]: Json };
const isObj = (v: unknown): v is Obj => typeof v === 'object' && v !== null && !Array.isArray(v);
const text = (o: Obj, key: string): string | undefined => {
  const v = o[key];
  return typeof v === 'string' && v !== '' ? v : undefined;
};

const AUTH_KEYS: Readonly<Record<string, readonly string[]>> = {
  eks: ['name', 'region', 'account'],
  aks: ['name', 'tenant', 'subscription'],
  gke: ['name', 'project', 'location'],
};

/** Checks the `cluster` output of a module. Throws TW2115 with what is missing. */
export function clusterOutput(cluster: string, value: Json | undefined): ClusterOutput {
  const o = isObj(value) ? value : {};
  const auth = isObj(o['auth']) ? o['auth'] : {};
  const nameserver = isObj(o['nameserver']) ? o['nameserver'] : {};
  const kind = text(auth, 'kind') ?? '';
  const missing = [
    ...['name', 'endpoint', 'issuer', 'network'].filter((k) => text(o, k) === undefined),
    ...(AUTH_KEYS[kind] ?? ['kind']).filter((k) => text(auth, k) === undefined).map((k) => `auth.${k}`),
    ...['ip', 'ref'].filter((k) => text(nameserver, k) === undefined).map((k) => `nameserver.${k}`),
  ];
  if (missing.length > 0)
    throw fault('TW2115', { value: cluster, where: [{ cluster }], why: [`no ${missing.join(', ')}`] });
  const nodeGroup = text(o, 'node_group');
  return {
    name: text(o, 'name') ?? '',
    endpoint: text(o, 'endpoint') ?? '',
    ca: text(o, 'ca') ?? null,
    issuer: text(o, 'issuer') ?? '',
    network: text(o, 'network') ?? '',
    ...(nodeGroup === undefined ? {} : { nodeGroup }),
    auth: auth as unknown as AuthTarget,
    nameserver: { ip: text(nameserver, 'ip') ?? '', ref: text(nameserver, 'ref') ?? '' },
  };
}

interface Kubeconfig {
  'current-context'?: string;
  contexts?: { name: string; context: { cluster: string } }[];
  clusters?: { name: string; cluster: { server?: string; 'certificate-authority-data'?: string } }[];
}

/** Output of a cluster that others built, from its kubeconfig. Throws TW2115. */
export function existingOutput(c: ClusterConfig): ClusterOutput {
  const file = c.kubeconfig ?? `${process.env['HOME'] ?? ''}/.kube/config`;
  try {
    const k = parse(readFileSync(file, 'utf8')) as Kubeconfig;
    const context = c.context ?? k['current-context'] ?? '';
    const name = k.contexts?.find((x) => x.name === context)?.context.cluster;
    const cluster = k.clusters?.find((x) => x.name === name)?.cluster;
    if (cluster?.server === undefined) throw new Error(`no context "${context}"`);
    return {
      name: c.name,
      endpoint: cluster.server,
      ca: cluster['certificate-authority-data'] ?? null,
      issuer: '',
      network: '',
      auth: { kind: 'kubeconfig', file, context },
    };
  } catch (cause) {
    throw fault('TW2115', { value: c.name, where: [{ cluster: c.name, file }], cause });
  }
}

/**
 * Outputs of the clusters that exist, by cluster name; read from the state files, without terraform.
 * A cluster that is absent or half built is left out; `broken` hears why.
 */
export async function outputsOf(
  config: Config,
  roots: RootStore,
  broken: (cluster: string, error: unknown) => void = () => undefined,
): Promise<Outputs> {
  const found: Record<string, ClusterOutput> = {};
  for (const c of config.clusters) {
    try {
      if (c.cloud === 'existing') {
        found[c.name] = existingOutput(c);
        continue;
      }
      const state = await roots.state(clusterRoot(c.name));
      const value = state?.outputs['cluster'];
      if (value !== undefined && (state?.resources ?? 0) > 0) found[c.name] = clusterOutput(c.name, value);
    } catch (error) {
      broken(c.name, error);
    }
  }
  return found;
}
