import type { ArgSpec, CommandSpec } from './model.ts';
import { confirm, flag, needed, text } from './table-args.ts';

export const ROLES = ['look', 'operate', 'admin'] as const;

/** What a token may do, and for how long. */
const tokenOf = (role: string): ArgSpec[] => [
  { name: 'role', help: 'look, operate or admin', type: { is: 'text', initial: role }, value: '<role>', from: ROLES },
  {
    name: 'days',
    help: 'days until it expires',
    type: { is: 'int', min: 1, max: 3650, initial: 90 },
    value: '<n>',
  },
];

/** Verbs of the control plane and of who may use it. */
export const SERVER_COMMANDS: readonly CommandSpec[] = [
  {
    verb: 'serve',
    summary: 'serve the dashboard and the HTTP API until interrupted',
    kind: 'rule',
    only: 'terminal',
    args: [
      {
        name: 'port',
        help: 'port to listen on',
        type: { is: 'int', min: 0, max: 65_535, initial: 4747 },
        value: '<n>',
      },
      { name: 'host', help: 'address to listen on', type: { is: 'text', initial: '127.0.0.1' }, value: '<address>' },
      {
        name: 'publicUrl',
        help: 'https address of the proxy in front; needed to listen beyond this machine',
        type: text,
        value: '<url>',
      },
      flag('withSandbox', 'end when the sandbox is taken down'),
    ],
    examples: ['tw serve', 'tw serve --port 8080'],
    result: 'Serve',
  },
  {
    verb: 'dashboard',
    summary: 'print an address that signs a browser in, once and within ten minutes',
    kind: 'look',
    only: 'terminal',
    args: [],
    examples: ['tw dashboard'],
    result: 'Dashboard',
  },
  {
    verb: 'login',
    summary: 'sign this project in to its server, with the address that `tw dashboard` prints there',
    kind: 'rule',
    only: 'terminal',
    free: true,
    args: [
      {
        name: 'address',
        help: 'address with a code; not needed on the machine of the server',
        type: text,
        position: 'optional',
      },
      ...tokenOf('operate'),
    ],
    examples: ['tw login', "tw login 'https://tw.example/#code=…' --role look"],
    result: 'Login',
  },
  {
    verb: 'attach',
    summary: 'follow a run of the server to its end',
    kind: 'look',
    only: 'terminal',
    free: true,
    args: [{ name: 'run', help: 'id of the run', type: needed, position: 'one', value: '<run>' }],
    examples: ['tw attach 01K3ZV8Q6T'],
    result: 'Attach',
  },
  {
    verb: 'server install',
    summary: 'run the server as a pod of the cluster that the config names, with the files of this folder',
    kind: 'forward',
    only: 'terminal',
    args: [],
    examples: ['tw server install'],
    result: 'ServerInstall',
  },
  {
    verb: 'server remove',
    summary: 'fetch the files of the server in a cluster, and take it out of there',
    kind: 'forward',
    only: 'terminal',
    args: [flag('lost', 'do not fetch them: this folder decides again with what it had'), confirm],
    examples: ['tw server remove', 'tw server remove --lost --confirm=guestbook-demo'],
    result: 'ServerRemove',
  },
  {
    verb: 'token create',
    summary: 'make a token for the HTTP API; it is shown once',
    kind: 'rule',
    args: [{ name: 'name', help: 'what it is for', type: needed, position: 'one' }, ...tokenOf('look')],
    examples: ['tw token create ci --role operate', 'tw token create grafana --days 365'],
    result: 'Token',
  },
  {
    verb: 'token list',
    summary: 'tokens of the HTTP API, without their secrets',
    kind: 'look',
    args: [],
    examples: ['tw token list'],
    result: 'Tokens',
  },
  {
    verb: 'token revoke',
    summary: 'end a token at once',
    kind: 'rule',
    args: [{ name: 'id', help: 'id of the token', type: needed, position: 'one', value: '<id>' }],
    examples: ['tw token revoke t3fa91c'],
    result: 'Tokens',
  },
];
