import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml';
import type { At, Place, Span } from './model.ts';
import { type Found, spanAlong, type Tree } from './place-along.ts';
import { programSpan } from './place-program.ts';

const SECRET = /(token|secret|password|passphrase|private|credential|key|pem)\w*['"]?\s*[:=]/i;
const VALUE = /((?:['"]).{4,}?(?:['"]))|([A-Za-z0-9+/_=-]{20,})/g;

/** A config has references to secrets; one that was written out is not shown on. */
const withoutSecrets = (line: string): string =>
  SECRET.test(line)
    ? line.replace(VALUE, (found, _quoted, _bare, at: number) =>
        line
          .slice(at + found.length)
          .trimStart()
          .startsWith(':')
          ? found
          : '*'.repeat(found.length),
      )
    : line;

/** The line and column of an offset. */
export function placeOf(source: string, { from, to }: Span): Place {
  const start = source.lastIndexOf('\n', from - 1) + 1;
  const ends = source.indexOf('\n', from);
  const end = ends < 0 ? source.length : ends;
  const text = source.slice(start, end).replace(/\r$/, '');
  return {
    line: source.slice(0, start).split('\n').length,
    column: from - start + 1,
    width: Math.max(1, Math.min(to, end) - from),
    source: withoutSecrets(text.replace(/\t/g, ' ')),
  };
}

const spanOf = (node: unknown): Span | undefined => {
  const range = (node as { range?: [number, number, number] } | null)?.range;
  return range === undefined ? undefined : { from: range[0], to: range[1] };
};

const keyText = (p: Pair): string => (isScalar(p.key) ? String(p.key.value) : String(p.key));

function below(node: unknown, step: string): Found<unknown> | undefined {
  if (isMap(node)) {
    const pair = node.items.find((p) => isPair(p) && keyText(p) === step);
    return pair === undefined ? undefined : { key: pair.key, value: pair.value };
  }
  if (!isSeq(node)) return undefined;
  const value = node.items[Number(step)];
  return value === undefined ? undefined : { value };
}

function yamlSpan(source: string, path: readonly string[], at: At): Span | undefined {
  const doc = parseDocument(source);
  const tree: Tree<unknown> = {
    root: doc.contents,
    below: (n, step) => below(isAlias(n) ? n.resolve(doc) : n, step),
    span: spanOf,
    isOne: (n) => isScalar(n) && n.range != null,
  };
  return spanAlong(tree, path, at);
}

/** The place of a path in the text; nothing where the text does not show it: a wrong line helps nobody. */
export function placeIn(
  source: string,
  path: readonly string[],
  x: { kind: 'yaml' | 'program'; at: At },
): Place | undefined {
  const span = x.kind === 'yaml' ? yamlSpan(source, path, x.at) : programSpan(source, path, x.at);
  return span === undefined ? undefined : placeOf(source, span);
}

/** What is no YAML, with every place. */
export function yamlErrors(source: string): { say: string; place: Place }[] {
  const counter = new LineCounter();
  const { errors } = parseDocument(source, { lineCounter: counter, prettyErrors: false });
  return errors.map((e) => ({ say: e.message, place: placeOf(source, { from: e.pos[0], to: e.pos[1] }) }));
}
