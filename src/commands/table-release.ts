import type { CommandSpec } from './model.ts';
import { app, because, flag, needed, on, releaseId, text, yes } from './table-args.ts';

const STRATEGIES = ['atomic', 'waves'] as const;
const HOLDS = ['commit'] as const;

/** Verbs of releases. */
export const RELEASE_COMMANDS: readonly CommandSpec[] = [
  {
    verb: 'release',
    summary: 'move an app to a version in all its clusters, as one',
    kind: 'forward',
    args: [
      { name: 'target', help: 'app and version', type: needed, position: 'one', value: '<app@version>', from: 'app' },
      yes,
      flag('dryRun', 'print every step, and what happens if a cluster is lost there'),
      { name: 'plan', help: 'release exactly the plan with this id', type: text, value: '<id>' },
      { name: 'strategy', help: 'atomic or waves; default: the config', type: text, value: '<s>', from: STRATEGIES },
      { name: 'hold', help: 'commit: stop before users are switched', type: text, value: '<step>', from: HOLDS },
    ],
    examples: ['tw release guestbook@v2', 'tw release guestbook@v2 --dry-run', 'tw release guestbook@v2 --hold=commit'],
    result: 'Release',
  },
  {
    verb: 'promote',
    summary: 'give the word a release waits for: commit, next wave, end',
    kind: 'forward',
    args: [app, releaseId, yes, because],
    examples: ['tw promote guestbook'],
    result: 'Release',
  },
  {
    verb: 'pause',
    summary: 'let a release wait before its next step',
    kind: 'safe',
    args: [app, releaseId, because, flag('off', 'let it go on')],
    examples: ['tw pause guestbook', 'tw pause guestbook --off'],
    result: 'ReleaseWord',
  },
  {
    verb: 'abort',
    summary: 'end a release before its commit; nothing was switched',
    kind: 'safe',
    args: [app, releaseId, because],
    examples: ['tw abort guestbook --because "wrong build"'],
    result: 'Release',
  },
  {
    verb: 'rollback',
    summary: 'take every cluster back to the version before',
    kind: 'safe',
    args: [app, releaseId, yes, because, flag('adopt', 'take switches again that were edited by hand')],
    examples: ['tw rollback guestbook', 'tw rollback guestbook --adopt'],
    result: 'Release',
  },
  {
    verb: 'adopt',
    summary: 'take switches again that somebody edited or deleted',
    kind: 'forward',
    args: [
      app,
      on,
      yes,
      { name: 'live', help: 'version that shall be live, when no release is open', type: text, value: '<version>' },
    ],
    examples: ['tw adopt guestbook --on syd', 'tw adopt guestbook --on syd --live v2'],
    result: 'Adopted',
  },
  {
    verb: 'retire',
    summary: 'end what is kept for a rollback and remove the version that is over',
    kind: 'forward',
    destroys: true,
    args: [app, releaseId, yes, because],
    examples: ['tw retire guestbook'],
    result: 'Release',
  },
  {
    verb: 'versions',
    summary: 'versions of an app that run, and which one is live where',
    kind: 'look',
    args: [app],
    examples: ['tw versions guestbook'],
    result: 'Versions',
  },
  {
    verb: 'history',
    summary: 'releases of an app, newest first',
    kind: 'look',
    args: [app],
    examples: ['tw history guestbook'],
    result: 'History',
  },
];
