import { z } from 'zod';
import type { ArgSpec, CommandSpec } from './model.ts';

const text = z.string();
const flag = (name: string, help: string, short?: string): ArgSpec => ({
  name,
  help,
  schema: z.boolean().default(false),
  flag: true,
  ...(short === undefined ? {} : { short }),
});
const on: ArgSpec = {
  name: 'on',
  help: 'only these clusters: name, cloud:<cloud> or region:<region>; may be repeated',
  schema: z.array(text).default([]),
  many: true,
  value: '<cluster>',
};
const yes = flag('yes', 'do not ask', 'y');
const sandbox = flag('sandbox', 'use the simulated clouds of this machine');
const app: ArgSpec = { name: 'app', help: 'name of the app', schema: text.optional(), position: 'optional' };
const confirm: ArgSpec = {
  name: 'confirm',
  help: 'name of the fleet, to confirm destruction',
  schema: text.optional(),
  value: '<fleet>',
};
const cluster: ArgSpec = { name: 'cluster', help: 'name of the cluster', schema: text, position: 'one' };
const why: ArgSpec = { name: 'because', help: 'reason, kept in the journal', schema: text.optional(), value: '<text>' };

/** Every verb. CLI, help, completion and reference are generated from this table. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    verb: 'init',
    summary: 'write a config file for this folder',
    kind: 'rule',
    args: [
      { name: 'fleet', help: 'name of the fleet', schema: text.optional(), value: '<name>' },
      {
        name: 'cluster',
        help: 'name=cloud/region; may be repeated',
        schema: z.array(text).default([]),
        many: true,
        value: '<spec>',
      },
      { name: 'manifests', help: 'folder or file of the app', schema: text.optional(), value: '<path>' },
      yes,
    ],
    examples: ['tw init', 'tw init --fleet shop --cluster eu=aws/eu-west-1 --manifests ./k8s --yes'],
    result: 'Init',
  },
  {
    verb: 'doctor',
    summary: 'check tools, rights and the config before anything is changed',
    kind: 'look',
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
    args: [
      on,
      sandbox,
      yes,
      { name: 'plan', help: 'apply exactly the plan with this id', schema: text.optional(), value: '<id>' },
    ],
    examples: ['tw up', 'tw up --sandbox --yes'],
    result: 'Up',
  },
  {
    verb: 'down',
    summary: 'destroy the clusters and prove that nothing is left',
    kind: 'forward',
    args: [on, yes, confirm, flag('skipDrain', 'do not wait for load balancers and volumes (journalled)')],
    examples: ['tw down', 'tw down --yes --confirm=guestbook-demo'],
    result: 'Down',
  },
  {
    verb: 'resume',
    summary: 'finish or verify what an interrupted run left',
    kind: 'forward',
    args: [yes],
    examples: ['tw resume'],
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
    summary: 'why does a user land where they land?',
    kind: 'look',
    args: [
      { name: 'ip', help: 'address of the user or resolver', schema: text, position: 'one' },
      { name: 'host', help: 'host name; default: the app with traffic', schema: text.optional(), value: '<host>' },
    ],
    examples: ['tw why 198.19.101.2'],
    result: 'Why',
  },
  {
    verb: 'drain',
    summary: 'move users off a cluster',
    kind: 'safe',
    args: [cluster, why, flag('force', 'also beyond the capacity of the others')],
    examples: ['tw drain mtl --because maintenance'],
    result: 'Hold',
  },
  {
    verb: 'undrain',
    summary: 'let users return to a cluster',
    kind: 'safe',
    args: [cluster],
    examples: ['tw undrain mtl'],
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
        schema: z.coerce.number().int().min(0).default(20),
        value: '<n>',
      },
      { name: 'since', help: 'seconds back', schema: z.coerce.number().int().min(1).optional(), value: '<s>' },
      { name: 'container', help: 'name of the container', schema: text.optional(), short: 'c', value: '<name>' },
    ],
    examples: ['tw logs guestbook', 'tw logs guestbook --on syd -f'],
    result: 'Logs',
  },
  {
    verb: 'exec',
    summary: 'run a command in pods of an app',
    kind: 'forward',
    args: [
      { name: 'app', help: 'name of the app', schema: text, position: 'one' },
      { name: 'argv', help: 'command and its arguments, after --', schema: z.array(text).min(1), position: 'rest' },
      on,
      { name: 'container', help: 'name of the container', schema: text.optional(), short: 'c', value: '<name>' },
    ],
    examples: ['tw exec guestbook --on sao -- env'],
    result: 'Exec',
  },
  {
    verb: 'explain',
    summary: 'what an error code or a config field means',
    kind: 'look',
    args: [{ name: 'topic', help: 'TWnnnn or a config path', schema: text, position: 'one' }],
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
  },
  {
    verb: 'sandbox up',
    summary: 'start the simulated clouds of this machine',
    kind: 'forward',
    args: [],
    examples: ['tw sandbox up'],
    result: 'SandboxUp',
  },
  {
    verb: 'sandbox down',
    summary: 'pull the plug of the simulated clouds and prove that nothing is left',
    kind: 'forward',
    args: [flag('purge', 'remove the built binaries too')],
    examples: ['tw sandbox down'],
    result: 'SandboxDown',
  },
  {
    verb: 'sandbox status',
    summary: 'processes, links and faults of the sandbox',
    kind: 'look',
    args: [],
    examples: ['tw sandbox status'],
    result: 'SandboxStatus',
  },
  {
    verb: 'sandbox chaos',
    summary: 'break something, or heal it',
    kind: 'forward',
    args: [
      {
        name: 'what',
        help: 'kill, pause, resume, partition, link, quota, credentials, …, heal',
        schema: text,
        position: 'one',
      },
      {
        name: 'where',
        help: 'cluster:<name>, node:<name>, region:<name>, <a>-<b>, a cloud',
        schema: text.optional(),
        position: 'optional',
      },
      { name: 'for', help: 'heal by itself after this long, such as 30s', schema: text.optional(), value: '<time>' },
      {
        name: 'set',
        help: 'key=value of the fault; may be repeated',
        schema: z.array(text).default([]),
        many: true,
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
    args: [
      { name: 'from', help: 'user region', schema: text, value: '<region>' },
      {
        name: 'times',
        help: 'how many visits',
        schema: z.coerce.number().int().min(1).max(100000).default(1),
        value: '<n>',
      },
      { name: 'path', help: 'path of the page', schema: text.default('/'), value: '<path>' },
      { name: 'host', help: 'host name; default: the app with traffic', schema: text.optional(), value: '<host>' },
      flag('body', 'show the answer itself'),
    ],
    examples: ['tw sandbox visit --from sao', 'tw sandbox visit --from syd --times 20 -o json'],
    result: 'Visits',
  },
  {
    verb: 'sandbox enter',
    summary: 'run a command inside a place of the sandbox',
    kind: 'look',
    args: [
      { name: 'place', help: 'operator, clouds, users-<name>, a region or machine', schema: text, position: 'one' },
      {
        name: 'argv',
        help: 'command and its arguments, after --',
        schema: z.array(text).default([]),
        position: 'rest',
      },
    ],
    examples: ['tw sandbox enter operator -- sh'],
    result: 'Enter',
  },
];
