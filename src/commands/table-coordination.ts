import type { CommandSpec } from './model.ts';
import { needed } from './table-args.ts';

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
];
