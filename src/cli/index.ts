import { COMMANDS } from '../commands/index.ts';
import { buildProgram } from './program.ts';

export { type CliDeps, cli } from './main.ts';

/** The help text of a verb, exactly as `tw <verb> --help` prints it. */
export function helpOf(verb: string): string {
  let command = buildProgram(COMMANDS, '', () => undefined);
  for (const word of verb.split(' ')) {
    const next = command.commands.find((c) => c.name() === word);
    if (next === undefined) throw new Error(`no such verb: ${verb}`);
    command = next;
  }
  return command.configureHelp({ helpWidth: 100 }).helpInformation();
}
