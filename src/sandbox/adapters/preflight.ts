import { accessSync, constants, existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { layout } from '../plan/layout.ts';
import { type MachineFacts, TOOLS } from '../plan/preflight.ts';
import { type Marked, scanMarked } from './marks.ts';

const SBIN = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function find(tool: string, folders: readonly string[]): string | undefined {
  return folders
    .map((f) => `${f}/${tool}`)
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function userNamespaces(): { userNamespaces: boolean; userNamespacesWhy?: string } {
  const refusals = [
    ['/proc/sys/user/max_user_namespaces', '0', 'user.max_user_namespaces is 0'],
    ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone is 0'],
    ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1', 'AppArmor restricts unprivileged user namespaces'],
  ] as const;
  const why = refusals.find(([path, bad]) => read(path) === bad)?.[2];
  return why === undefined ? { userNamespaces: true } : { userNamespaces: false, userNamespacesWhy: why };
}

function directoryState(dir: string): MachineFacts['directory'] {
  if (!existsSync(dir)) return 'empty';
  if (existsSync(layout(dir).marker)) return 'ours';
  return readdirSync(dir).length === 0 ? 'empty' : 'foreign';
}

/** Undefined: gone since it was listed, as the listing's own descriptor always is. */
function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function inotifyOf(pid: string): number {
  const folder = `/proc/${pid}/fd`;
  try {
    if (statSync(`/proc/${pid}`).uid !== process.getuid?.()) return 0;
    return readdirSync(folder).filter((fd) => link(`${folder}/${fd}`) === 'anon_inode:inotify').length;
  } catch {
    // Ended meanwhile.
    return 0;
  }
}

/** A limit is each user's own. */
function inotify(own: readonly Marked[]): MachineFacts['inotify'] {
  if (process.platform !== 'linux') return { limit: 0, used: 0 };
  const ours = new Set(own.map((m) => String(m.pid)));
  const others = readdirSync('/proc').filter((n) => /^\d+$/.test(n) && !ours.has(n));
  return {
    limit: Number(read('/proc/sys/fs/inotify/max_user_instances') ?? 0),
    used: others.reduce((sum, pid) => sum + inotifyOf(pid), 0),
  };
}

function runningIn(dir: string): Marked[] {
  const id = read(layout(dir).id);
  return id === undefined ? [] : scanMarked(id);
}

/** Looks at this machine; reads only. */
export function machineFacts(dir: string): MachineFacts {
  const folders = [...new Set([...(process.env['PATH'] ?? '').split(':').filter((f) => f !== ''), ...SBIN])];
  const status = read('/proc/self/status') ?? '';
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  const own = process.platform === 'linux' ? runningIn(dir) : [];
  const available = /^MemAvailable:\s*(\d+) kB$/m.exec(read('/proc/meminfo') ?? '')?.[1] ?? '0';
  return {
    platform: process.platform,
    root: process.getuid?.() === 0,
    capabilities: BigInt(`0x${effective}`),
    ...userNamespaces(),
    tools: Object.fromEntries(TOOLS.map((t) => [t, find(t, folders)])),
    searched: folders,
    availableMb: Math.floor(Number(available) / 1024),
    inotify: inotify(own),
    running: own.filter((m) => m.role === 'control-plane').length,
    directory: directoryState(dir),
  };
}
