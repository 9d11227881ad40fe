import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { dictOf, type KubeApi, listOf, textOf } from '../fleet/index.ts';
import { keysOf } from '../infra/adapters/credentials/eks.ts';
import type { Outputs } from '../infra/index.ts';
import { type ClusterName, fault, type Lease } from '../kernel/index.ts';
import { folderVault } from '../state/backup/adapters/folder-vault.ts';
import { podLoader } from '../state/backup/adapters/pod-loader.ts';
import { replicaSource } from '../state/backup/adapters/replica-source.ts';
import { s3Vault } from '../state/backup/adapters/s3-vault.ts';
import {
  chooseCopy,
  idOf,
  type Loader,
  type Manifest,
  manifestsIn,
  outdated,
  removeSnapshot,
  takeSnapshot,
  type Vault,
} from '../state/backup/index.ts';
import {
  AGENT_POD,
  FILES,
  factsOf,
  KEYS,
  namespaceOf,
  PORTS,
  prefixOf,
  REDIS,
  type RedisSecrets,
} from '../state/index.ts';
import { secretIn } from './certificates.ts';
import { planNow, type SharedApp, type StateWiring } from './state-deploy.ts';
import { askAll } from './state-look.ts';

const KEEP = 30;
/** Whoever takes a snapshot and dies keeps others from it for so long. */
const LEASE_MS = 30_000;

