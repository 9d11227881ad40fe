import type { Block } from './block.ts';

/** What the gateway of an app's state answers to the app. */
export const TW5_GATEWAY = {
  TW5101: { title: 'the app may not send this command', kind: 'user', exit: 1 },
  TW5102: { title: 'at home, second copy not confirmed; it may appear once or not', kind: 'transient', exit: 1 },
  TW5103: { title: 'no home takes writes now; nothing written', kind: 'transient', exit: 1 },
  TW5104: { title: 'too many writes wait for a home; nothing written', kind: 'transient', exit: 1 },
} as const satisfies Block;
