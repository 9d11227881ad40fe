// What the gateway says by itself.
import { type Code, entryOf } from '../../kernel/index.ts';
import { RespError, reply } from '../resp/values.ts';
import { amountOf } from '../short.ts';

const error = (text: string): Buffer => reply(new RespError(text));

export const OK: Buffer = reply({ simple: 'OK' });
export const NULL_ARRAY: Buffer = Buffer.from('*-1\r\n');
export const READONLY: Buffer = error("READONLY You can't write against a read only replica.");
export const EXECABORT: Buffer = error(
  'EXECABORT Transaction discarded: home moved or a command was refused; nothing was written.',
);

/** `-<word> <code> <text>`: the word is for programs, the code for people; without a text the catalogue says it. */
const coded = (word: string, code: Code, text: string = entryOf(code).title): Buffer =>
  error(`${word} ${code} ${text}`);

/** Sent, and it is not known whether a second copy has it: it may appear once, or not. */
export const UNKNOWN: Buffer = coded('TWUNKNOWN', 'TW5102');
/** Certainly nothing was written. */
export const noQuorum = (why: string): Buffer => coded('TWNOQUORUM', 'TW5103', `${entryOf('TW5103').title} (${why})`);
export const BUSY: Buffer = coded('TWBUSY', 'TW5104');
export const refused = (name: string, why: string): Buffer => coded('TWREFUSED', 'TW5101', `${name}: ${why}`);

/** Words with which Redis refuses a write for want of room, before any effect. */
export const FULL: ReadonlySet<string> = new Set(['OOM', 'MISCONF']);
/** Bytes of memory at home. */
export interface Room {
  used: number;
  limit: number;
}
/** Redis' own word stays the first one: programs know it. */
export function full(word: string, room: Room | undefined): Buffer {
  const amount = amountOf(word === 'OOM' ? { of: 'memory', ...room } : { of: 'disk' });
  return coded(word, 'TW5113', `${amount}; nothing written`);
}

export interface Own {
  /** Copies beside home's own that every acknowledged write has. */
  w(): number;
  /** Number of this connection. */
  id: number;
  name: string;
}

function hello(args: readonly string[], own: Own): Buffer {
  if (args[1] !== undefined && args[1] !== '2') return error('NOPROTO unsupported protocol version');
  if (args.slice(2).some((a) => a.toUpperCase() === 'AUTH')) return NO_PASSWORD;
  const version = ['version', '7.0.0', 'proto', 2, 'id', own.id, 'mode', 'standalone', 'role', 'master', 'modules'];
  return reply(
    ['server', 'redis', ...version].map((v) => (typeof v === 'string' ? Buffer.from(v) : v)).concat([[] as never]),
  );
}

const NO_PASSWORD = error(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);

function client(args: readonly string[], own: Own): Buffer {
  switch ((args[1] ?? '').toUpperCase()) {
    case 'SETNAME':
      own.name = args[2] ?? '';
      return OK;
    case 'SETINFO':
      return OK;
    case 'GETNAME':
      return reply(own.name === '' ? null : own.name);
    case 'ID':
      return reply(own.id);
    default:
      return refused(`CLIENT ${args[1] ?? ''}`, 'connections belong to the gateway');
  }
}

/** The answer to a command of class `own`. QUIT and RESET are the session's. */
export function ownAnswer(name: string, raw: readonly Buffer[], own: Own): Buffer {
  const args = raw.map((a) => a.toString());
  switch (name) {
    case 'PING':
      return args[1] === undefined ? reply({ simple: 'PONG' }) : reply(raw[1] ?? null);
    case 'ECHO':
      return raw.length === 2 ? reply(raw[1] ?? null) : error("ERR wrong number of arguments for 'echo' command");
    case 'HELLO':
      return hello(args, own);
    case 'CLIENT':
      return client(args, own);
    case 'WAIT':
      return reply(own.w());
    default:
      return NO_PASSWORD;
  }
}
