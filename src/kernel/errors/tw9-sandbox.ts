import type { Block } from './block.ts';

export const TW9 = {} as const satisfies Block;
