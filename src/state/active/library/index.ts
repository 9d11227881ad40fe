import { BASE } from './base.ts';
import { CELLS } from './cells.ts';
import { COMMANDS } from './commands.ts';
import { EXPIRY } from './expiry.ts';
import { KEYS } from './keys.ts';
import { LISTS } from './lists.ts';
import { PEERS } from './peers.ts';

/** Name of the library of Redis Functions that converge; reserved. */
export const ACTIVE = 'tw_active';

/** Its text, for FUNCTION LOAD REPLACE. */
export function activeLibrary(): string {
  return [`#!lua name=${ACTIVE}`, BASE, CELLS, EXPIRY, LISTS, KEYS, PEERS, COMMANDS].join('\n');
}
