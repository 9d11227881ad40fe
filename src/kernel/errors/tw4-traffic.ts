import type { Block } from './block.ts';

export const TW4 = {} as const satisfies Block;
