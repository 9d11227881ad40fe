import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { helpOf } from '../cli/index.ts';
import { HANDLED } from './run.ts';
import { COMMANDS } from './table.ts';

describe('command table', () => {
  it('every verb has a handler and every handler a verb', () => {
    expect(HANDLED.toSorted()).toEqual(COMMANDS.map((c) => c.verb).toSorted());
  });

  it('every example begins with its verb and uses known flags only', () => {
    for (const c of COMMANDS) {
      for (const example of c.examples) {
        const inner = /\$\((tw [^)]*)\)/.exec(example)?.[1] ?? example;
        expect(inner.startsWith(`tw ${c.verb}`), example).toBe(true);
        const before = inner.split(' -- ')[0] ?? '';
        for (const [flag] of before.matchAll(/--[a-z-]+/g)) expect(helpOf(c.verb), example).toContain(flag);
      }
    }
  });

  it('docs/reference/cli.md holds the help of every verb, letter by letter', () => {
    const page = readFileSync(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8');
    for (const c of COMMANDS) expect(page, c.verb).toContain(helpOf(c.verb).trimEnd());
  });

  it('arguments: positions are in a legal order, names are unique', () => {
    for (const c of COMMANDS) {
      expect(new Set(c.args.map((a) => a.name)).size, c.verb).toBe(c.args.length);
      const rank = { one: 0, optional: 1, rest: 2 };
      const order = c.args.flatMap((a) => (a.position === undefined ? [] : [rank[a.position]]));
      expect(order, c.verb).toEqual(order.toSorted((a, b) => a - b));
    }
  });
});
