import type { Bend } from './actor.ts';
import { NAMES } from './layout.ts';
import { Moves } from './moves.ts';
import type { Found } from './search.ts';
import type { World } from './world.ts';

const ROLES = ['fenced', 'follows', 'primary, closed', 'primary'];

/** Logs, roles and writes as they are at the end of a story. */
function picture(world: World, row: Uint32Array): string[] {
  const s = world.read(row);
  const lanes = s.redises.map((r, v) => {
    const whom = r.role === 1 ? ` ${NAMES[r.target]}` : '';
    return `    ${NAMES[v]}: ${ROLES[r.role]}${whom}${r.epoch === 0 ? '' : ` of epoch ${r.epoch}`}, process ${r.run}, log "${r.log}"`;
  });
  return [...lanes, `    writes: ${s.writes.map((w) => (w.is === 'A' ? 'acknowledged' : w.is)).join(', ')}`];
}

const named = (line: string): string =>
  line.replace(
    /\b(agent|Redis|on|to|from|primary) ([012])\b/g,
    (_, word: string, v: string) => `${word} ${NAMES[Number(v)]}`,
  );

/**
 * A path in words. Each state of it stands for its mirror image too, so it is walked again with real names: from each
 * state the move is taken whose outcome stands for the next one.
 */
export function tell(found: Found, bend: Bend): string[] {
  const { world, broken } = found;
  if (broken === undefined) return [];
  const moves = new Moves(world, bend);
  const like = new Uint32Array(world.words);
  let row: Uint32Array = (broken.path[0] as Uint32Array).slice();
  const lines: string[] = [];
  for (const [i, goal] of broken.path.slice(1).entries()) {
    let taken: { row: Uint32Array; line: string } | undefined;
    moves.from(row, (next, x) => {
      if (taken !== undefined) return;
      like.set(next);
      world.canonical(like);
      if (like.every((w, k) => w === goal[k])) taken = { row: next.slice(), line: x.say() };
    });
    if (taken === undefined) throw new Error(`no move leads to state ${i + 1} of the path`);
    lines.push(`${String(i + 1).padStart(2)}. ${named(taken.line)}`);
    row = taken.row;
  }
  return [...lines, ...picture(world, row)];
}
