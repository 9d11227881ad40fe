import { createRequire, stripTypeScriptTypes } from 'node:module';
import type * as acorn from 'acorn';
import type { At, Span } from './model.ts';
import { type Found, spanAlong, type Tree } from './place-along.ts';

type Node = acorn.AnyNode;
type Scope = ReadonlyMap<string, Node>;

/** Types become blanks: every offset stays. Loaded for a config that is wrong only. */
function programOf(source: string): acorn.Program | undefined {
  const { parse } = createRequire(import.meta.url)('acorn') as typeof acorn;
  try {
    const plain = stripTypeScriptTypes(source, { mode: 'strip' });
    return plain.length === source.length ? parse(plain, { ecmaVersion: 'latest', sourceType: 'module' }) : undefined;
  } catch {
    return undefined;
  }
}

/** Where a program is none; nothing where it is one, or nobody can say. */
export function brokenAt(source: string): number | undefined {
  const { parse } = createRequire(import.meta.url)('acorn') as typeof acorn;
  try {
    parse(source, { ecmaVersion: 'latest', sourceType: 'module' });
    return undefined;
  } catch (error) {
    return (error as { pos?: number }).pos;
  }
}

/** Constants of the file by name. */
function scopeOf(program: acorn.Program): Scope {
  const all = new Map<string, Node>();
  for (const s of program.body) {
    const d = s.type === 'ExportNamedDeclaration' ? s.declaration : s;
    if (d?.type !== 'VariableDeclaration' || d.kind !== 'const') continue;
    for (const v of d.declarations) if (v.id.type === 'Identifier' && v.init) all.set(v.id.name, v.init);
  }
  return all;
}

const calls = (n: acorn.CallExpression, name: string): boolean =>
  n.callee.type === 'Identifier' && n.callee.name === name;

/** The literal behind a name or `defineConfig(…)`; anything else is computed, and nobody knows where. */
function literal(n: Node | null | undefined, scope: Scope): acorn.ObjectExpression | acorn.ArrayExpression | undefined {
  if (n?.type === 'ObjectExpression' || n?.type === 'ArrayExpression') return n;
  if (n?.type === 'CallExpression' && calls(n, 'defineConfig')) return literal(n.arguments[0], scope);
  return n?.type === 'Identifier'
    ? literal(scope.get(n.name), new Map([...scope].filter(([k]) => k !== n.name)))
    : undefined;
}

const nameOf = (p: acorn.Property): string | undefined => {
  if (p.key.type === 'Literal') return String(p.key.value);
  return p.key.type === 'Identifier' && !p.computed ? p.key.name : undefined;
};

/** The last one wins; behind something computed nobody knows which one does. */
function property(o: acorn.ObjectExpression, name: string, scope: Scope): Found<Node> | undefined {
  for (const p of o.properties.toReversed()) {
    if (p.type === 'SpreadElement') {
      const spread = literal(p.argument, scope);
      if (spread?.type !== 'ObjectExpression') return undefined;
      const found = property(spread, name, scope);
      if (found !== undefined) return found;
    } else {
      const own = nameOf(p);
      if (own === undefined) return undefined;
      if (own === name) return { key: p.key, value: p.value };
    }
  }
  return undefined;
}

function element(a: acorn.ArrayExpression, step: string): Found<Node> | undefined {
  const before = a.elements.slice(0, Number(step) + 1);
  const value = before[Number(step)];
  return value == null || before.some((e) => e?.type === 'SpreadElement') ? undefined : { value };
}

const spanOf = (n: Node): Span => ({ from: n.start, to: n.end });
const SIMPLE = new Set(['Literal', 'TemplateLiteral', 'Identifier', 'UnaryExpression']);

/** Through literals of this file alone. */
export function programSpan(source: string, path: readonly string[], at: At): Span | undefined {
  const program = programOf(source);
  const end = program?.body.find((s) => s.type === 'ExportDefaultDeclaration');
  if (program === undefined || end?.type !== 'ExportDefaultDeclaration') return undefined;
  const scope = scopeOf(program);
  const tree: Tree<Node> = {
    root: end.declaration as Node,
    below: (n, step) => {
      const inside = literal(n, scope);
      return inside?.type === 'ObjectExpression' ? property(inside, step, scope) : inside && element(inside, step);
    },
    span: spanOf,
    isOne: (n) => SIMPLE.has(n.type),
  };
  return spanAlong(tree, path, at);
}