/** Region, address and keys are those that every tool of AWS takes from here. Throws TW2201 when it is used without keys. */
function bucketOf(to: string, env: NodeJS.ProcessEnv): Vault {
  const [, bucket = '', folder = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(to) ?? [];
  const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
  const place = {
    bucket,
    region: env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    ...(endpoint === undefined ? {} : { endpoint }),
    keys: () => keysOf({ name: to, profile: null }, env),
  };
  return s3Vault(place, folder);
}

/** Where the snapshots of an app lie: what the config says, else below this project's folder. */
export function vaultOf(w: StateWiring, app: SharedApp, env: NodeJS.ProcessEnv = process.env): Vault {
  const to = app.state.backup?.to ?? `file:${join(w.stateDir, 'backups')}`;
  if (to.startsWith('s3:')) return bucketOf(to, env);
  const path = to.replace(/^file:(\/\/)?/, '').replace(/^~(?=\/)/, homedir());
  return folderVault(isAbsolute(path) ? path : resolve(dirname(w.config.file), path));
}

export const backupsOf = async (w: StateWiring, app: SharedApp): Promise<Manifest[]> =>
  await manifestsIn(vaultOf(w, app), { fleet: w.config.fleet, app: app.name });

/** Throws TW3012 where nothing is known of the cluster. */
export function apiAt(w: StateWiring, cluster: ClusterName, outputs: Outputs): KubeApi {
  const api = w.kube(cluster, outputs);
  if (api === undefined) throw fault('TW3012', { value: cluster, why: ['nothing is known of this cluster'] });
  return api;
}

/** Passwords of the Redis users in one cluster. Throws KubeError, TW5130. */
export async function usersAt(api: KubeApi, app: string): Promise<RedisSecrets> {
  const files = await secretIn(api, { namespace: namespaceOf(app), name: KEYS });
  const text = files?.[FILES.users];
  if (text === undefined) throw fault('TW5130', { value: app, why: ['its Secret with the passwords is not there'] });
  return JSON.parse(text) as RedisSecrets;
}

/** Image of the Redis that runs there. */
async function imageAt(api: KubeApi, app: string): Promise<string> {
  const set = await api.get({ group: 'apps', kind: 'StatefulSet', namespace: namespaceOf(app), name: REDIS });
  const pod = dictOf(dictOf(dictOf(set?.['spec'])['template'])['spec']);
  const image = textOf(listOf(pod['initContainers']).find((c) => c['name'] === 'redis')?.['image']);
  if (image === undefined) throw fault('TW5130', { value: app, why: ['its StatefulSet is not there'] });
  return image;
}

/** A throw-away Redis of the version that runs in that cluster. */
export async function loaderAt(api: KubeApi, x: { app: string; signal: AbortSignal }, w: StateWiring): Promise<Loader> {
  const image = await imageAt(api, x.app);
  const random = randomBytes(16).toString('hex');
  return podLoader({ api, namespace: namespaceOf(x.app), image, clock: w.clock, random, signal: x.signal });
}

export const redisAt = (app: string) => ({ namespace: namespaceOf(app), pod: AGENT_POD, port: PORTS.redis });

/** Who is home, and the copy to read. Throws TW5114, TW5130. */
async function placesOf(
  w: StateWiring,
  app: SharedApp,
  outputs: Outputs,
): Promise<{ home: ClusterName; copy: ClusterName }> {
  const heard = await askAll(w, app, outputs);
  const f = factsOf(await planNow(w, app, outputs), heard, []);
  if (f.home === null)
    throw fault('TW5114', { value: app.name, fix: [{ say: 'See what it waits for:', command: 'tw state status' }] });
  const { home } = f;
  const rtts = heard.flatMap((h) => ('report' in h && h.cluster === home ? [h.report.rtts] : []))[0] ?? {};
  const found = chooseCopy(
    f.clusters.map((c) => ({ ...c, ...(rtts[c.name] === undefined ? {} : { rttMs: rtts[c.name] ?? 0 }) })),
  );
  if ('name' in found) return { home, copy: found.name };
  throw fault('TW5130', {
    value: app.name,
    why: ['step read: no copy beside home is in step, and home itself is never read', ...found.why],
    fix: [{ say: 'Wait until a copy has caught up:', command: 'tw state status' }],
  });
}

/** One at a time, whatever machine it is asked on. Throws TW5132. */
export async function alone<T>(w: StateWiring, app: string, work: (lease: Lease) => Promise<T>): Promise<T> {
  const key = `${prefixOf(app)}backup`;
  const lease = await w.store.lease(LEASE_MS);
  try {
    const t = await w.store.txn({ if: [{ key, revision: 0 }], put: [{ key, value: w.clock.now(), lease: lease.id }] });
    if (t.is !== 'ok')
      throw fault('TW5132', {
        value: app,
        why: [
          t.is === 'stale' ? 'another backup or restore of it is under way' : `the store did not confirm: ${t.why}`,
        ],
        fix: [{ say: `Try again when that has ended; if it died, after ${LEASE_MS / 1000} s.` }],
      });
    return await work(lease);
  } finally {
    await lease.close();
  }
}

const random = (): string => randomBytes(2).toString('hex');

/** What does not count, as a fault. */
export const failed = (m: Manifest, last: Manifest | undefined) =>
  fault('TW5130', {
    value: m.id,
    why: [
      `step ${m.step ?? 'read'}: ${m.why ?? ''}`,
      `read from ${m.from}, Redis ${m.engine === '' ? 'unknown' : m.engine}, ${m.size} bytes`,
      last === undefined ? 'no earlier snapshot counts either' : `the last one that counts stays: ${last.id}`,
    ],
    fix: [{ say: 'Take another one:', command: `tw state backup ${m.app}` }],
  });

/** Takes a snapshot of a copy that is not home and proves that it loads. Throws TW5114, TW5130, TW5132. */
export async function takeBackup(
  w: StateWiring,
  x: { app: SharedApp; signal: AbortSignal },
  outputs: Outputs,
): Promise<Manifest> {
  const { app, signal } = x;
  if (app.state.mode !== 'single-writer')
    throw fault('TW5003', { value: app.state.mode, why: ['snapshots are taken of single-writer state alone'] });
  return await alone(w, app.name, async () => {
    const { home, copy } = await placesOf(w, app, outputs);
    const [homeApi, api] = [apiAt(w, home, outputs), apiAt(w, copy, outputs)];
    const [{ write }, { read, copy: reader }] = await Promise.all([usersAt(homeApi, app.name), usersAt(api, app.name)]);
    const source = replicaSource({
      dial: (to) => (to === 'home' ? homeApi : api).forward(redisAt(app.name)),
      secrets: { write, read, copy: reader },
      clock: w.clock,
    });
    const vault = vaultOf(w, app);
    const loader = await loaderAt(api, { app: app.name, signal }, w);
    const m = await takeSnapshot(
      { clock: w.clock, source, vault, loader },
      {
        id: idOf(app.name, w.clock.now(), random()),
        fleet: w.config.fleet,
        app: app.name,
        kind: 'snapshot',
        from: copy,
        home,
        canary: randomBytes(12).toString('hex'),
      },
    );
    if (m.is === 'verified') await prune(w, app);
    return m;
  });
}

async function prune(w: StateWiring, app: SharedApp): Promise<void> {
  const vault = vaultOf(w, app);
  const old = outdated(await backupsOf(w, app), app.state.backup?.keep ?? KEEP);
  for (const m of old) await removeSnapshot(vault, m);
}
