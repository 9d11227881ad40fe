import type { Block } from './block.ts';

export const TW3 = {} as const satisfies Block;
