import type { CommandSpec } from './model.ts';
import { app, confirm, flag, needed, text, yes } from './table-args.ts';

export const MODES = ['isolated', 'single-writer', 'active-active'] as const;

/** Verbs of the state that clusters share. */
export const STATE_COMMANDS: readonly CommandSpec[] = [
  {
    verb: 'state status',
    summary: 'who is home, who has a copy and how far behind it is, and how the last failover went',
    kind: 'look',
    args: [app],
    examples: ['tw state status', 'tw state status -o json'],
    result: 'StateStatus',
  },
  {
    verb: 'state move',
    summary: 'make another cluster home, losing nothing; writes wait meanwhile',
    kind: 'forward',
    args: [
      app,
      {
        name: 'to',
        help: 'cluster that takes the writes from now on',
        type: needed,
        from: 'cluster',
        value: '<cluster>',
      },
    ],
    examples: ['tw state move --to syd'],
    result: 'StateMove',
  },
  {
    verb: 'state add-voter',
    summary: 'give another cluster a copy that counts, or move one there; loses nothing, writes wait a moment',
    kind: 'forward',
    args: [
      {
        name: 'cluster',
        help: 'cluster of the app that gets a copy',
        type: needed,
        position: 'one',
        from: 'cluster',
      },
      {
        name: 'insteadOf',
        help: 'cluster whose copy goes when the other one counts',
        type: text,
        from: 'cluster',
        value: '<cluster>',
      },
      { name: 'app', help: 'name of the app', type: text, value: '<app>', from: 'app' },
    ],
    examples: ['tw state add-voter vir', 'tw state add-voter vir --instead-of syd'],
    result: 'StateVoters',
  },
  {
    verb: 'state promote',
    summary: 'make a copy home that cannot prove to have every confirmed write; what it lacks is lost',
    kind: 'forward',
    destroys: true,
    args: [
      app,
      { name: 'to', help: 'cluster whose copy is kept', type: needed, from: 'cluster', value: '<cluster>' },
      flag('acceptLoss', 'writes that this copy lacks are given up'),
      yes,
      confirm,
    ],
    examples: ['tw state promote --to syd --accept-loss --confirm=guestbook-demo'],
    result: 'StatePromote',
  },
  {
    verb: 'state backup',
    summary: 'take a snapshot of the state, load it in a throw-away Redis and say whether it counts',
    kind: 'safe',
    args: [app],
    examples: ['tw state backup', 'tw state backup guestbook'],
    result: 'StateBackup',
  },
  {
    verb: 'state backups',
    summary: 'snapshots of the state, the newest first, and which of them count',
    kind: 'look',
    args: [app],
    examples: ['tw state backups', 'tw state backups -o json'],
    result: 'StateBackups',
  },
  {
    verb: 'state restore',
    summary:
      'put a snapshot in place of the state; what is there is kept as another snapshot, writes after it are given up',
    kind: 'forward',
    destroys: true,
    args: [
      { name: 'snapshot', help: 'its name, as `tw state backups` shows it', type: needed, position: 'one' },
      { name: 'app', help: 'name of the app', type: text, value: '<app>', from: 'app' },
      yes,
      confirm,
    ],
    examples: ['tw state restore guestbook-20261128T231500Z-1f2e --confirm=guestbook-demo'],
    result: 'StateRestore',
  },
  {
    verb: 'state why-not',
    summary: 'what a mode would cost in latency and survive, or why it cannot be had',
    kind: 'look',
    args: [
      { name: 'mode', help: 'isolated, single-writer or active-active', type: needed, position: 'one', from: MODES },
    ],
    examples: ['tw state why-not active-active'],
    result: 'StateWhyNot',
  },
];
