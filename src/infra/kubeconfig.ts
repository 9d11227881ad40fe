import { stringify } from 'yaml';
import type { AuthTarget, Outputs } from './model.ts';

export interface KubeconfigInput {
  fleet: string;
  outputs: Outputs;
  /** Argv that starts `tw`, absolute paths. */
  tw: readonly string[];
  /** File with identity, endpoints and proxy, for the exec plugin. */
  credentials: string;
  cache: string;
  proxyUrl?: string;
}

/** Flags of the exec plugin: everything it needs, so that it loads no config. */
function pluginArgs(cluster: string, auth: AuthTarget): string[] {
  const flags = Object.entries(auth).flatMap(([k, v]) => (typeof v === 'string' ? [`--${k}`, v] : []));
  return ['kube-credential', '--cluster', cluster, ...flags];
}

/**
 * The kubeconfig of a fleet as YAML: contexts named by cluster, users `tradewind/<fleet>/<cluster>`.
 * Clusters that others built keep their own kubeconfig and are left out.
 */
export function kubeconfigText(k: KubeconfigInput): string {
  const mine = Object.entries(k.outputs).filter(([, o]) => o.auth.kind !== 'kubeconfig');
  const [command = '', ...args] = k.tw;
  const user = (cluster: string): string => `tradewind/${k.fleet}/${cluster}`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': mine[0]?.[0] ?? '',
    preferences: {},
    clusters: mine.map(([name, o]) => ({
      name,
      cluster: {
        server: o.endpoint,
        ...(o.ca === null ? {} : { 'certificate-authority-data': o.ca }),
        ...(k.proxyUrl === undefined ? {} : { 'proxy-url': k.proxyUrl }),
      },
    })),
    contexts: mine.map(([name]) => ({ name, context: { cluster: name, user: user(name) } })),
    users: mine.map(([name, o]) => ({
      name: user(name),
      user: {
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command,
          args: [...args, ...pluginArgs(name, o.auth), '--credentials', k.credentials, '--cache', k.cache],
          // Node keeps its compiled code there: the plugin starts in a third of the time
          env: [{ name: 'NODE_COMPILE_CACHE', value: `${k.cache}/code` }],
          interactiveMode: 'Never',
          provideClusterInfo: false,
        },
      },
    })),
  });
}
