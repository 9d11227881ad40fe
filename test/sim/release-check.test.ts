/**
 * Every state of the release protocol over the real `decide`, and eight wrong designs that must fail.
 * `TW_REGENERATE=1 npx vitest run test/sim/release-check.test.ts` writes transcripts and figures anew.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MUTANT_WORLD, MUTANTS, type Mutant } from './release-check/mutants.ts';
import { type Found, search } from './release-check/search.ts';
import { tell } from './release-check/tell.ts';
import { WORLDS } from './release-check/worlds.ts';

const regenerate = process.env.TW_REGENERATE === '1';
const story = (f: Found, m?: Mutant): string[] =>
  f.broken === undefined ? [] : tell(f.shape, m?.bend ?? {}, f.broken.path);

describe('every state of a release', () => {
  const main = fileURLToPath(new URL('release-check/main.ts', import.meta.url));
  const ci = Object.keys(WORLDS).filter((name) => WORLDS[name]?.ci);
  // In a process of its own: the test runner's module bindings make the inner loops several times slower.
  it.each(ci)('%s: I1-I6 hold, an end stays reachable', { timeout: 300_000 }, async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, name]);
    process.stdout.write(stdout);
    expect(stdout).toMatch(/ states .* edges, .* rounds of decide\n$/);
  });

  it('says so when it was cut', () => {
    expect(search(MUTANT_WORLD, {}, 100).whole).toBe(false);
  });
});

describe('wrong designs are found', () => {
  it('all but the design itself break a law in the same world', () => {
    expect(search(MUTANT_WORLD).broken).toBeUndefined();
    expect(MUTANTS).toHaveLength(8);
  });

  it.each(MUTANTS)('$name', (mutant) => {
    const found = search(MUTANT_WORLD, mutant.bend);
    expect(found.broken?.law.slice(0, mutant.breaks.length)).toBe(mutant.breaks);
    const head = [
      `# ${mutant.about}`,
      `# law broken: ${found.broken?.law ?? ''}`,
      ...(found.stuck > 0 ? [`# ${found.stuck} of ${found.states} states can never end`] : []),
    ];
    const now = `${[...head, ...story(found, mutant)].join('\n')}\n`;
    const file = fileURLToPath(new URL(`../transcripts/release/mutant-${mutant.name}.txt`, import.meta.url));
    if (regenerate) writeFileSync(file, now);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(now);
  });
});
