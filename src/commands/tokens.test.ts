import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { accessOf } from './tokens.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-tokens-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What each of six processes says that begin this at the same moment; `c` is the context of each. */
async function sixAtOnce(work: string): Promise<string[]> {
  const at = (file: string): string => JSON.stringify(resolve(import.meta.dirname, file));
  const script = `import { memoryJournal, systemClock } from ${at('../kernel/index.ts')};
import { takeLock } from ${at('lock.ts')};
import { tokenCreate, tokenRevoke } from ${at('tokens.ts')};
const journal = memoryJournal(systemClock);
const c = { stateDir: ${JSON.stringify(dir)}, clock: systemClock, journal: () => journal };
while (Date.now() < ${Date.now() + 2000});
${work}`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script];
  return await Promise.all(
    Array.from({ length: 6 }, async () => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (b: Buffer) => (text += b.toString()));
      await new Promise((done) => child.on('close', done));
      return text;
    }),
  );
}

it('tokens that are made and ended at the same moment are all made and all ended', async () => {
  const said = await sixAtOnce(`const made = (name) => tokenCreate(c, { name, role: 'look', days: 1 }).data.id;
const kept = [];
for (let i = 0; i < 8; i++) {
  kept.push(made('kept ' + i));
  tokenRevoke(c, { id: made('ended ' + i) });
}
process.stdout.write(kept.join(' '));`);
  const { tokens, key } = accessOf(dir);
  expect(tokens.map((t) => t.id).toSorted()).toEqual(said.flatMap((s) => s.split(' ')).toSorted());
  expect(tokens).toHaveLength(48);
  expect(key).toHaveLength(43);
}, 30_000);

it('of those that find the lock of a dead process, one takes it over', async () => {
  const dead = { pid: process.pid, started: 'never', host: hostname(), person: 'x', verb: 'down', at: 0 };
  writeFileSync(join(dir, 'lock.json'), JSON.stringify(dead));
  // Each stays until all have tried: the lock of one that ended may be taken too.
  const said = await sixAtOnce(`try {
  takeLock(c, 'up');
  process.stdout.write('taken');
} catch (e) {
  process.stdout.write(e.problem.value.endsWith('runs "tw up"') ? 'held' : String(e));
}
setTimeout(() => undefined, 4000);`);
  expect(said.toSorted()).toEqual(['held', 'held', 'held', 'held', 'held', 'taken']);
}, 30_000);

it('a file that is none is said with its name', () => {
  writeFileSync(join(dir, 'access.json'), '{');
  expect(() => accessOf(dir)).toThrow(/TW8015.*access\.json/);
});
