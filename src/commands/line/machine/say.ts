import type { ArgSpec, Args, CommandSpec } from '../../model.ts';
import { kebab } from './parse.ts';

const word = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[\w@.:/=,#-]+$/.test(text) ? text : JSON.stringify(text);
};

function flagsOf(arg: ArgSpec, value: unknown): string[] {
  const name = `--${kebab(arg.name)}`;
  if (arg.type.is === 'flag') return value === true ? [name] : [];
  if (arg.type.is === 'list') return (value as readonly unknown[]).map((v) => `${name}=${word(v)}`);
  return 'initial' in arg.type && arg.type.initial === value ? [] : [`${name}=${word(value)}`];
}

/** The line that asks for exactly this again, without the arguments of these names and without what is the default. */
export function lineOf(spec: CommandSpec, args: Args, without: ReadonlySet<string>): string {
  const given = spec.args.filter((a) => args[a.name] !== undefined && !without.has(a.name));
  const places = given.filter((a) => a.position !== undefined).flatMap((a) => [args[a.name]].flat().map(word));
  const flags = given.filter((a) => a.position === undefined).flatMap((a) => flagsOf(a, args[a.name]));
  return [spec.verb, ...places, ...flags].join(' ');
}
