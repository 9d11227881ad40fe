import type { CommandSpec } from './model.ts';
import { confirm, needed, yes } from './table-args.ts';

/** Verbs of the store where machines agree. */
export const COORDINATION_COMMANDS: readonly CommandSpec[] = [
  {
    verb: 'coordination status',
    summary: 'which members of the coordination store are up, and who leads',
    kind: 'look',
    args: [],
    examples: ['tw coordination status'],
    result: 'CoordinationStatus',
  },
  {
    verb: 'coordination snapshot',
    summary: 'save the coordination store as a file that etcd can be restored from',
    kind: 'look',
    args: [{ name: 'file', help: 'file to write', type: needed, position: 'one', value: '<file>' }],
    examples: ['tw coordination snapshot etcd.db'],
    result: 'CoordinationSnapshot',
    only: 'terminal',
  },
  {
    verb: 'coordination recover',
    summary:
      'make the store anew of a member that is left, where a majority is lost for good; the others join it empty',
    kind: 'forward',
    destroys: true,
    args: [
      {
        name: 'lost',
        help: 'cluster that never comes back with its old disk; may be repeated',
        type: { is: 'list' },
        from: 'cluster',
        value: '<cluster>',
      },
      yes,
      confirm,
    ],
    examples: ['tw coordination recover --confirm=guestbook-demo', 'tw coordination recover --lost syd --lost mtl'],
    result: 'CoordinationRecover',
    only: 'terminal',
  },
];
