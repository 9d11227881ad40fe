import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { layout } from '../plan/layout.ts';
import { type MachineFacts, TOOLS } from '../plan/preflight.ts';

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

/** Looks at this machine; reads only. */
export function machineFacts(dir: string): MachineFacts {
  const folders = [...new Set([...(process.env['PATH'] ?? '').split(':').filter((f) => f !== ''), ...SBIN])];
  const status = read('/proc/self/status') ?? '';
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  const available = /^MemAvailable:\s*(\d+) kB$/m.exec(read('/proc/meminfo') ?? '')?.[1] ?? '0';
  return {
    platform: process.platform,
    root: process.getuid?.() === 0,
    capabilities: BigInt(`0x${effective}`),
    ...userNamespaces(),
    tools: Object.fromEntries(TOOLS.map((t) => [t, find(t, folders)])),
    searched: folders,
    availableMb: Math.floor(Number(available) / 1024),
    directory: directoryState(dir),
  };
}
