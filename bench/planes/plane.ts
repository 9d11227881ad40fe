// Real Kubernetes control planes without machines, each in a network namespace, reached over a line of a length that
// is chosen: etcd, API server, scheduler, controllers. Needs root and the sandbox's binaries.
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { openKubeconfig } from '../../src/fleet/adapters/kube-client.ts';
import type { KubeApi } from '../../src/fleet/index.ts';
import type { Scratch } from '../lib/child.ts';
import { BINS } from '../lib/measure.ts';
import type { Obj } from './local.ts';

export type Order =
  | { do: 'serve' }
  | { do: 'line'; oneWayMs?: number; cut?: boolean }
  /** `sick`: `<namespace>/<version>` whose pods crash. `startMs`: until a pod is ready. */
  | { do: 'pods'; sick?: readonly string[]; startMs?: number }
  | { do: 'watch'; path: string }
  | { do: 'run'; what: string; argv: readonly string[] }
  | { do: 'stop'; what: string };
export type Told = { is: 'ready'; kubeconfig: string } | Change | { is: 'ended'; what: string };
/** An object as it became, seen in the cluster itself; `at` is Unix ms. */
export interface Change {
  is: 'change';
  at: number;
  path: string;
  object: Obj;
}

export interface Plane {
  name: string;
  /** Folder with the logs of its programs. */
  dir: string;
  /** Kubeconfig of the administrator as seen inside the namespace. */
  inside: string;
  order(o: Exclude<Order, { do: 'serve' }>): void;
  /** Everything seen by `watch` so far; may be emptied. */
  changes: Change[];
  /** The latest of each object seen by `watch`. */
  latest: ReadonlyMap<string, Obj>;
}
export interface Planes {
  all: readonly Plane[];
  /** One file, a context for each plane. */
  kubeconfig: string;
  /** A new client without an open connection. */
  open(name: string): KubeApi;
}

/** Why planes cannot run here; nothing: they can. */
export function noPlanes(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, the clusters live in network namespaces';
  return existsSync(join(BINS, 'tw-sandbox')) ? undefined : 'tw-sandbox is not built (make binaries)';
}

interface Named {
  name: string;
  [key: string]: unknown;
}
interface Kubeconfig {
  clusters: (Named & { cluster: Record<string, unknown> })[];
  users: Named[];
}
interface Started {
  plane: Plane;
  config: Kubeconfig;
  port: number;
}

const MAIN = join(import.meta.dirname, 'main.ts');

async function start(s: Scratch, name: string): Promise<Started> {
  const dir = join(s.dir, name);
  mkdirSync(dir);
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN];
  const child = s.start(['unshare', '-n', ...node, dir, name, join(BINS, 'tw-sandbox')], { ipc: true });
  const changes: Change[] = [];
  const latest = new Map<string, Obj>();
  const ready = new Promise<string>((done, failed) => {
    child.on('message', (t: Told) => {
      if (t.is === 'ready') done(t.kubeconfig);
      if (t.is !== 'change') return;
      changes.push(t);
      latest.set(t.object.metadata.uid ?? '', t.object);
    });
    child.on('exit', () => failed(new Error(`the cluster ${name} ended`)));
  });
  const text = await ready;
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  child.send({ do: 'serve' }, server, () => server.close());
  const order = (o: Order): void => void child.send(o);
  const inside = join(dir, 'cp', 'admin.kubeconfig');
  return { plane: { name, dir, inside, order, changes, latest }, config: parse(text) as Kubeconfig, port };
}

/** Brings all of them up at once; they end with the scratch. */
export async function openPlanes(s: Scratch, names: readonly string[]): Promise<Planes> {
  const all = await Promise.all(names.map((n) => start(s, n)));
  const clusters = all.map(({ plane, config, port }) => {
    const cluster = { ...config.clusters[0]?.cluster, server: `https://127.0.0.1:${port}` };
    return { name: plane.name, cluster };
  });
  const users = all.map(({ plane, config }) => ({ ...config.users[0], name: plane.name }));
  const contexts = names.map((name) => ({ name, context: { cluster: name, user: name } }));
  const kubeconfig = join(s.dir, 'kubeconfig');
  writeFileSync(kubeconfig, stringify({ apiVersion: 'v1', kind: 'Config', clusters, users, contexts }), {
    mode: 0o600,
  });
  return {
    all: all.map((a) => a.plane),
    kubeconfig,
    open: (name) => openKubeconfig({ kubeconfig, context: name }),
  };
}
