import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clock, fault, systemClock, toJson } from '../../../kernel/index.ts';
import type { AuthTarget, ClusterOutput, Place } from '../../model.ts';
import { tokenCache } from './cache.ts';
import { identityEnv, merged } from './identity.ts';
import type { KubeToken, World } from './model.ts';

export { identityEnv } from './identity.ts';
export type { KubeToken } from './model.ts';

async function fresh(target: AuthTarget, w: World): Promise<KubeToken> {
  switch (target.kind) {
    case 'eks':
      return await (await import('./eks.ts')).eksToken(target, w);
    case 'aks':
      return await (await import('./aks.ts')).aksToken(target, w);
    case 'gke':
      return await (await import('./gke.ts')).gkeToken(target, w);
    case 'kubeconfig':
      throw fault('TW2201', { value: target.context, why: ['its own kubeconfig holds its credentials'] });
  }
}

/** A token for a cluster, from the cache when it lasts another minute. Throws TW2201, TW2202. */
async function kubeToken(target: AuthTarget, w: World, cacheDir: string): Promise<KubeToken> {
  const cache = tokenCache(cacheDir);
  const identity = createHash('sha256')
    .update(JSON.stringify(identityEnv(w.env)))
    .digest('hex');
  const key = toJson({ target, identity });
  const known = cache.get(key, w.clock.now());
  if (known !== undefined) return known;
  const token = await fresh(target, w);
  cache.put(key, token);
  return token;
}

export const cacheDirOf = (place: Pick<Place, 'rootsDir'>): string => join(dirname(place.rootsDir), 'tokens');

/** How the processes of this fleet get tokens for one cluster, on demand. */
export function credentialsFor(
  output: Pick<ClusterOutput, 'auth'>,
  place: Place,
  clock: Clock = systemClock,
  env: World['env'] = process.env,
): { token(): Promise<KubeToken> } {
  const world: World = {
    env: merged(env, place.env),
    endpoints: place.endpoints,
    ...(place.proxyUrl === undefined ? {} : { proxyUrl: place.proxyUrl }),
    clock,
  };
  return { token: async () => await kubeToken(output.auth, world, cacheDirOf(place)) };
}

/** Flags of `tw kube-credential` by their name without dashes. */
export type CredentialArgs = Readonly<Record<string, string | undefined>>;

/** `--name value` pairs as the kubeconfig writes them. */
export function credentialArgs(argv: readonly string[]): CredentialArgs {
  const args: Record<string, string> = {};
  for (let i = 0; i + 1 < argv.length; i++)
    if (argv[i]?.startsWith('--')) args[(argv[i] ?? '').slice(2)] = argv[++i] ?? '';
  return args;
}

const NEEDED: Readonly<Record<string, readonly string[]>> = {
  eks: ['name', 'region', 'account'],
  aks: ['name', 'tenant', 'subscription'],
  gke: ['name', 'project', 'location'],
};

function targetOf(args: CredentialArgs): AuthTarget {
  const kind = args['kind'] ?? '';
  const needed = NEEDED[kind];
  const missing = needed?.filter((k) => args[k] === undefined) ?? ['kind'];
  if (missing.length > 0) throw fault('TW2201', { value: kind, why: [`missing --${missing.join(', --')}`] });
  const { cluster: _, credentials: __, cache: ___, ...target } = args;
  return target as unknown as AuthTarget;
}

interface SavedWorld {
  env?: Record<string, string>;
  endpoints?: Record<string, string>;
  proxyUrl?: string;
}
function saved(path: string | undefined): SavedWorld {
  if (path === undefined) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SavedWorld;
  } catch (cause) {
    throw fault('TW2201', {
      value: path,
      cause,
      fix: [{ say: 'Write the kubeconfig anew:', command: 'tw kubeconfig' }],
    });
  }
}

/**
 * The exec plugin of the kubeconfig: ExecCredential (client.authentication.k8s.io/v1) as JSON text.
 * `--credentials` names the 0600 file that writeKubeconfig made; no config file is loaded.
 */
export async function kubeCredential(
  args: CredentialArgs,
  env: World['env'] = process.env,
  clock: Clock = systemClock,
): Promise<string> {
  const world = saved(args['credentials']);
  const w: World = {
    env: merged(env, world.env ?? {}),
    endpoints: world.endpoints ?? {},
    ...(world.proxyUrl === undefined ? {} : { proxyUrl: world.proxyUrl }),
    clock,
  };
  const cacheDir = args['cache'] ?? join(env['HOME'] ?? '/nonexistent', '.cache', 'tradewind', 'tokens');
  const { token, expires } = await kubeToken(targetOf(args), w, cacheDir);
  return JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token, expirationTimestamp: new Date(expires).toISOString() },
  });
}
