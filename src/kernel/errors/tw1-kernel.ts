import type { Block } from './block.ts';

/** Kernel and config. */
export const TW1 = {
  TW1001: { title: 'config file not found', kind: 'user', exit: 2 },
  TW1002: { title: 'config file could not be loaded', kind: 'user', exit: 2 },
  TW1003: { title: 'config is not valid', kind: 'user', exit: 2 },
  TW1004: { title: 'secret reference could not be read', kind: 'user', exit: 2 },
  TW1005: { title: 'the config was edited and is not valid: the one before goes on', kind: 'user', exit: 2 },
  TW1010: { title: 'journal could not be opened or written', kind: 'transient', exit: 1 },
  TW1020: { title: 'the store could not be opened, read or written', kind: 'transient', exit: 1 },
} as const satisfies Block;
