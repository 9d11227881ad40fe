import { COMMANDS } from '../../../src/commands/index.ts';
import { type Draft, parseLine } from '../../../src/commands/line/machine/parse.ts';
import { expand, phraseOf, type Standing } from '../../../src/commands/line/machine/phrases.ts';
import type { LineFault } from '../../../src/commands/line/machine/words.ts';
import { APP } from './world.ts';

export const GRAMMAR = { table: COMMANDS, fleet: 'demo' };
type Look = (verb: string) => Promise<unknown>;

async function standing(look: Look): Promise<Standing> {
  const { versions } = (await look('versions')) as Standing;
  const { releases } = (await look('history')) as { releases: { release: string; green: string; decision: string }[] };
  const [r] = releases.filter((x) => ['preparing', 'committed'].includes(x.decision));
  const open = r === undefined ? undefined : { ...r, preparing: r.decision === 'preparing' };
  return { versions, open };
}

/** Doors without phrases: the line that a phrase means now. */
export async function meant(line: string, look: Look): Promise<string | LineFault> {
  const phrase = phraseOf(line, [APP]);
  return phrase === undefined ? line : await expand(phrase, () => standing(look));
}

/** A line as a verb with arguments. */
export const understood = (line: string): Draft | LineFault => parseLine(line, GRAMMAR);
