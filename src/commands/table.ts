import { fault } from '../kernel/index.ts';
import type { ArgSpec, CommandSpec } from './model.ts';
import { app, because, cluster, confirm, flag, list, needed, on, sandbox, text, yes } from './table-args.ts';
import { COORDINATION_COMMANDS } from './table-coordination.ts';
import { RELEASE_COMMANDS } from './table-release.ts';
import { RULE_COMMANDS } from './table-rule.ts';
import { SERVER_COMMANDS } from './table-server.ts';
import { STATE_COMMANDS } from './table-state.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Faults of the sandbox by name; a test compares them with the sandbox. */
export const CHAOS_WORDS = [
  'kill',
  'pause',
  'partition',
  'link',
  'quota',
  'typeMissing',
  'credentials',
  'slow',
  'fail',
  'drift',
  'leak',
  'throttle',
  'ignoreStop',
  'heal',
] as const;

const TABLE: readonly CommandSpec[] = [
  {
    verb: 'init',
    summary: 'write a config file for this folder, or a workflow for its repository',
    kind: 'rule',
    free: true,
    args: [
      { name: 'fleet', help: 'name of the fleet', type: text, value: '<name>' },
      {
        name: 'cluster',
        help: 'name=cloud/region; may be repeated',
        type: list,
        value: '<spec>',
      },
      { name: 'manifests', help: 'folder or file of the app', type: text, value: '<path>' },
      {
        name: 'ci',
        help: 'write a workflow for the fleet of this folder instead: github',
        type: text,
        value: '<platform>',
        from: ['github'],
      },
      { name: 'action', help: 'the action of that workflow', type: text, value: '<owner/tradewind@commit>' },
      yes,
    ],
    examples: [
      'tw init',
      'tw init --fleet shop --cluster eu=aws/eu-west-1 --manifests ./k8s --yes',
      'tw init --ci github --action acme/tradewind@v1',
    ],
    result: 'Init',
    only: 'terminal',
  },
  {
    verb: 'doctor',
    summary: 'check tools, rights and the config before anything is changed',
    kind: 'look',
    free: true,
    args: [sandbox],
    examples: ['tw doctor', 'tw doctor --sandbox'],
    result: 'Doctor',
  },
  {
    verb: 'plan',
    summary: 'show every change over clouds, clusters and DNS, with one id',
    kind: 'look',
    args: [on, sandbox, flag('exitCode', 'exit 6 when there is a change')],
    examples: ['tw plan', 'tw plan --on sao --exit-code'],
    result: 'Plan',
  },
  {
    verb: 'up',
    summary: 'build the clusters, deploy the apps, route the users',
    kind: 'forward',
    args: [on, sandbox, yes, { name: 'plan', help: 'apply exactly the plan with this id', type: text, value: '<id>' }],
    examples: ['tw up', 'tw up --sandbox --yes'],
    result: 'Up',
  },
  {
    verb: 'down',
    summary: 'destroy the clusters and prove that nothing is left',
    kind: 'forward',
    destroys: true,
    args: [on, yes, confirm, flag('skipDrain', 'do not wait for load balancers and volumes (journalled)')],
    examples: ['tw down', 'tw down --yes --confirm=guestbook-demo'],
    result: 'Down',
  },
  {
    verb: 'resume',
    summary: 'finish or verify what an interrupted run left',
    kind: 'forward',
    args: [yes, flag('recover', 'find releases again from the switches, when the register was lost')],
    examples: ['tw resume', 'tw resume --recover'],
    result: 'Resume',
  },
  {
    verb: 'status',
    summary: 'clusters, apps and health now',
    kind: 'look',
    args: [on],
    examples: ['tw status', 'tw status -o json'],
    result: 'Status',
  },
  {
    verb: 'why',
    summary: 'why does a user land where they land, or a release stand where it stands?',
    kind: 'look',
    args: [
      {
        name: 'ip',
        help: "address of the user or resolver, or a release such as '#r1'",
        type: needed,
        position: 'one',
      },
      { name: 'host', help: 'host name; default: the app with traffic', type: text, value: '<host>', from: 'host' },
    ],
    examples: ['tw why 198.19.101.2', "tw why '#r1'"],
    result: 'Why',
  },
  {
    verb: 'map',
    summary: 'who is served from where, and how fast',
    kind: 'look',
    args: [
      { name: 'without', help: 'as if this cluster were drained', type: text, value: '<cluster>', from: 'cluster' },
    ],
    examples: ['tw map', 'tw map --without sao'],
    result: 'Map',
  },
  ...RELEASE_COMMANDS,
  ...COORDINATION_COMMANDS,
  ...STATE_COMMANDS,
  ...RULE_COMMANDS,
  {
    verb: 'drain',
    summary: 'move users off a cluster',
    kind: 'safe',
    args: [cluster, because, flag('force', 'also beyond the capacity of the others')],
    examples: ['tw drain mtl --because maintenance'],
    result: 'Hold',
  },
  {
    verb: 'undrain',
    summary: 'let users return to a cluster',
    kind: 'safe',
    args: [
      cluster,
      flag('brake', 'end the brake of a release, after a look at version and health'),
      flag('force', 'with --brake: also when that look is not good'),
      because,
    ],
    examples: ['tw undrain mtl', 'tw undrain mtl --brake'],
    result: 'Hold',
  },
  {
    verb: 'logs',
    summary: 'logs of an app from all clusters, merged by time',
    kind: 'look',
    args: [
      app,
      on,
      flag('follow', 'go on until interrupted', 'f'),
      {
        name: 'tail',
        help: 'last lines of each container',
        type: { is: 'int', min: 0, initial: 20 },
        value: '<n>',
      },
      { name: 'since', help: 'seconds back', type: { is: 'int', min: 1 }, value: '<s>' },
      { name: 'container', help: 'name of the container', type: text, short: 'c', value: '<name>' },
      { name: 'of', help: 'pods of this version, or all; default: the live one', type: text, value: '<version>' },
    ],
    examples: ['tw logs guestbook', 'tw logs guestbook --on syd -f'],
    result: 'Logs',
  },
  {
    verb: 'exec',
    summary: 'run a command in pods of an app',
    kind: 'forward',
    args: [
      { name: 'app', help: 'name of the app', type: needed, position: 'one', from: 'app' },
      {
        name: 'argv',
        help: 'command and its arguments, after --',
        type: { is: 'list', needed: true },
        position: 'rest',
      },
      on,
      { name: 'container', help: 'name of the container', type: text, short: 'c', value: '<name>' },
      { name: 'of', help: 'pods of this version, or all; default: the live one', type: text, value: '<version>' },
    ],
    examples: ['tw exec guestbook --on sao -- env'],
    result: 'Exec',
    only: 'terminal',
  },
  {
    verb: 'explain',
    summary: 'what an error code or a config field means',
    kind: 'look',
    free: true,
    args: [{ name: 'topic', help: 'TWnnnn or a config path', type: needed, position: 'one', from: 'code' }],
    examples: ['tw explain TW2102', 'tw explain apps.*.traffic.ttl'],
    result: 'Explain',
  },
  {
    verb: 'kubeconfig',
    summary: 'write the kubeconfig of the fleet and tell where it is',
    kind: 'look',
    args: [flag('printPath', 'print the path only')],
    examples: ['kubectl --kubeconfig $(tw kubeconfig --print-path) --context sao get pods -A'],
    result: 'Kubeconfig',
    only: 'terminal',
  },
  {
    verb: 'report',
    summary: 'bundle the last run into one file without secrets',
    kind: 'look',
    free: true,
    args: [{ name: 'run', help: 'id of the run; default: the last one', type: text, value: '<id>' }],
    examples: ['tw report'],
    result: 'Report',
    only: 'terminal',
  },
  {
    verb: 'completion',
    summary: 'print the completion script of a shell',
    kind: 'look',
    free: true,
    args: [{ name: 'shell', help: 'bash, zsh or fish', type: needed, position: 'one', from: SHELLS }],
    examples: ['eval "$(tw completion bash)"', 'tw completion fish > ~/.config/fish/completions/tw.fish'],
    result: 'Completion',
    only: 'terminal',
  },
  ...SERVER_COMMANDS,
  {
    verb: 'sandbox up',
    summary: 'start the simulated clouds of this machine',
    kind: 'forward',
    free: true,
    args: [],
    examples: ['tw sandbox up'],
    result: 'SandboxUp',
    only: 'terminal',
  },
  {
    verb: 'sandbox down',
    summary: 'pull the plug of the simulated clouds and prove that nothing is left',
    kind: 'forward',
    free: true,
    args: [flag('purge', 'remove the built binaries too')],
    examples: ['tw sandbox down'],
    result: 'SandboxDown',
    only: 'terminal',
  },
  {
    verb: 'sandbox status',
    summary: 'processes, links and faults of the sandbox',
    kind: 'look',
    free: true,
    args: [],
    examples: ['tw sandbox status'],
    result: 'SandboxStatus',
  },
  {
    verb: 'sandbox chaos',
    summary: 'break something, or heal it',
    kind: 'forward',
    free: true,
    args: [
      {
        name: 'what',
        help: 'kill, pause, resume, partition, link, quota, credentials, …, heal',
        type: needed,
        position: 'one',
        from: CHAOS_WORDS,
      },
      {
        name: 'where',
        help: 'cluster:<name>, node:<name>, region:<name>, <a>-<b>, a cloud',
        type: text,
        position: 'optional',
        from: 'target',
      },
      { name: 'for', help: 'heal by itself after this long, such as 30s', type: text, value: '<time>' },
      {
        name: 'set',
        help: 'key=value of the fault; may be repeated',
        type: list,
        value: '<k=v>',
      },
    ],
    examples: ['tw sandbox chaos kill cluster:mtl', 'tw sandbox chaos heal'],
    result: 'Chaos',
  },
  {
    verb: 'sandbox visit',
    summary: 'visit the app as a user of a region',
    kind: 'look',
    free: true,
    args: [
      { name: 'from', help: 'user region', type: needed, value: '<region>', from: 'cluster' },
      {
        name: 'times',
        help: 'how many visits',
        type: { is: 'int', min: 1, max: 100_000, initial: 1 },
        value: '<n>',
      },
      { name: 'path', help: 'path of the page', type: { is: 'text', initial: '/' }, value: '<path>' },
      { name: 'host', help: 'host name; default: the app with traffic', type: text, value: '<host>', from: 'host' },
      flag('body', 'show the answer itself'),
    ],
    examples: ['tw sandbox visit --from sao', 'tw sandbox visit --from syd --times 20 -o json'],
    result: 'Visits',
  },
  {
    verb: 'sandbox enter',
    summary: 'run a command inside a place of the sandbox',
    kind: 'look',
    free: true,
    args: [
      {
        name: 'place',
        help: 'operator, clouds, users-<name>, a region or machine',
        type: needed,
        position: 'one',
        from: 'place',
      },
      {
        name: 'argv',
        help: 'command and its arguments, after --',
        type: list,
        position: 'rest',
      },
    ],
    examples: ['tw sandbox enter operator -- sh'],
    result: 'Enter',
    only: 'terminal',
  },
];

