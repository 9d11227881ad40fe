import { MARK } from '../adapters/marks.ts';
import type { SandboxSpec } from '../model.ts';
import type { Layout } from '../plan/layout.ts';

/** All a child of the sandbox may see of the environment: nothing of the user's. */
export function childEnv(l: Layout, id: string): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: l.home,
    TMPDIR: l.tmp,
    LANG: 'C.UTF-8',
    [MARK]: id,
    TW_SANDBOX_DIR: l.dir,
  };
}

/** Command lines of the sandbox's processes. */
export function commandLines(spec: SandboxSpec, l: Layout, node: string) {
  const enter = (ns: string, argv: readonly string[]): string[] => [
    `${spec.bins}/tw-net`,
    'enter',
    '--dir',
    l.dir,
    ns,
    '--',
    ...argv,
  ];
  const script = (path: string): string => `${spec.root}/src/sandbox/${path}`;
  return {
    enter,
    net: [`${spec.bins}/tw-net`, 'up', '--dir', l.dir],
    clouds: enter('clouds', [node, script('clouds/main.ts'), l.dir]),
    users: (name: string) => enter(`users-${name}`, [node, script('users/main.ts'), '--dir', l.dir, '--name', name]),
    controlPlane: (machine: string, file: string) =>
      enter(machine, [`${spec.bins}/tw-sandbox`, 'control-plane', '--spec', file]),
    node: (machine: string, file: string) => enter(machine, [`${spec.bins}/tw-sandbox`, 'node', '--spec', file]),
    supervisor: [node, script('supervisor/main.ts'), '--dir', l.dir],
  };
}
export type CommandLines = ReturnType<typeof commandLines>;
