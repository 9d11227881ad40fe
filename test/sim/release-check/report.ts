import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Found } from './search.ts';

interface Figures {
  states: number;
  edges: number;
}
const FILE = fileURLToPath(new URL('figures.json', import.meta.url));
const kept = (): Record<string, Figures> => JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, Figures>;

/** One line: states, edges, rounds of `decide`, and the ratio to the kept figures. */
export function lineOf(name: string, f: Found): string {
  const last = kept()[name]?.states;
  const ratio = last === undefined ? 'not kept yet' : `${(f.states / last).toFixed(3)} of the kept ${last}`;
  return `${name}: ${f.states} states (${ratio}), ${f.edges} edges, ${f.rounds} rounds of decide`;
}

export function keep(name: string, f: Found): void {
  const all = { ...kept(), [name]: { states: f.states, edges: f.edges } };
  const sorted = Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`);
}
