import type { Block } from './block.ts';

export const TW2 = {} as const satisfies Block;
