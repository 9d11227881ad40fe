import { fault } from '../kernel/index.ts';
import type { Invocation, Io } from './context.ts';
import { lineOf } from './line/machine/say.ts';
import { specOf } from './table.ts';

type Call = Pick<Invocation, 'verb' | 'args'>;

function refuse({ verb, args }: Call, typed: string, fleet: string): never {
  const line = lineOf(specOf(verb), args, new Set(['confirm', 'dryRun']));
  throw fault('TW6005', {
    value: typed,
    why: [`the fleet is named ${fleet}; nothing was changed`],
    fix: [{ say: 'If that is meant:', command: `tw ${line} --confirm=${fleet}` }],
  });
}

/** A name that was typed along is checked before anything else is asked for. Throws TW6005. */
export function sureOf(call: Call, fleet: string): void {
  const typed = call.args['confirm'];
  if (typeof typed === 'string' && typed !== fleet) refuse(call, typed, fleet);
}

/** Gets the name of the fleet, typed by a person who read `text`. Throws TW6005. */
export async function confirmed(call: Call, io: Io, x: { fleet: string; text: string }): Promise<void> {
  const { fleet } = x;
  const flag = `--confirm=${fleet}`;
  const typed =
    (call.args['confirm'] as string | undefined) ??
    (await io.ask({ kind: 'text', text: `${x.text}. Type the name of the fleet (${fleet}):`, flag }));
  if (typed !== fleet) refuse(call, typed, fleet);
}
