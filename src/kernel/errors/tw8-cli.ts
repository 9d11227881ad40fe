import type { Block } from './block.ts';

/** CLI, server, web. */
export const TW8 = {
  TW8001: { title: 'nothing to explain under this name', kind: 'user', exit: 2 },
  TW8011: { title: 'the port is taken', kind: 'user', exit: 1 },
  TW8012: { title: 'the server cannot listen there', kind: 'user', exit: 2 },
  TW8013: { title: 'the dashboard could not be built', kind: 'transient', exit: 1 },
  TW8014: { title: 'no server of this project runs', kind: 'user', exit: 1 },
  TW8015: { title: 'the file of tokens cannot be read', kind: 'user', exit: 1 },
  TW8016: { title: 'no such token', kind: 'user', exit: 2 },
  TW8017: { title: 'the project is served already', kind: 'user', exit: 7 },
  TW8020: { title: 'not signed in', kind: 'user', exit: 3 },
  TW8021: { title: 'the role of this sign-in is too small', kind: 'user', exit: 3 },
  TW8022: { title: 'the request comes from a foreign page or name', kind: 'user', exit: 3 },
  TW8023: { title: 'the idempotency key was used for something else', kind: 'user', exit: 2 },
  TW8025: { title: 'the request cannot be read', kind: 'user', exit: 2 },
  TW8026: { title: 'there is nothing at this address', kind: 'user', exit: 2 },
  TW8027: { title: 'too many open streams', kind: 'transient', exit: 1 },
  TW8028: { title: 'the process ended before the command did', kind: 'transient', exit: 1 },
  TW8999: { title: 'a bug in Tradewind', kind: 'bug', exit: 1 },
} as const satisfies Block;
