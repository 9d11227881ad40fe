import type { ErrorEntry } from './block.ts';
import { TW1 } from './tw1-kernel.ts';
import { TW2 } from './tw2-infra.ts';
import { TW3 } from './tw3-fleet.ts';
import { TW4 } from './tw4-traffic.ts';
import { TW5_GATEWAY } from './tw5-gateway.ts';
import { TW5 } from './tw5-state.ts';
import { TW6 } from './tw6-commands.ts';
import { TW7 } from './tw7-release.ts';
import { TW8 } from './tw8-cli.ts';
import { TW9 } from './tw9-sandbox.ts';

/** Every code a person can meet, by room (architecture.md section 7). */
export const CATALOGUE = {
  ...TW1,
  ...TW2,
  ...TW3,
  ...TW4,
  ...TW5,
  ...TW5_GATEWAY,
  ...TW6,
  ...TW7,
  ...TW8,
  ...TW9,
} as const;
export type Code = keyof typeof CATALOGUE;

export function entryOf(code: Code): ErrorEntry {
  return CATALOGUE[code];
}
