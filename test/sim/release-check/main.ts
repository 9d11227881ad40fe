/** `node test/sim/release-check/main.ts '<world>' …` searches worlds of `worlds.ts` by name; `TW_REGENERATE=1` keeps the figures. */
import { keep, lineOf } from './report.ts';
import { search } from './search.ts';
import { tell } from './tell.ts';
import { WORLDS } from './worlds.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

for (const name of process.argv.slice(2)) {
  const world = WORLDS[name];
  if (world === undefined) throw new Error(`no world "${name}"; there are: ${Object.keys(WORLDS).join(', ')}`);
  const found = search(world);
  say(lineOf(name, found));
  if (!found.whole) say('  cut: not every state was visited');
  if (found.broken !== undefined) {
    say([found.broken.law, ...tell(found.shape, {}, found.broken.path)].join('\n'));
  }
  if (!found.whole || found.broken !== undefined) process.exitCode = 1;
  else if (process.env.TW_REGENERATE === '1') keep(name, found);
}
