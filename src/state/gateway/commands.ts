// What the gateway does with a command: by the flags that Redis itself gives (COMMAND), and a short table on top.
import type { Request } from '../resp/requests.ts';
import type { Value } from '../resp/values.ts';

/** One row of COMMAND. `first`, `last`, `step` = where the keys are; `movable` = not at fixed places. */
interface CommandInfo {
  flags: ReadonlySet<string>;
  first: number;
  last: number;
  step: number;
  movable: boolean;
}

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
  TIME: 'read',
  LASTSAVE: 'read',
  LOLWUT: 'read',
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
/** What they change belongs to the connection, so they need one of their own. */
const OF_CONNECTION: ReadonlySet<string> = new Set(['MULTI', 'EXEC', 'DISCARD', 'WATCH', 'UNWATCH', 'SELECT']);
const RESERVED = Buffer.from('tw:');

/** How one command is treated. */
export interface Rule {
  cls: CommandClass;
  /** It may go with commands of other clients over one connection. */
  shared: boolean;
  blocking: boolean;
  keys: 'none' | 'anywhere' | Pick<CommandInfo, 'first' | 'last' | 'step'>;
}

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

/** What is not said to be read-only counts as a write: COMMAND of 7.0 does not tell that a script may change data. */
function byFlags(flags: ReadonlySet<string>): CommandClass {
  if (flags.has('admin')) return 'refused';
  return flags.has('readonly') ? 'read' : 'write';
}

function keysOf(info: CommandInfo): Rule['keys'] {
  if (info.movable) return 'anywhere';
  return info.first > 0 ? info : 'none';
}

/** A command that Redis does not list is a write: should a newer Redis know it, it must be acknowledged. */
const UNKNOWN_COMMAND: Rule = { cls: 'write', shared: false, blocking: false, keys: 'anywhere' };

function ruleOf(name: string, info: CommandInfo | undefined): Rule {
  if (info === undefined) return UNKNOWN_COMMAND;
  const blocking = info.flags.has('blocking');
  return { cls: byFlags(info.flags), shared: !OF_CONNECTION.has(name) && !blocking, blocking, keys: keysOf(info) };
}

/** The rules of all commands, by name in capitals; subcommands as `CONFIG|GET`. */
export class Rulebook {
  readonly #rules = new Map<string, Rule>();
  /** Names that have subcommands. */
  readonly #containers = new Set<string>();

  /** From the answer of COMMAND. Throws when it is none. */
  constructor(answer: Value) {
    if (!Array.isArray(answer) || answer.length === 0) throw new RangeError('COMMAND gave no table');
    const table = new Map((answer as readonly (readonly Value[])[]).flatMap(infoOf));
    for (const name of new Set([...table.keys(), ...Object.keys(OVERLAY)])) {
      const [whole = '', sub] = name.split('|');
      if (sub !== undefined) this.#containers.add(whole);
      const rule = ruleOf(whole, table.get(name) ?? table.get(whole));
      this.#rules.set(name, { ...rule, cls: OVERLAY[name] ?? OVERLAY[whole] ?? rule.cls });
    }
  }

  of(r: Request): Rule {
    if (this.#containers.has(r.name) && r.length > 1) {
      const sub = this.#rules.get(`${r.name}|${(r.args[1] ?? '').toString('latin1').toUpperCase()}`);
      if (sub !== undefined) return sub;
    }
    return this.#rules.get(r.name) ?? UNKNOWN_COMMAND;
  }
}

/** True when it names a key that belongs to Tradewind. Where keys have no fixed place, every argument counts as one. */
export function touchesReserved(r: Request, { keys }: Rule): boolean {
  if (keys === 'none') return false;
  const { first, last, step } = keys === 'anywhere' ? { first: 1, last: -1, step: 1 } : keys;
  const end = last < 0 ? r.length + last : last;
  for (let i = first; i <= end; i += Math.max(1, step)) if (r.startsWith(i, RESERVED)) return true;
  return false;
}
