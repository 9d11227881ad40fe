/** `node test/sim/state-check/main.ts '<world>' …` searches worlds of `worlds.ts` by name. */
import { search } from './search.ts';
import { tell } from './tell.ts';
import { WORLDS } from './worlds.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

for (const name of process.argv.slice(2)) {
  const size = WORLDS[name];
  if (size === undefined) throw new Error(`no world "${name}"; there are: ${Object.keys(WORLDS).join(', ')}`);
  const found = search(size);
  say(
    `${name}: ${found.states} states, ${found.edges} edges, ${found.acked} with an acknowledged write, ${found.depth} deep`,
  );
  if (found.broken !== undefined) say([found.broken.law, ...tell(found, {})].join('\n'));
  else if (!found.whole) say('  cut: not every state was visited');
  if (!found.whole) process.exitCode = 1;
}
