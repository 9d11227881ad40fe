import type { ArgSpec, CommandSpec } from './model.ts';
import { app, because, needed, on, text } from './table-args.ts';

const reason: ArgSpec = { ...because, type: needed };
const span: ArgSpec = { name: 'for', help: 'ends by itself after this long, such as 2h', type: text, value: '<time>' };
const optionalId = (help: string): ArgSpec => ({ name: 'id', help, type: text, position: 'optional' });
const approval: ArgSpec = {
  name: 'approval',
  help: 'id of the approval',
  type: needed,
  position: 'one',
  value: '<id>',
};

/** Verbs about who may do what, and when. */
export const RULE_COMMANDS: readonly CommandSpec[] = [
  {
    verb: 'approve',
    summary: 'agree to exactly one plan of somebody else',
    kind: 'decide',
    args: [approval, because],
    examples: ['tw approve a-3f09c2d81b7e'],
    result: 'Approval',
  },
  {
    verb: 'deny',
    summary: 'say no to a plan: one valid no ends the question',
    kind: 'decide',
    args: [approval, reason],
    examples: ['tw deny a-3f09c2d81b7e --because "the cache is cold"'],
    result: 'Approval',
  },
  {
    verb: 'who',
    summary: 'persons of the fleet and what they may do',
    kind: 'look',
    args: [{ name: 'name', help: 'a person or a verb; default: everybody', type: text, position: 'optional' }, app, on],
    examples: ['tw who', 'tw who release guestbook'],
    result: 'Who',
  },
  {
    verb: 'link',
    summary: 'link an account to a person: show a code here, type it there, say yes here',
    kind: 'rule',
    free: true,
    args: [
      { name: 'code', help: 'the code that was shown; without it one is shown', type: text, position: 'optional' },
    ],
    examples: ['tw link', 'tw link 7KQ2-M9XD-4TRC'],
    result: 'Link',
  },
  {
    verb: 'unlink',
    summary: 'forget that an account belongs to a person',
    kind: 'rule',
    args: [{ name: 'account', help: 'such as os:anna', type: needed, position: 'one' }],
    examples: ['tw unlink os:anna'],
    result: 'Link',
  },
  {
    verb: 'freeze',
    summary: 'let nothing go forward; pause, abort, rollback and drain still work',
    kind: 'safe',
    args: [app, on, reason, span],
    examples: ['tw freeze --because "black friday" --for 48h', 'tw freeze guestbook --because "incident"'],
    result: 'Barrier',
  },
  {
    verb: 'unfreeze',
    summary: 'end a freeze',
    kind: 'rule',
    args: [optionalId('id of the freeze; default: the only one'), because],
    examples: ['tw unfreeze', 'tw unfreeze f1'],
    result: 'Barrier',
  },
  {
    verb: 'lock',
    summary: 'let only yourself go forward with an app',
    kind: 'rule',
    args: [app, on, reason, { ...span, type: { is: 'text', initial: '4h' } }],
    examples: ['tw lock guestbook --because "database work" --for 1h'],
    result: 'Barrier',
  },
  {
    verb: 'unlock',
    summary: 'end a lock',
    kind: 'rule',
    args: [optionalId('id of the lock; default: the only one'), because],
    examples: ['tw unlock', 'tw unlock l1'],
    result: 'Barrier',
  },
  {
    verb: 'queue',
    summary: 'who changes the fleet now, and who waits for whom',
    kind: 'look',
    args: [],
    examples: ['tw queue'],
    result: 'Queue',
  },
  {
    verb: 'cancel',
    summary: 'take a command that waits for its turn out of the line',
    kind: 'safe',
    args: [{ name: 'id', help: 'its id in the queue', type: needed, position: 'one', value: '<id>' }, because],
    examples: ['tw cancel c12 --because "wrong build"'],
    result: 'Cancelled',
  },
  {
    verb: 'locks',
    summary: 'what stops or waits now: freezes, locks, the queue, approvals, incidents',
    kind: 'look',
    args: [],
    examples: ['tw locks'],
    result: 'Locks',
  },
  {
    verb: 'incident start',
    summary: 'freeze and begin a timeline',
    kind: 'safe',
    args: [app, on, reason],
    examples: ['tw incident start --because "checkout is slow"'],
    result: 'Incident',
  },
  {
    verb: 'incident end',
    summary: 'lift the freeze of an incident and print its timeline',
    kind: 'rule',
    args: [optionalId('id of the incident; default: the last one')],
    examples: ['tw incident end'],
    result: 'Incident',
  },
  {
    verb: 'audit verify',
    summary: 'prove that no record of the audit was changed or taken out',
    kind: 'look',
    args: [],
    examples: ['tw audit verify'],
    result: 'Audit',
  },
  {
    verb: 'audit export',
    summary: 'print the audit, one JSON object a line',
    kind: 'look',
    args: [],
    examples: ['tw audit export > audit.ndjson'],
    result: 'AuditExport',
  },
];
