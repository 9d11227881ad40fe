import type { At, Span } from './model.ts';

export interface Found<N> {
  /** Absent in a list. */
  key?: N;
  value: N;
}
export interface Tree<N> {
  root: N;
  /** Absent: it is not there, or nobody knows where. */
  below(node: N, step: string): Found<N> | undefined;
  span(node: N): Span | undefined;
  /** A value that stands in one place, unlike a list or a map. */
  isOne(node: N): boolean;
}

function shown<N>(tree: Tree<N>, { key, value }: Found<N>, at: At): Span | undefined {
  if (key === undefined || (at === 'value' && tree.isOne(value))) return tree.span(value);
  return tree.span(key);
}

/** Follows the path as far as it is there: where it ends early, the last key that is. */
export function spanAlong<N>(tree: Tree<N>, path: readonly string[], at: At): Span | undefined {
  let found: Found<N> | undefined;
  for (const step of path) {
    const next = tree.below(found === undefined ? tree.root : found.value, step);
    if (next === undefined) return found === undefined ? undefined : shown(tree, found, 'key');
    found = next;
  }
  return found === undefined ? undefined : shown(tree, found, at);
}
