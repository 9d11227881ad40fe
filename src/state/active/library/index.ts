import { BASE } from './base.ts';
import { CELLS } from './cells.ts';
import { COMMANDS } from './commands.ts';
import { EXPIRY } from './expiry.ts';
import { KEYS } from './keys.ts';
import { LISTS } from './lists.ts';
import { LOCAL } from './local.ts';
import { MEMBERS } from './members.ts';
import { PEERS } from './peers.ts';
import { STRINGS } from './strings.ts';
import { SWEEP } from './sweep.ts';

/** Name of the library of Redis Functions that converge; reserved. */
const ACTIVE = 'tw_active';

/** Its text, for FUNCTION LOAD REPLACE. */
export function activeLibrary(): string {
  const parts = [BASE, CELLS, EXPIRY, LISTS, KEYS, PEERS, SWEEP, LOCAL, COMMANDS, STRINGS, MEMBERS];
  return [`#!lua name=${ACTIVE}`, ...parts].join('\n');
}
