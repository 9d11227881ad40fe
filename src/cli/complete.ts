import type { ArgSpec, CommandSpec, ValueSource } from '../commands/index.ts';
import { CATALOGUE } from '../kernel/index.ts';

/** What the words of this project may be; read without any network. */
export interface Names {
  fleet?: string;
  clusters: readonly { name: string; cloud: string; region: string }[];
  apps: readonly string[];
  hosts: readonly string[];
}
export interface Candidate {
  value: string;
  help?: string;
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** The flags every verb has; a test compares them with the help. */
const GLOBALS: readonly ArgSpec[] = [
  {
    name: 'output',
    help: 'table, json or yaml',
    type: { is: 'text' },
    short: 'o',
    value: '<format>',
    from: ['table', 'json', 'yaml'],
  },
  { name: 'json', help: 'same as -o json', type: { is: 'flag' } },
  { name: 'config', help: 'config file', type: { is: 'text' }, value: '<file>' },
  {
    name: 'inProcess',
    help: 'without the server that is configured: looks and what makes safer',
    type: { is: 'flag' },
  },
  { name: 'noColor', help: 'no colours', type: { is: 'flag' } },
  { name: 'ascii', help: 'no symbols beyond ASCII', type: { is: 'flag' } },
  { name: 'help', help: 'what this verb does', type: { is: 'flag' }, short: 'h' },
];

/** Each source of live names as words of the command line. */
const LIVE: Readonly<Record<Exclude<ValueSource, readonly string[] | 'code'>, (n: Names) => string[]>> = {
  fleet: (n) => (n.fleet === undefined ? [] : [n.fleet]),
  cluster: (n) => n.clusters.map((c) => c.name),
  app: (n) => [...n.apps],
  host: (n) => [...n.hosts],
  on: (n) => [
    ...n.clusters.map((c) => c.name),
    ...n.clusters.map((c) => `cloud:${c.cloud}`),
    ...n.clusters.map((c) => `region:${c.region}`),
  ],
  target: (n) => [
    ...n.clusters.map((c) => `cluster:${c.name}`),
    ...n.clusters.map((c) => `region:${c.region}`),
    ...n.clusters.map((c) => `cloud:${c.cloud}`),
  ],
  place: (n) => ['operator', 'clouds', ...n.clusters.map((c) => `users-${c.name}`), ...n.clusters.map((c) => c.region)],
};

async function valuesOf(from: ValueSource | undefined, names: () => Promise<Names>): Promise<Candidate[]> {
  if (from === undefined) return [];
  if (from === 'code') return Object.entries(CATALOGUE).map(([value, { title }]) => ({ value, help: title }));
  const words = typeof from === 'string' ? LIVE[from](await names()) : from;
  return [...new Set(words)].map((value) => ({ value }));
}

function flagsOf(spec: CommandSpec): Map<string, ArgSpec> {
  const flags = new Map<string, ArgSpec>();
  for (const arg of [...spec.args.filter((a) => a.position === undefined), ...GLOBALS]) {
    flags.set(`--${kebab(arg.name)}`, arg);
    if (arg.short !== undefined) flags.set(`-${arg.short}`, arg);
  }
  return flags;
}

/** Where the word being typed stands: the flag whose value it is, flags used before, words before. */
function standing(flags: ReadonlyMap<string, ArgSpec>, before: readonly string[]) {
  const used = new Set<string>();
  let pending: ArgSpec | undefined;
  let words = 0;
  for (const word of before) {
    if (pending !== undefined) {
      pending = undefined;
      continue;
    }
    if (!word.startsWith('-')) {
      words += 1;
      continue;
    }
    const arg = flags.get(word.split('=', 1)[0] ?? '');
    if (arg === undefined) continue;
    used.add(arg.name);
    if (arg.type.is !== 'flag' && !word.includes('=')) pending = arg;
  }
  return { pending, used, words };
}

function argumentAt(spec: CommandSpec, index: number): ArgSpec | undefined {
  const positions = spec.args.filter((a) => a.position !== undefined);
  return positions[index] ?? (positions.at(-1)?.position === 'rest' ? positions.at(-1) : undefined);
}

async function afterVerb(spec: CommandSpec, rest: readonly string[], names: () => Promise<Names>) {
  const before = rest.slice(0, -1);
  const word = rest.at(-1) ?? '';
  if (before.includes('--')) return [];
  const flags = flagsOf(spec);
  const { pending, used, words } = standing(flags, before);
  if (pending !== undefined) return await valuesOf(pending.from, names);
  const [flag = '', value] = word.split('=', 2);
  if (word.startsWith('--') && value !== undefined)
    return (await valuesOf(flags.get(flag)?.from, names)).map((c) => ({ ...c, value: `${flag}=${c.value}` }));
  if (!word.startsWith('-')) return await valuesOf(argumentAt(spec, words)?.from, names);
  return [...flags]
    .filter(([name, arg]) => name.startsWith('--') && (arg.type.is === 'list' || !used.has(arg.name)))
    .map(([value, arg]) => ({ value, help: arg.help }));
}

/** The next word of every verb that begins with these. */
function verbs(table: readonly CommandSpec[], before: readonly string[]): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const spec of table) {
    const words = spec.verb.split(' ');
    const value = words[before.length];
    if (spec.hidden === true || value === undefined || before.some((w, i) => words[i] !== w)) continue;
    const whole = words.length === before.length + 1;
    if (!found.has(value)) found.set(value, { value, ...(whole ? { help: spec.summary } : {}) });
  }
  return [...found.values()];
}

function verbOf(table: readonly CommandSpec[], words: readonly string[]) {
  for (const length of [2, 1]) {
    if (words.length <= length) continue;
    const verb = words.slice(0, length).join(' ');
    const spec = table.find((c) => c.verb === verb);
    if (spec !== undefined) return { spec, rest: words.slice(length) };
  }
  return undefined;
}

/**
 * Candidates for the last of `words` (what stands after `tw`; the last one is being typed, maybe empty).
 * `names` is asked only where live names may stand.
 */
export async function completions(
  table: readonly CommandSpec[],
  words: readonly string[],
  names: () => Promise<Names>,
): Promise<Candidate[]> {
  const word = words.at(-1) ?? '';
  const at = verbOf(table, words);
  const all =
    at !== undefined
      ? await afterVerb(at.spec, at.rest, names)
      : word.startsWith('-')
        ? [{ value: '--help' }, ...(words.length === 1 ? [{ value: '--version' }] : [])]
        : verbs(table, words.slice(0, -1));
  return all.filter((c) => c.value.startsWith(word));
}
