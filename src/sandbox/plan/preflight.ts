import { type Fix, fault, type TwError } from '../../kernel/index.ts';
import { longestSocket, SOCKET_PATH_MAX } from './layout.ts';

/** What was found on this machine. */
export interface MachineFacts {
  platform: string;
  root: boolean;
  /** Effective capabilities of this process as a bit set (capabilities(7)). */
  capabilities: bigint;
  /** `max_user_namespaces` above 0 and no distribution switch against them. */
  userNamespaces: boolean;
  /** What forbids user namespaces, when something does. */
  userNamespacesWhy?: string;
  /** Tool → path, or undefined when it is nowhere in `searched`. */
  tools: Readonly<Record<string, string | undefined>>;
  searched: readonly string[];
  availableMb: number;
  /** Instances this user may have (fs.inotify.max_user_instances) and has, without those of this sandbox. */
  inotify: { limit: number; used: number };
  /** Clusters of this sandbox that run now; they end before they start again. */
  running: number;
  /** `empty` = absent or without files; `ours` = holds our marker file. */
  directory: 'empty' | 'ours' | 'foreign';
}
export interface PreflightWish {
  dir: string;
  clusters: readonly string[];
  users: readonly string[];
  ignoreMemory: boolean;
}

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;
/** Control plane and one node, measured (sandbox.md section 9); network, clouds, users together. */
const CLUSTER_MB = 500;
const BASE_MB = 400;
/** Measured: 13 of a control plane and 5 of a node; and two more nodes that its autoscaler may add. */
const CLUSTER_INOTIFY = 13 + 5 * 3;
const BASE_INOTIFY = 4;

const PACKAGES: Readonly<Record<string, string>> = { nft: 'nftables', ip: 'iproute2', 'redis-server': 'redis-server' };
export const TOOLS = Object.keys(PACKAGES);

function machineFault(f: MachineFacts): TwError | undefined {
  if (f.platform !== 'linux') {
    return fault('TW9001', {
      value: f.platform,
      why: ['only Linux has the namespaces a sandbox is made of'],
      fix: [{ say: 'Run it in a Linux virtual machine or container.' }],
    });
  }
  if (f.root) {
    const has = (cap: bigint): boolean => ((f.capabilities >> cap) & 1n) === 1n;
    if (has(CAP_SYS_ADMIN) && has(CAP_NET_ADMIN)) return undefined;
    return fault('TW9001', {
      value: 'root without CAP_SYS_ADMIN or CAP_NET_ADMIN',
      why: ['this container may not make namespaces'],
      fix: [{ say: 'Start the container with these two capabilities, or with --privileged.' }],
    });
  }
  if (f.userNamespaces) return undefined;
  return fault('TW9001', {
    value: 'no user namespaces',
    why: [f.userNamespacesWhy ?? 'this system forbids unprivileged user namespaces'],
    fix: [
      { say: 'Run as root.' },
      { say: 'Or allow them.', command: 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0' },
    ],
  });
}

function toolFault(f: MachineFacts): TwError | undefined {
  const missing = TOOLS.filter((t) => f.tools[t] === undefined);
  if (missing.length === 0) return undefined;
  const packages = missing.map((t) => PACKAGES[t] ?? t).join(' ');
  const fix: Fix = { say: 'Install the packages.', command: `sudo apt-get install -y ${packages}` };
  return fault('TW9002', { value: missing.join(', '), why: [`looked in ${f.searched.join(', ')}`], fix: [fix] });
}

function directoryFault(f: MachineFacts, w: PreflightWish): TwError | undefined {
  const longest = longestSocket(w.dir, w.users);
  const bytes = new TextEncoder().encode(longest).length;
  if (bytes > SOCKET_PATH_MAX) {
    return fault('TW9005', {
      value: longest,
      why: [`${bytes} bytes; Linux takes socket paths of at most ${SOCKET_PATH_MAX}`],
      fix: [{ say: 'Name a shorter directory.', command: 'export TW_SANDBOX_DIR=/var/tmp/tw' }],
    });
  }
  if (f.directory !== 'foreign') return undefined;
  return fault('TW9005', {
    value: w.dir,
    why: ['it holds files and is no sandbox directory; nothing in it was touched'],
    fix: [{ say: 'Name an empty directory in TW_SANDBOX_DIR.' }],
  });
}

function memoryFault(f: MachineFacts, w: PreflightWish): TwError | undefined {
  const need = (f.running > 0 ? 0 : BASE_MB) + CLUSTER_MB * Math.max(0, w.clusters.length - f.running);
  if (w.ignoreMemory || f.availableMb >= need) return undefined;
  const fits = Math.max(1, Math.floor((f.availableMb - BASE_MB) / CLUSTER_MB));
  return fault('TW9007', {
    value: `${f.availableMb} MB free, ${need} MB needed`,
    why: [`${CLUSTER_MB} MB per cluster and ${BASE_MB} MB for network, clouds and users`],
    fix: [
      { say: `Start fewer clusters (${fits} fit).` },
      { say: 'Or start nevertheless.', command: 'export TW_SANDBOX_MEMORY=ignore' },
    ],
  });
}

function inotifyFault(f: MachineFacts, w: PreflightWish): TwError | undefined {
  const need = BASE_INOTIFY + CLUSTER_INOTIFY * w.clusters.length;
  const { limit, used } = f.inotify;
  if (limit - used >= need) return undefined;
  return fault('TW9009', {
    value: `${Math.max(0, limit - used)} of ${limit} free, ${need} needed`,
    why: [`fs.inotify.max_user_instances is ${limit}; kubelets and control planes watch files with them`],
    fix: [
      {
        say: 'Allow more, until the next start of the machine.',
        command: `sudo sysctl -w fs.inotify.max_user_instances=${Math.ceil((used + need) / 512) * 512}`,
      },
      { say: 'Or start fewer clusters.' },
    ],
  });
}

/** The first thing that forbids a start, or undefined. Pure. */
export function preflightFault(f: MachineFacts, w: PreflightWish): TwError | undefined {
  return machineFault(f) ?? toolFault(f) ?? directoryFault(f, w) ?? inotifyFault(f, w) ?? memoryFault(f, w);
}
