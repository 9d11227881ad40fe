import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { parse } from 'yaml';
import type { ClusterConfig, Config } from '../config/index.ts';
import { fault, type Json } from '../kernel/index.ts';
import { type AuthTarget, type ClusterOutput, clusterRoot, type Outputs } from './model.ts';
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

/** Names of the fields that a `cluster` output lacks. */
function missing(o: Obj, auth: Obj, nameserver: Obj): string[] {
  const absent = (holder: Obj, keys: readonly string[], prefix = ''): string[] =>
    keys.filter((k) => text(holder, k) === undefined).map((k) => `${prefix}${k}`);
  return [
    ...absent(o, ['name', 'endpoint', 'issuer', 'network']),
    ...absent(auth, AUTH_KEYS[text(auth, 'kind') ?? ''] ?? ['kind'], 'auth.'),
    ...absent(nameserver, ['ip', 'ref'], 'nameserver.'),
  ];
}

/** Checks the `cluster` output of a module. Throws TW2115 with what is missing. */
export function clusterOutput(cluster: string, value: Json | undefined): ClusterOutput {
  const part = (v: Json | undefined): Obj => (isObj(v) ? v : {});
  const o = part(value);
  const [auth, nameserver] = [part(o['auth']), part(o['nameserver'])];
  const lacks = missing(o, auth, nameserver);
  if (lacks.length > 0)
    throw fault('TW2115', { value: cluster, where: [{ cluster }], why: [`no ${lacks.join(', ')}`] });
  const of = (key: string, holder = o): string => text(holder, key) ?? '';
  return {
    name: of('name'),
    endpoint: of('endpoint'),
    ca: text(o, 'ca') ?? null,
    issuer: of('issuer'),
    network: of('network'),
    ...(text(o, 'node_group') === undefined ? {} : { nodeGroup: of('node_group') }),
    auth: auth as unknown as AuthTarget,
    nameserver: { ip: of('ip', nameserver), ref: of('ref', nameserver) },
  };
}

interface Kubeconfig {
  'current-context'?: string;
  contexts?: { name: string; context: { cluster: string } }[];
  clusters?: { name: string; cluster: { server?: string; 'certificate-authority-data'?: string } }[];
}

function found(file: string, wanted: string | undefined): { context: string; server: string; ca: string | null } {
  const k = parse(readFileSync(file, 'utf8')) as Kubeconfig;
  const context = wanted ?? k['current-context'] ?? '';
  const name = k.contexts?.find((x) => x.name === context)?.context.cluster;
  const cluster = k.clusters?.find((x) => x.name === name)?.cluster;
  if (cluster?.server === undefined) throw new Error(`no context "${context}"`);
  return { context, server: cluster.server, ca: cluster['certificate-authority-data'] ?? null };
}

/** Output of a cluster that others built, from its kubeconfig. Throws TW2115. */
function existingOutput(c: ClusterConfig, home: string): ClusterOutput {
  const file = c.kubeconfig ?? `${home}/.kube/config`;
  try {
    const { context, server, ca } = found(file, c.context);
    return { name: c.name, endpoint: server, ca, issuer: '', network: '', auth: { kind: 'kubeconfig', file, context } };
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
  const outputs: Record<string, ClusterOutput> = {};
  for (const c of config.clusters) {
    try {
      if (c.cloud === 'existing') {
        outputs[c.name] = existingOutput(c, homedir());
        continue;
      }
      const state = await roots.state(clusterRoot(c.name));
      const value = state?.outputs['cluster'];
      if (value !== undefined && (state?.resources ?? 0) > 0) outputs[c.name] = clusterOutput(c.name, value);
    } catch (error) {
      broken(c.name, error);
    }
  }
  return outputs;
}
