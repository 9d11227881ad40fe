import { describe, expect, it } from 'vitest';
import { check, type Read, type Write } from './checker.ts';

const write = (value: string, more: Partial<Write> = {}): Write => ({
  client: 'a',
  value,
  from: 0,
  to: 1,
  result: 'ok',
  ...more,
});
const read = (seen: string[], more: Partial<Read> = {}): Read => ({ client: 'a', from: 2, to: 3, seen, ...more });
const CLEAN = { lost: [], duplicated: [], phantom: [], notPrefix: [], ownWrites: [], wentBack: [] };

describe('checker', () => {
  it('a history without fault has none', () => {
    const writes = [write('x'), write('y', { result: 'unknown' }), write('z', { result: 'failed' })];
    expect(check({ writes, reads: [read(['x'])] }, ['x', 'y'])).toEqual({ ...CLEAN, acked: 1, unknown: 1 });
  });

  it('an acknowledged write that is gone is lost; an unknown one is not', () => {
    const writes = [write('x'), write('y', { result: 'unknown' })];
    expect(check({ writes, reads: [] }, [])).toMatchObject({ lost: ['x'] });
  });

  it('a word twice is a duplicate, also of an unknown write', () => {
    const writes = [write('x', { result: 'unknown' })];
    expect(check({ writes, reads: [] }, ['x', 'x'])).toMatchObject({ duplicated: ['x'], lost: [] });
  });

  it('a word that nobody wrote, or that was refused, is a phantom, also in a read alone', () => {
    const writes = [write('x', { result: 'failed' })];
    expect(check({ writes, reads: [read(['y'])] }, ['x'])).toMatchObject({ phantom: ['x', 'y'] });
  });

  it('a read that is no beginning of the list is named', () => {
    const other = read(['y', 'x'], { client: 'b' });
    expect(check({ writes: [write('x'), write('y')], reads: [other] }, ['x', 'y'])).toMatchObject({
      notPrefix: [other],
    });
  });

  it('a client sees what it wrote and never less than before', () => {
    const writes = [write('x'), write('y', { client: 'b' })];
    const reads = [
      read([], { client: 'a', from: 2, to: 3 }),
      read(['x', 'y'], { client: 'b', from: 2, to: 3 }),
      read(['x'], { client: 'b', from: 4, to: 5 }),
      read([], { client: 'c', from: 2, to: 3 }),
    ];
    const v = check({ writes, reads }, ['x', 'y']);
    expect(v.ownWrites).toEqual([reads[0], reads[2]]);
    expect(v.wentBack).toEqual([reads[2]]);
  });
});
