import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { COMMANDS } from '../../src/commands/index.ts';
import { blocks, howTos, ROOT, words } from './lib/blocks.ts';
import { STOCK } from './lib/stock.ts';

/**
 * What the pages tell people to type is a command. README and tutorial are typed in `test/e2e/docs.test.ts`, and every
 * block of a how-to runs where the stock says; a block that is not in it has not been looked at.
 */
describe('each block of a how-to', () => {
  const keys = howTos.map((b) => b.key);
  it('runs somewhere, or cannot and says why', () => expect(keys.filter((k) => STOCK[k] === undefined)).toEqual([]));
  it('is in the stock only while it is on its page', () =>
    expect(Object.keys(STOCK).filter((k) => !keys.includes(k))).toEqual([]));
  it('is taken from its page by the test that is said to run it', () => {
    for (const [key, place] of Object.entries(STOCK)) {
      if (typeof place !== 'string' || !place.includes('/') || place === 'e2e/docs.test.ts') continue;
      const [page, first] = key.split(/: (.*)/);
      expect(readFileSync(join(ROOT, 'test', place), 'utf8')).toContain(`blockOf('${page}', '${first}')`);
    }
  });
  it('is a config where it is written as one', () =>
    expect(howTos.filter((b) => (b.kind === 'ts') !== (STOCK[b.key] === 'config')).map((b) => b.key)).toEqual([]));
});

const lines = blocks
  .filter((b) => b.kind === 'sh' || b.kind === 'text')
  .flatMap((b) =>
    b.text.split('\n').flatMap((text, i): [string, string[]][] => {
      const [first = '', ...argv] = words(text.trim());
      return /^(\.\/)?tw$/.test(first) ? [[`${b.page}:${b.line + i + 1}: ${text.trim()}`, argv]] : [];
    }),
  );

describe('each command of the pages', () => {
  it('is there', () => expect(lines.length).toBeGreaterThan(60));

  it.each(lines)('%s', (_, argv) => {
    let verb = '';
    buildProgram(COMMANDS, '0.0.0', (i) => {
      verb = i.spec.verb;
    }).parse(argv, { from: 'user' });
    expect(argv.join(' ')).toContain(verb);
    expect(verb).not.toBe('');
  });
});
