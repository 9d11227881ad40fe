import type { Block } from './block.ts';

/** CLI, server, web. */
export const TW8 = {
  TW8001: { title: 'nothing to explain under this name', kind: 'user', exit: 2 },
  TW8999: { title: 'a bug in Tradewind', kind: 'bug', exit: 1 },
} as const satisfies Block;
