import { type ArgSpec, type Args, type CommandSpec, checkArg, type Role } from '../commands/index.ts';
import { EXIT, fault, nearest, type Problem } from '../kernel/index.ts';

export interface Route {
  spec: CommandSpec;
  method: 'GET' | 'POST';
  /** Below `/api/v1`. */
  path: string;
  role: Role;
}

const RANK: Readonly<Record<Role, number>> = { look: 0, operate: 1, admin: 2 };
export const mayAs = (has: Role, needs: Role): boolean => RANK[has] >= RANK[needs];

function roleFor(spec: CommandSpec): Role {
  if (spec.kind === 'look') return 'look';
  return spec.kind === 'rule' ? 'admin' : 'operate';
}

/** Every verb another machine may ask for, as a route: GET for what only looks, POST for the others. */
export function routesOf(table: readonly CommandSpec[]): Route[] {
  return table
    .filter((spec) => spec.only === undefined && spec.hidden !== true)
    .map((spec) => ({
      spec,
      method: spec.kind === 'look' ? 'GET' : 'POST',
      path: `/commands/${spec.verb.replaceAll(' ', '/')}`,
      role: roleFor(spec),
    }));
}

const isOn = (value: unknown): boolean => value === true || ['', '1', 'true'].includes(value as string);
const wordOf = (v: unknown): string => (typeof v === 'string' ? v : JSON.stringify(v));
const wordsOf = (value: unknown): unknown =>
  typeof value === 'string' ? [value] : Array.isArray(value) ? value.map(wordOf) : value;

/** One value of a query or a body as the command line would have given it. */
function rawOf(arg: ArgSpec, value: unknown): unknown {
  switch (arg.type.is) {
    case 'flag':
      return isOn(value);
    case 'list':
      return wordsOf(value);
    case 'int':
      return typeof value === 'number' ? String(value) : value;
    case 'text':
      return value ?? undefined;
  }
}

/** Checks arguments as the terminal does; an unknown one is an error. Throws TW6002. */
export function argsOf(spec: CommandSpec, given: Readonly<Record<string, unknown>>): Args {
  const names = spec.args.map((a) => a.name);
  const unknown = Object.keys(given).find((k) => !names.includes(k));
  if (unknown !== undefined) {
    const near = nearest(unknown, names);
    throw fault('TW6002', {
      value: unknown,
      why: [
        near === undefined ? `arguments of ${spec.verb}: ${names.join(', ') || 'none'}` : `did you mean "${near}"?`,
      ],
    });
  }
  const out: Record<string, unknown> = {};
  for (const arg of spec.args) {
    const checked = checkArg(arg.type, rawOf(arg, given[arg.name]));
    if ('wrong' in checked) throw fault('TW6002', { value: arg.name, why: [`${checked.wrong}: ${arg.help}`] });
    out[arg.name] = checked.value;
  }
  return out;
}

const BY_CODE: Readonly<Record<string, number>> = {
  // What was looked at or agreed to is not what stands now: nothing is wrong with the sign-in.
  TW2104: 409,
  TW6115: 409,
  TW6116: 409,
  TW7002: 409,
  TW8020: 401,
  TW8021: 403,
  TW8022: 403,
  TW8023: 409,
  TW8025: 400,
  TW8026: 404,
  TW8027: 429,
  TW8029: 413,
};
const BY_EXIT: Readonly<Record<number, number>> = {
  [EXIT.usage]: 400,
  [EXIT.denied]: 403,
  [EXIT.locked]: 409,
  [EXIT.timeout]: 504,
};

/** HTTP status of a problem. */
export function statusOf(p: Problem): number {
  const known = BY_CODE[p.code] ?? BY_EXIT[p.exit];
  if (known !== undefined) return known;
  return p.kind === 'bug' ? 500 : p.kind === 'transient' ? 503 : 422;
}
