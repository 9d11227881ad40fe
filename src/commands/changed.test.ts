import { describe, expect, it } from 'vitest';
import { told } from './changed.ts';

const change = (from: unknown, to: unknown) => told({ path: 'data["a"]', from, to } as never);

describe('a change of a field', () => {
  it('is what was and what is', () => {
    expect(change(1, 2)).toEqual(['data["a"]: 1 → 2']);
    expect(change(undefined, 'x')).toEqual(['data["a"]: nothing → "x"']);
  });

  it('of a text that is JSON is told by its own fields, also where only the spelling differs', () => {
    const [was, now] = [
      JSON.stringify({ home: 'sao', holdMs: 6400, s: { a: 1 } }),
      '{"home":"sao","holdMs":11700,"s":{}}',
    ];
    expect(change(was, now)).toEqual(['data["a"].holdMs: 6400 → 11700', 'data["a"].s.a: 1 → nothing']);
    expect(change('{"a":1}', '{ "a": 1 }')).toEqual(['data["a"]: "{\\"a\\":1}" → "{ \\"a\\": 1 }"']);
    expect(change('{', '{}')).toEqual(['data["a"]: "{" → "{}"']);
  });

  it('of a long text is shown where it differs', () => {
    const long = (word: string): string => `${'a'.repeat(500)}${word}${'b'.repeat(500)}`;
    const [line = ''] = change(long('one'), long('two'));
    expect(line).toContain('aaaone');
    expect(line).toContain('aaatwobbb');
    expect(line.length).toBeLessThan(300);
  });
});