/** A look into a pod, and the way out of a lost home, wait for nobody. */
const AT_ONCE = new Set(['exec', 'state promote']);

/** It changes the fleet, so it waits until nobody before it changes the same. */
const lined = (spec: CommandSpec): boolean => spec.kind === 'forward' && spec.free !== true && !AT_ONCE.has(spec.verb);
const DRY = flag('dryRun', 'show what it would do now, and do nothing');
const LINED: readonly ArgSpec[] = [
  DRY,
  flag('noWait', 'fail instead of waiting for a command that changes the same'),
  flag('breakGlass', 'do it during a freeze; wants --because, and opens an incident'),
  because,
];
const withArgs = (spec: CommandSpec, more: readonly ArgSpec[]): CommandSpec => ({
  ...spec,
  args: [...spec.args, ...more.filter((a) => spec.args.every((own) => own.name !== a.name))],
});

/** Whatever somebody may have to agree to can be looked at first. */
function whole(spec: CommandSpec): CommandSpec {
  if (lined(spec)) return withArgs(spec, LINED);
  return spec.kind === 'forward' && spec.free !== true ? withArgs(spec, [DRY]) : spec;
}

/** Every verb. CLI, help, completion and reference are generated from this table. */
export const COMMANDS: readonly CommandSpec[] = TABLE.map(whole);

/** Throws TW6001. */
export const standsInLine = (verb: string): boolean => lined(specOf(verb));

/** Throws TW6001. */
export function specOf(verb: string): CommandSpec {
  const spec = COMMANDS.find((c) => c.verb === verb);
  if (spec === undefined) throw fault('TW6001', { value: verb });
  return spec;
}

/** Verbs that change something are kept as runs. */
export function isRun(verb: string): boolean {
  const kind = COMMANDS.find((c) => c.verb === verb)?.kind;
  return kind === 'forward' || kind === 'safe';
}
