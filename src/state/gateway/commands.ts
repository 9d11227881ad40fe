// What the gateway does with a command: by the flags that Redis itself gives (COMMAND), and a short table on top.
import type { Value } from '../resp/values.ts';

/** One row of COMMAND. `first`, `last`, `step` = where the keys are; `movable` = not at fixed places. */
export interface CommandInfo {
  flags: ReadonlySet<string>;
  first: number;
  last: number;
  step: number;
  movable: boolean;
}
/** By name in capitals; subcommands as `CONFIG|GET`. */
export type CommandTable = ReadonlyMap<string, CommandInfo>;

/** `own` = answered by the gateway itself. */
export type CommandClass = 'write' | 'read' | 'own' | 'refused';

/** Names that COMMAND's flags do not decide. */
const OVERLAY: Readonly<Record<string, CommandClass>> = {
  PING: 'own',
  ECHO: 'own',
  QUIT: 'own',
  RESET: 'own',
  HELLO: 'own',
  AUTH: 'own',
  CLIENT: 'own',
  WAIT: 'own',
  MULTI: 'read',
  EXEC: 'read',
  DISCARD: 'read',
  WATCH: 'read',
  UNWATCH: 'read',
  SELECT: 'read',
  INFO: 'read',
  COMMAND: 'read',
  ROLE: 'read',
  ACL: 'refused',
  FUNCTION: 'refused',
  MIGRATE: 'refused',
  SUBSCRIBE: 'refused',
  PSUBSCRIBE: 'refused',
  SSUBSCRIBE: 'refused',
  UNSUBSCRIBE: 'refused',
  PUNSUBSCRIBE: 'refused',
  SUNSUBSCRIBE: 'refused',
  PUBLISH: 'refused',
  SPUBLISH: 'refused',
  READONLY: 'refused',
  READWRITE: 'refused',
  ASKING: 'refused',
  'SCRIPT|LOAD': 'write',
  'SCRIPT|EXISTS': 'read',
  SCRIPT: 'refused',
};
const RESERVED = 'tw:';

function infoOf(row: readonly Value[]): [string, CommandInfo][] {
  const [name, , flags, first, last, step, , , , subs] = row;
  const words = new Set(((flags ?? []) as readonly Value[]).map(String));
  const info = {
    flags: words,
    first: Number(first),
    last: Number(last),
    step: Number(step),
    movable: words.has('movablekeys'),
  };
  const below = ((subs ?? []) as readonly (readonly Value[])[]).flatMap(infoOf);
  return [[(name as Buffer).toString().toUpperCase(), info], ...below];
}

/** Reads the answer of COMMAND. Throws when it is none. */
export function commandTable(answer: Value): CommandTable {
  if (!Array.isArray(answer) || answer.length === 0) throw new RangeError('COMMAND gave no table');
  return new Map((answer as readonly (readonly Value[])[]).flatMap(infoOf));
}

function byFlags(flags: ReadonlySet<string>): CommandClass {
  if (flags.has('admin')) return 'refused';
  return flags.has('write') || flags.has('may_replicate') ? 'write' : 'read';
}

/** A command that Redis does not list is a write: should a newer Redis know it, it must be acknowledged. */
export function classOf(table: CommandTable, name: string, args: readonly Buffer[]): CommandClass {
  const sub = args[1] === undefined ? undefined : `${name}|${args[1].toString('latin1').toUpperCase()}`;
  const fixed = (sub === undefined ? undefined : OVERLAY[sub]) ?? OVERLAY[name];
  if (fixed !== undefined) return fixed;
  const info = (sub === undefined ? undefined : table.get(sub)) ?? table.get(name);
  return info === undefined ? 'write' : byFlags(info.flags);
}

const reserved = (arg: Buffer | undefined): boolean => arg?.subarray(0, 3).toString('latin1') === RESERVED;

/** True when it names a key that belongs to Tradewind. Where keys have no fixed place, every argument counts as one. */
export function touchesReserved(table: CommandTable, name: string, args: readonly Buffer[]): boolean {
  const info = table.get(name);
  if (info === undefined || info.movable) return args.slice(1).some(reserved);
  if (info.first <= 0) return false;
  const last = info.last < 0 ? args.length + info.last : info.last;
  for (let i = info.first; i <= last; i += Math.max(1, info.step)) {
    if (reserved(args[i])) return true;
  }
  return false;
}
