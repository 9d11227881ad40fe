import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, ReplyScanner } from './replies.ts';
import { ProtocolError, type Request, type RequestLimits, RequestScanner } from './requests.ts';
import { decode, encode, RespError, reply, type Value } from './values.ts';

const text = (r: Request): string[] => r.args.map((a) => a.toString('latin1'));

/** Gives the bytes in pieces that end at the given places. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length));
}

const all = (s: string, limits: Partial<RequestLimits> = {}): string[][] =>
  new RequestScanner(limits).push(Buffer.from(s, 'latin1')).map(text);
const cuts = fc.array(fc.nat(), { maxLength: 8 });
const word = fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b));

describe('requests', () => {
  it('pipelines of any bytes, cut anywhere, come out as they went in', () => {
    const commands = fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { maxLength: 8 });
    fc.assert(
      fc.property(commands, cuts, (given, where) => {
        const scanner = new RequestScanner();
        const bytes = Buffer.concat(given.map(encode));
        const found = pieces(bytes, where).flatMap((c) => scanner.push(c));
        expect(found.map((r) => r.args.map((a) => Buffer.from(a)))).toEqual(given);
        expect(Buffer.concat(found.map((r) => r.raw))).toEqual(bytes);
        expect(scanner.pending).toBe(0);
      }),
    );
  });

  it('any bytes give commands or a protocol error, nothing else, however they are cut', () => {
    const byte = fc.constantFrom(...Buffer.from('*$123-\r\n\r\n"\' aB\\x'));
    const outcome = (chunks: readonly Buffer[]): unknown => {
      const scanner = new RequestScanner({ total: 200 });
      const found: string[][] = [];
      try {
        for (const c of chunks) found.push(...scanner.push(c).map(text));
        return { found };
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return { found: [...found, ...error.before.map(text)], error: error.message };
      }
    };
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), cuts, (given, where) => {
        const bytes = Buffer.from(given);
        expect(outcome(pieces(bytes, where))).toEqual(outcome([bytes]));
      }),
      { numRuns: 2000, examples: [[[...Buffer.from('*1\r\n*')], [4]]] },
    );
  });

  it('inline commands follow the quotes of redis-cli', () => {
    expect(all("PING\r\n\r\n  SET a \"b c\\x41\\n\" 'd\\'e'\nGET x\r\n")).toEqual([
      ['PING'],
      ['SET', 'a', 'b cA\n', "d'e"],
      ['GET', 'x'],
    ]);
    expect(() => all('SET a "b\r\n')).toThrow('unbalanced quotes');
    expect(() => all('SET a "b"c\r\n')).toThrow('unbalanced quotes');
    const [inline] = new RequestScanner().push(Buffer.from('"CON\\x46IG" get\r\n'));
    expect(inline?.raw.toString()).toBe('*2\r\n$6\r\nCONFIG\r\n$3\r\nget\r\n');
  });

  it('empty arrays are nothing', () => {
    expect(all('*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n')).toEqual([['PING']]);
  });

  it.each<[string, string, Partial<RequestLimits>?]>([
    ['*x\r\n', 'invalid multibulk length'],
    ['*2000000\r\n', 'invalid multibulk length'],
    ['*1\r\n+PING\r\n', "expected '$', got '+'"],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$99999999999\r\n', 'invalid bulk length'],
    ['*1\r\n$4\r\nPINGxx', 'bulk without its end'],
    [`*${'1'.repeat(40)}`, 'invalid multibulk length'],
    ['x'.repeat(70_000), 'too big inline request'],
    ['*1\r\n$100\r\n', 'invalid bulk length', { bulk: 99 }],
    ['*2\r\n$5\r\n12345\r\n$5\r\n', 'invalid bulk length', { total: 20 }],
  ])('%j is refused', (bytes, why, limits = {}) => {
    expect(() => all(bytes, limits)).toThrow(`Protocol error: ${why}`);
  });

  it('the commands before a fault are not lost', () => {
    let before: readonly Request[] = [];
    try {
      all('*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n');
    } catch (error) {
      before = (error as ProtocolError).before;
    }
    expect(before.map(text)).toEqual([['PING']]);
  });

  it('a large argument in small chunks is put together once', () => {
    const value = Buffer.alloc(8 << 20, 'v');
    const bytes = encode(['SET', 'k', value]);
    const scanner = new RequestScanner();
    const found: Request[] = [];
    for (let p = 0; p < bytes.length; p += 16_384) found.push(...scanner.push(bytes.subarray(p, p + 16_384)));
    expect(found[0]?.args[2]?.equals(value)).toBe(true);
  });
});

const leaf: fc.Arbitrary<Value> = fc.oneof(
  word,
  fc.integer(),
  fc.bigInt({ min: 2n ** 60n, max: 2n ** 63n - 1n }),
  fc.constant(null),
  fc.stringMatching(/^[A-Z ]{1,20}$/).map((s) => new RespError(s)),
);
const value = fc.letrec<{ v: Value }>((tie) => ({
  v: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('v'), { maxLength: 4 })),
})).v;

describe('replies', () => {
  it('any values, cut anywhere, are found whole and decode to what they were', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 6 }), cuts, (given, where) => {
        const scanner = new ReplyScanner();
        const found = pieces(Buffer.concat(given.map(reply)), where).flatMap((c) => scanner.push(c));
        expect(found.map((r) => decode(bytesOf(r)))).toEqual(given);
      }),
    );
  });

  it('any bytes give replies or a RangeError', () => {
    const byte = fc.constantFrom(...Buffer.from('*$+-:0123\r\n\r\n'));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), (given) => {
        try {
          new ReplyScanner().push(Buffer.from(given));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('arrays in arrays are bounded, not recursed into', () => {
    expect(() => new ReplyScanner().push(Buffer.from('*1\r\n'.repeat(100_000)))).toThrow('too deep');
    const deep = Buffer.concat([Buffer.from('*1\r\n'.repeat(1000)), Buffer.from(':1\r\n')]);
    expect(new ReplyScanner().push(deep)).toHaveLength(1);
  });

  it('a null array and an empty one are replies; an error keeps to one line', () => {
    expect(new ReplyScanner().push(Buffer.from('*-1\r\n*0\r\n$0\r\n\r\n+\r\n'))).toHaveLength(4);
    expect(reply(new RespError('ERR a\r\nb')).toString()).toBe('-ERR a  b\r\n');
  });
});
