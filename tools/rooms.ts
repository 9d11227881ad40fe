// Checks the import directions of architecture.md section 4 over all of src: who may import whom, and
// that rooms are entered through their index.ts only.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

const src = resolve(import.meta.dirname, '..', 'src');
const web = resolve(import.meta.dirname, '..', 'web');

/** Rooms that a room may import; `type` = by type only. `compose.ts` may import everything. */
const MAY: Readonly<Record<string, Readonly<Record<string, 'any' | 'type'>>>> = {
  kernel: {},
  config: { kernel: 'any' },
  infra: { kernel: 'any', config: 'any', fleet: 'type', traffic: 'type', state: 'type' },
  fleet: { kernel: 'any', config: 'any', infra: 'type', traffic: 'type', state: 'type' },
  traffic: { kernel: 'any', config: 'any', infra: 'type', fleet: 'type', state: 'type' },
  state: { kernel: 'any', config: 'any', infra: 'type', fleet: 'type', traffic: 'type' },
  coordination: { kernel: 'any', config: 'any', infra: 'type', fleet: 'any' },
  release: { kernel: 'any', config: 'any', infra: 'type', fleet: 'any', traffic: 'any', state: 'any' },
  commands: {
    kernel: 'any',
    config: 'any',
    infra: 'any',
    fleet: 'any',
    traffic: 'any',
    state: 'any',
    release: 'any',
    coordination: 'any',
  },
  cli: { kernel: 'any', config: 'any', commands: 'any' },
  chat: { kernel: 'any', config: 'any', commands: 'any' },
  server: { kernel: 'any', config: 'any', commands: 'any', chat: 'type' },
  sandbox: { kernel: 'any', config: 'any', infra: 'any', commands: 'any' },
};

function files(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory() ? files(join(dir, e.name)) : /\.tsx?$/.test(e.name) ? [join(dir, e.name)] : [],
  );
}

const roomOf = (file: string): string => relative(src, file).split(sep)[0] ?? '';
const IMPORT =
  /(?:^|\n)\s*(import|export)\s+(type\s+)?([^'"\n;]*?(?:\{[^}]*\})?[^'"\n;]*?)from\s+['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g;

interface Edge {
  from: string;
  to: string;
  typeOnly: boolean;
}

function edges(file: string): Edge[] {
  return [...readFileSync(file, 'utf8').matchAll(IMPORT)].map((m) => {
    const names = m[3] ?? '';
    const inner = /\{([^}]*)\}/.exec(names)?.[1];
    const allTypes =
      inner !== undefined && inner.split(',').every((n) => n.trim() === '' || n.trim().startsWith('type '));
    return { from: file, to: resolve(dirname(file), m[4] ?? m[5] ?? ''), typeOnly: m[2] !== undefined || allTypes };
  });
}

/** What is wrong with the edge as such: no such direction, or a value where only types may cross. */
function direction(e: Edge, from: string, to: string): string | undefined {
  const rule = MAY[from]?.[to];
  if (rule === undefined) return `${from} may not import ${to}`;
  return rule === 'type' && !e.typeOnly ? `${from} may import ${to} by type only` : undefined;
}

function complaint(e: Edge): string | undefined {
  const [from, to] = [roomOf(e.from), roomOf(e.to)];
  const inside = from === to || from.startsWith('compose') || !e.to.startsWith(src);
  if (inside || /\.(test|contract|fixtures)\.ts$/.test(e.from)) return undefined;
  const wrong = direction(e, from, to);
  if (wrong !== undefined) return wrong;
  return relative(join(src, to), e.to) === 'index.ts' ? undefined : `${to} is entered through its index.ts only`;
}

let bad = 0;
for (const file of files(src)) {
  for (const edge of edges(file)) {
    const text = complaint(edge);
    if (text === undefined) continue;
    bad += 1;
    process.stdout.write(`${relative(src, file)}: ${text} (${relative(src, edge.to)})\n`);
  }
}
// The dashboard runs in browsers: of the program it takes types alone.
for (const file of files(join(web, 'src'))) {
  for (const edge of edges(file)) {
    if (!edge.to.startsWith(src) || edge.typeOnly) continue;
    bad += 1;
    process.stdout.write(`${relative(web, file)}: web takes types alone (${relative(src, edge.to)})\n`);
  }
}
process.exitCode = bad === 0 ? 0 : 1;
