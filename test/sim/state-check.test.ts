/**
 * Every state of the state protocol over the real `step`, and sixteen wrong designs that must fail.
 * `TW_REGENERATE=1 npx vitest run test/sim/state-check.test.ts` writes the transcripts anew; `TW_WORLDS=all` searches
 * the large worlds too.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './state-check/mutants.ts';
import { search } from './state-check/search.ts';
import { tell } from './state-check/tell.ts';
import { WORLDS } from './state-check/worlds.ts';

const regenerate = process.env.TW_REGENERATE === '1';
const all = process.env.TW_WORLDS === 'all';

describe('every state of a failover', () => {
  const main = fileURLToPath(new URL('state-check/main.ts', import.meta.url));
  const names = Object.keys(WORLDS).filter((name) => all || WORLDS[name]?.ci);
  // In a process of its own: the test runner's module bindings make the inner loops several times slower.
  it.each(names)('%s: the laws hold', { timeout: all ? 7_200_000 : 600_000 }, async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=12000', main, name]);
    process.stdout.write(stdout);
    expect(stdout).toMatch(/^.*: \d+ states, \d+ edges, [1-9]\d* with an acknowledged write, \d+ deep\n$/);
  });

  it('says so when it was cut', () => {
    expect(search({ ...(WORLDS['3 voters, virgin'] as (typeof WORLDS)[string]) }, {}, 100).whole).toBe(false);
  });
});

describe('wrong designs are found', () => {
  it('there are sixteen', () => {
    expect(MUTANTS).toHaveLength(16);
  });

  it.each(MUTANTS)('$name', { timeout: 300_000 }, (mutant) => {
    const found = search(mutant.size, mutant.bend);
    expect(found.broken?.law.slice(0, mutant.breaks.length)).toBe(mutant.breaks);
    // The design itself holds where the wrong one fails, as far as that one was searched.
    expect(search(mutant.size, {}, found.states).broken).toBeUndefined();
    const head = [`# ${mutant.about}`, `# law broken: ${found.broken?.law ?? ''}`];
    const now = `${[...head, ...tell(found, mutant.bend)].join('\n')}\n`;
    const file = fileURLToPath(new URL(`../transcripts/state/mutant-${mutant.name}.txt`, import.meta.url));
    if (regenerate) writeFileSync(file, now);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(now);
  });
});
