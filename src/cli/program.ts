import { Argument, Command, CommanderError, Option } from 'commander';
import { type ArgSpec, type Args, type CommandSpec, checkArg } from '../commands/index.ts';
import { fault, nearest } from '../kernel/index.ts';

/** How a result is shown. */
export type OutputFormat = 'table' | 'json' | 'yaml';
export interface GlobalOptions {
  output: OutputFormat;
  config?: string;
  color: boolean;
  ascii: boolean;
  /** Break-glass: not through the server. */
  inProcess: boolean;
}
export interface Invocation {
  spec: CommandSpec;
  args: Args;
  global: GlobalOptions;
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

function optionOf(arg: ArgSpec): Option {
  const value = arg.type.is === 'flag' ? '' : ` ${arg.value ?? '<value>'}`;
  const option = new Option(`${arg.short ? `-${arg.short}, ` : ''}--${kebab(arg.name)}${value}`, arg.help);
  if (arg.type.is === 'list') option.argParser((v: string, previous: string[] | undefined) => [...(previous ?? []), v]);
  return option;
}

/** Commander takes `--no-wait` for the opposite of a `wait` that is true unless it is said. */
function valueOf(option: Option, said: Readonly<Record<string, unknown>>): unknown {
  const value = said[option.attributeName()];
  return option.negate ? value === false : value;
}

function argumentOf(arg: ArgSpec): Argument {
  const name = arg.position === 'rest' ? `${arg.name}...` : arg.name;
  return new Argument(arg.position === 'one' ? `<${name}>` : `[${name}]`, arg.help);
}

/** Raw commander values → checked arguments. Throws TW6002 naming the argument. */
function checkArgs(spec: CommandSpec, raw: Readonly<Record<string, unknown>>): Args {
  const out: Record<string, unknown> = {};
  for (const arg of spec.args) {
    const checked = checkArg(arg.type, raw[arg.name]);
    if ('wrong' in checked) {
      const shown = arg.position ? `<${arg.name}>` : `--${kebab(arg.name)}`;
      throw fault('TW6002', {
        value: shown,
        why: [raw[arg.name] === undefined ? `${shown} is missing: ${arg.help}` : checked.wrong],
        fix: spec.examples.map((command) => ({ say: 'For example:', command })),
      });
    }
    out[arg.name] = checked.value;
  }
  return out;
}

function addGlobals(command: Command): Command {
  return command
    .addOption(
      new Option('-o, --output <format>', 'table, json or yaml').choices(['table', 'json', 'yaml']).default('table'),
    )
    .addOption(new Option('--json', 'same as -o json').implies({ output: 'json' }))
    .addOption(new Option('--config <file>', 'config file; default: found here or above'))
    .addOption(new Option('--in-process', 'without the server that is configured: looks and what makes safer'))
    .addOption(new Option('--no-color', 'no colours'))
    .addOption(new Option('--ascii', 'no symbols beyond ASCII'));
}

function globalsOf(options: Readonly<Record<string, unknown>>): GlobalOptions {
  const config = options['config'];
  return {
    output: options['output'] as OutputFormat,
    ...(typeof config === 'string' ? { config } : {}),
    color: options['color'] !== false,
    ascii: options['ascii'] === true,
    inProcess: options['inProcess'] === true,
  };
}

function leafCommand(spec: CommandSpec, name: string, done: (i: Invocation) => void): Command {
  const command = new Command(name).summary(spec.summary).description(spec.summary);
  const options = new Map<string, Option>();
  for (const arg of spec.args) {
    if (arg.position) command.addArgument(argumentOf(arg));
    else options.set(arg.name, optionOf(arg));
  }
  for (const option of options.values()) command.addOption(option);
  addGlobals(command);
  command.addHelpText('after', `\nExamples:\n${spec.examples.map((e) => `  ${e}`).join('\n')}\n`);
  const names = spec.args.filter((a) => a.position).map((a) => a.name);
  command.action((...all: unknown[]) => {
    const values = all.slice(0, names.length);
    const flags = [...options].map(([n, option]) => [n, valueOf(option, command.opts())]);
    const raw = Object.fromEntries([...flags, ...names.map((n, i) => [n, values[i]])]) as Record<string, unknown>;
    done({ spec, args: checkArgs(spec, raw), global: globalsOf(command.optsWithGlobals()) });
  });
  return command;
}

/** The commander program of a command table; calls `done` with the checked invocation. */
export function buildProgram(table: readonly CommandSpec[], version: string, done: (i: Invocation) => void): Command {
  const program = new Command('tw')
    .description('One app, every cloud: build, route, deploy and release over many Kubernetes clusters as one.')
    .version(version)
    .helpCommand(false)
    .enablePositionalOptions();
  const groups = new Map<string, Command>();
  for (const spec of table) {
    const words = spec.verb.split(' ');
    const parent = words.length === 1 ? program : groupOf(program, groups, words[0] ?? '');
    parent.addCommand(leafCommand(spec, words.at(-1) ?? '', done), { hidden: spec.hidden === true });
  }
  for (const command of [program, ...program.commands, ...program.commands.flatMap((c) => c.commands)]) {
    command.exitOverride();
    command.configureOutput({ outputError: () => undefined });
  }
  return program;
}

const GROUPS: Readonly<Record<string, string>> = {
  sandbox: 'the three simulated clouds of this machine',
  token: 'who may use the HTTP API',
  audit: 'what was done, by whom, and the proof',
  incident: 'a freeze with a timeline',
};

function groupOf(program: Command, groups: Map<string, Command>, name: string): Command {
  const known = groups.get(name);
  if (known) return known;
  const group = new Command(name).description(GROUPS[name] ?? '').helpCommand(false);
  groups.set(name, group);
  program.addCommand(group);
  return group;
}

/** A word as a shell takes it. */
const pasted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** commander's own complaints → TW6001 or TW6002 with the nearest verb. */
export function usageFault(error: CommanderError, argv: readonly string[], table: readonly CommandSpec[]): Error {
  if (error.code !== 'commander.unknownCommand') {
    return fault('TW6002', {
      value: argv.join(' '),
      why: [error.message.replace(/^error: /, '')],
      fix: [{ say: 'See', command: `tw ${verbWords(argv, table)} --help` }],
    });
  }
  const flag = argv.findIndex((a) => a.startsWith('-'));
  const typed = argv.slice(0, flag < 0 ? 2 : Math.min(2, flag));
  const verbs = table.filter((c) => !c.hidden).map((c) => c.verb);
  const both = nearest(typed.join(' '), verbs);
  const near = both ?? nearest(typed[0] ?? '', verbs);
  // The whole line is ready to paste, not its verb alone.
  const rest = argv.slice(both === undefined ? 1 : typed.length).map(pasted);
  return fault('TW6001', {
    value: typed.join(' '),
    why: near === undefined ? [] : [`the nearest one is "${near}"`],
    fix: [
      {
        say: near === undefined ? 'See all verbs:' : 'Did you mean',
        command: near === undefined ? 'tw --help' : ['tw', near, ...rest].join(' '),
      },
    ],
  });
}

function verbWords(argv: readonly string[], table: readonly CommandSpec[]): string {
  const two = argv.slice(0, 2).join(' ');
  return table.some((c) => c.verb === two) ? two : (argv[0] ?? '');
}

export { CommanderError };
