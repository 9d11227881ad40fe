import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Row, text, untrusted, type View } from '../kernel/index.ts';
import { appendLines, frame } from './progress.ts';
import { problemLines, tableLines } from './render.ts';

const style = { colour: false, ascii: true };
const row = (key: string, rest: Partial<Row> = {}): Row => ({
  key,
  tone: 'ok',
  label: [text(key)],
  cells: {},
  kids: [],
  ...rest,
});
const view = (...rows: Row[]): View => ({ at: 1000, rows });

describe('table', () => {
  it('aligns cells, indents kids, gives reasons a line of their own', () => {
    const lines = tableLines(
      view(
        row('sao', {
          cells: { ready: [text('1/1')] },
          kids: [
            row('guestbook', {
              tone: 'bad',
              cells: { version: [text('v1')] },
              why: [untrusted('a very long reason that must not widen a column')],
            }),
          ],
        }),
      ),
      style,
    );
    expect(lines).toEqual([
      '               ready  version',
      '+ sao          1/1',
      '  x guestbook         v1',
      '    a very long reason that must not widen a column',
    ]);
  });

  it('leaves a long line without cells out of the widths', () => {
    const long = row('a line that has nothing beside it and is much longer than the others');
    const lines = tableLines(view(row('sao', { cells: { ready: [text('1/1')] }, kids: [long] })), style);
    expect(lines).toEqual(['       ready', '+ sao  1/1', `  + ${long.key}`]);
  });

  it('has no title line when no column has a name', () => {
    expect(tableLines(view(row('a', { cells: { '': [text('b')] } })), style)).toEqual(['+ a  b']);
    expect(tableLines(view(), style)).toEqual([]);
  });
});

it('a place in a text: the line and a mark below it, each fault beside its place; of a long line the part that is meant', () => {
  const source = `${'x'.repeat(300)} here ${'y'.repeat(300)}`;
  const place = { file: '/a.yaml', path: 'p', line: 3, column: 302, width: 4, source };
  const one = { ...{ code: 'TW1003', kind: 'user' as const, title: 't', where: [place], fix: [], exit: 2 as const } };
  const [, where, text = '', marks = '', why] = problemLines({ ...one, why: ['p: is wrong'] }, style);
  expect([where, why]).toEqual(['  where: /a.yaml:3:302 p', '  why:   p: is wrong']);
  expect(text.length).toBeLessThanOrEqual(104);
  expect(text.slice(marks.indexOf('^'), marks.indexOf('^') + 4)).toBe('here');
  const other = { file: '/a.yaml', path: 'q' };
  const two = problemLines({ ...one, where: [place, other], why: ['p: is wrong', 'q: is missing'] }, style);
  expect(two.filter((l) => l.includes('where'))).toEqual([
    '  where: /a.yaml:3:302 p: is wrong',
    '  where: /a.yaml q: is missing',
  ]);
});

describe('nothing from outside can forge a line', () => {
  const outside = fc.string({ unit: 'binary', maxLength: 60 });
  it('in tables, frames, lines and problems', () => {
    fc.assert(
      fc.property(outside, outside, (a, b) => {
        const v = view(row('x', { label: [untrusted(a)], cells: { c: [untrusted(b)] }, why: [untrusted(b)] }));
        expect(tableLines(v, style)).toHaveLength(3);
        expect(frame(v, { columns: 80, rows: 24 }, style)).toHaveLength(1);
        expect(appendLines(new Map(), v, style).lines).toHaveLength(1);
        const problem = {
          code: 'TW3060',
          kind: 'user' as const,
          title: 't',
          value: a,
          where: [{ cluster: b }],
          why: [a],
          fix: [{ say: a, command: b }],
          exit: 4 as const,
        };
        const all = [
          ...tableLines(v, style),
          ...frame(v, { columns: 80, rows: 24 }, style),
          ...problemLines(problem, style),
        ];
        for (const line of all)
          expect(line).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
      }),
    );
  });
});

describe('progress', () => {
  it('a frame never grows beyond the screen and keeps what failed', () => {
    const rows = Array.from({ length: 50 }, (_, i) => row(`r${i}`, { tone: i === 7 ? 'bad' : 'ok' }));
    const lines = frame(view(...rows), { columns: 40, rows: 10 }, style);
    expect(lines.length).toBeLessThanOrEqual(10);
    expect(lines.join('\n')).toContain('x r7');
    expect(lines[0]).toMatch(/more$/);
  });

  it('elsewhere a line is appended for each change, and none for none', () => {
    const first = appendLines(new Map(), view(row('a', { tone: 'busy' }), row('b', { tone: 'wait' })), style);
    expect(first.lines).toEqual(['* a']);
    const second = appendLines(first.seen, view(row('a', { tone: 'busy' }), row('b', { tone: 'wait' })), style);
    expect(second.lines).toEqual([]);
    // A count alone is no news; another phase or tone is.
    const counted = view(row('a', { tone: 'busy', cells: { units: [text('2/3')] } }));
    expect(appendLines(second.seen, counted, style).lines).toEqual([]);
    const nodes = view(row('a', { tone: 'busy', cells: { phase: [text('nodes')], units: [text('2/3')] } }));
    expect(appendLines(second.seen, nodes, style).lines).toEqual(['* a  nodes | 2/3']);
    expect(appendLines(second.seen, view(row('a')), style).lines).toEqual(['+ a']);
    // What waits is worth a line once something is said of it.
    const noted = view(row('b', { tone: 'wait', cells: { note: [text('run r1 ended unseen')] } }));
    expect(appendLines(second.seen, noted, style).lines).toEqual([expect.stringMatching(/b {2}run r1 ended unseen$/)]);
  });
});
