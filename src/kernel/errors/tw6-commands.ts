import type { Block } from './block.ts';

/** Commands. */
export const TW6 = {
  TW6001: { title: 'unknown command', kind: 'user', exit: 2 },
  TW6002: { title: 'unknown or missing argument', kind: 'user', exit: 2 },
  TW6003: { title: 'unknown cluster', kind: 'user', exit: 2 },
  TW6004: { title: 'unknown app', kind: 'user', exit: 2 },
  TW6005: { title: 'confirmation is missing', kind: 'user', exit: 2 },
  TW6010: { title: 'a check failed', kind: 'user', exit: 2 },
  TW6011: { title: 'no such run to report', kind: 'user', exit: 2 },
  TW6201: { title: 'another run holds the lock', kind: 'transient', exit: 7 },
} as const satisfies Block;
