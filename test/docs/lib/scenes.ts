import { expect, it, type TestContext } from 'vitest';
import { type Block, howTos, linesOf } from './blocks.ts';
import { type Place, STOCK } from './stock.ts';

/** Types the lines of a block and looks at what the page says of them. */
type Scene = (lines: string[], x: { block: Block; skip: TestContext['skip'] }) => Promise<void>;

/** One test for each block that runs here. */
export function scenes(place: Place, all: Readonly<Record<string, Scene>>): void {
  const mine = howTos.filter((b) => STOCK[b.key] === place);
  it('every block that runs here has its scene', () =>
    expect(Object.keys(all).toSorted()).toEqual(mine.map((b) => b.key).toSorted()));
  for (const block of mine) it(block.key, async ({ skip }) => await all[block.key]?.(linesOf(block), { block, skip }));
}

type Strings<N extends number, All extends string[] = []> = All['length'] extends N
  ? All
  : Strings<N, [...All, string]>;

/** The lines of a block, which are so many. Throws where the page has another one by now: it wants a look. */
export function exactly<N extends number>(count: N, lines: readonly string[]): Strings<N> {
  expect(lines, 'lines of the block').toHaveLength(count);
  return lines as Strings<N>;
}
