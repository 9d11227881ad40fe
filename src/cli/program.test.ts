import { describe, expect, it } from 'vitest';
import { type Args, COMMANDS } from '../commands/index.ts';
import { TwError } from '../kernel/index.ts';
import { buildProgram, type CommanderError, usageFault } from './program.ts';

const argsOf = (...words: string[]): Args => {
  let said: Args | undefined;
  buildProgram(COMMANDS, '0', (i) => (said = i.args)).parse(['node', 'tw', ...words]);
  if (said === undefined) throw new Error('no verb ran');
  return said;
};

describe('flags', () => {
  it('one that begins with no is what it says, and is not the opposite of another', () => {
    expect(argsOf('release', 'guestbook@v2')['noWait']).toBe(false);
    expect(argsOf('release', 'guestbook@v2', '--no-wait')['noWait']).toBe(true);
  });

  it('every flag of every verb arrives under its own name', () => {
    const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
    for (const spec of COMMANDS) {
      const places = spec.args.filter(
        (a) => a.position === 'one' || (a.position && 'needed' in a.type && a.type.needed),
      );
      const needed = spec.args.filter((a) => !a.position && 'needed' in a.type && a.type.needed === true);
      const words = [
        ...spec.verb.split(' '),
        ...places.map(() => 'x'),
        ...needed.flatMap((a) => [`--${kebab(a.name)}`, 'x']),
      ];
      for (const flag of spec.args.filter((a) => a.type.is === 'flag'))
        expect(argsOf(...words, `--${kebab(flag.name)}`)[flag.name], `${spec.verb} ${flag.name}`).toBe(true);
    }
  });
});

describe('a verb that is none', () => {
  const meant = (...argv: string[]): (string | undefined)[] => {
    try {
      buildProgram(COMMANDS, '0', () => undefined).parse(argv, { from: 'user' });
    } catch (e) {
      const error = usageFault(e as CommanderError, argv, COMMANDS);
      if (error instanceof TwError) return [error.code, ...error.problem.fix.map((f) => f.command)];
    }
    throw new Error('it was taken');
  };

  it.each([
    ['tw relase shop', 'tw release shop'],
    ['tw relase shop@v2 --yes', 'tw release shop@v2 --yes'],
    ['tw sandbx up', 'tw sandbox up'],
    ['tw sandbox visti --from sao', 'tw sandbox visit --from sao'],
    ['tw upp', 'tw up'],
    ['tw frobnicate shop', 'tw --help'],
  ])('%s: %s', (typed, whole) => {
    const [code, command] = meant(...typed.split(' ').slice(1));
    expect([code, command]).toEqual(['TW6001', whole]);
  });

  it('a word with a space or a quote comes back as one word', () => {
    expect(meant('drian', 'mtl', '--because', "it's hot")[1]).toBe(String.raw`tw drain mtl --because 'it'\''s hot'`);
  });
});
