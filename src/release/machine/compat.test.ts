import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Formats, type Shared, type SharingCase, sharingOf } from './compat.ts';

const v = (reads: number[], writes: number): Formats => ({ reads, writes });
const shared = (schema: Record<string, Formats> | undefined, over: Partial<SharingCase> = {}): Shared =>
  sharingOf({
    green: 'v2',
    blue: { sao: 'v1', syd: 'v1' },
    sharing: { compat: 'both', schema },
    leavesOut: false,
    ...over,
  });
const said = (s: Shared): string[] => s.refused.map((r) => `${r.code} ${r.say}`);

describe('two versions over one state', () => {
  it('nothing stated: nothing checked', () => {
    expect(sharingOf({ green: 'v2', blue: { sao: 'v1' }, sharing: undefined, leavesOut: true })).toEqual({
      refused: [],
      gaps: [],
    });
    expect(said(shared(undefined))).toEqual([]);
  });

  it('each must read what the other writes', () => {
    expect(said(shared({ v1: v([2], 2), v2: v([2, 3], 3) }))).toEqual(['TW7004 v1 reads [2], v2 writes 3']);
    expect(said(shared({ v1: v([2, 3], 2), v2: v([3], 3) }))).toEqual(['TW7004 v2 reads [3], v1 writes 2']);
    expect(said(shared({ v1: v([1], 1), v2: v([1, 2], 1) }))).toEqual([]);
    expect(said(shared({ v1: v([1, 2], 1), v2: v([1, 2], 2) }))).toEqual([]);
  });

  it('expand and contract in one release are refused, a contract alone is said', () => {
    expect(said(shared({ v1: v([1, 2], 2), v2: v([2, 3], 2) }))).toEqual([
      'TW7004 v2 reads [3] anew (expand) and no longer [1] (contract): two releases',
    ]);
    const contract = shared({ v1: v([1, 2], 2), v2: v([2], 2) });
    expect([said(contract), contract.contract]).toEqual([
      [],
      'v2 no longer reads [1]: no rollback past this point to versions that write it',
    ]);
    expect(shared({ v1: v([1], 1), v2: v([1, 2], 1) }).contract).toBeUndefined();
  });

  it('a version that is not stated is refused, "*" states it', () => {
    expect(said(shared({ v1: v([1], 1) }))).toEqual([
      'TW7004 release.state.schema does not say what v2 reads and writes',
    ]);
    expect(said(shared({ '*': v([1], 1) }))).toEqual([]);
  });

  it('every blue counts, green itself does not', () => {
    const schema = { v0: v([0], 0), v1: v([1], 1), v2: v([1], 1) };
    expect(said(shared(schema, { blue: { sao: 'v1', syd: 'v0', mtl: 'v2' } }))).toEqual([
      'TW7004 v2 reads [1], v0 writes 0',
      'TW7004 v0 reads [0], v2 writes 1',
      'TW7004 v2 reads [1] anew (expand) and no longer [0] (contract): two releases',
    ]);
  });

  it('exclusive and contract leave no cluster out; exclusive says what is not kept', () => {
    const exclusive = { sharing: { compat: 'exclusive' as const }, leavesOut: true };
    expect(said(shared(undefined, exclusive))).toEqual([
      'TW7004 compat exclusive leaves no cluster out: require must be all',
    ]);
    expect(shared(undefined, { ...exclusive, leavesOut: false })).toMatchObject({
      refused: [],
      gaps: [expect.stringContaining('requests under way')],
    });
    expect(said(shared({ v1: v([1, 2], 2), v2: v([2], 2) }, { leavesOut: true }))).toHaveLength(1);
  });

  it('never lets through a pair of which one cannot read the other', () => {
    const reads = fc.uniqueArray(fc.nat(4), { minLength: 1 });
    const formats = fc.record({ reads, writes: fc.nat(4) });
    fc.assert(
      fc.property(formats, formats, (v1, v2) => {
        const s = shared({ v1, v2 });
        const fits = v2.reads.includes(v1.writes) && v1.reads.includes(v2.writes);
        if (!fits) expect(s.refused.length).toBeGreaterThan(0);
        const [expands, contracts] = [
          v2.reads.some((n) => !v1.reads.includes(n)),
          v1.reads.some((n) => !v2.reads.includes(n)),
        ];
        expect(s.refused.length === 0).toBe(fits && !(expands && contracts));
        expect(s.contract !== undefined).toBe(contracts);
      }),
    );
  });
});
