import { own } from '../../../kernel/index.ts';
/** An element of an AWS query answer: text, or children by name. */
export interface Xml {
  text: string;
  children: Readonly<Record<string, readonly Xml[]>>;
}

const ENTITY: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const plain = (s: string): string =>
  s.replaceAll(/&(#x?[\da-fA-F]+|\w+);/g, (all, name: string) => {
    if (!name.startsWith('#')) return own(ENTITY, name) ?? all;
    return String.fromCodePoint(name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)));
  });

interface Open {
  name: string;
  text: string;
  children: Record<string, Xml[]>;
}

/** Reads elements and text; attributes, comments and declarations are skipped, as AWS puts no data there. */
export function parseXml(source: string): Xml {
  const root: Open = { name: '', text: '', children: {} };
  const stack: Open[] = [root];
  const close = (): void => {
    const done = stack.length > 1 ? stack.pop() : undefined;
    const parent = stack.at(-1);
    if (done === undefined || parent === undefined) return;
    const text = Object.keys(done.children).length === 0 ? plain(done.text) : '';
    (parent.children[done.name] ??= []).push({ text, children: done.children });
  };
  for (const m of source.matchAll(/<!--[^]*?-->|<[?!][^>]*>|<(\/?)([\w:.-]+)[^>]*?(\/?)>|([^<]+)/g)) {
    const [, end, name, empty, text] = m;
    const top = stack.at(-1);
    if (text !== undefined && top !== undefined) top.text += text;
    else if (end === '/') close();
    else if (name !== undefined) {
      stack.push({ name, text: '', children: {} });
      if (empty === '/') close();
    }
  }
  while (stack.length > 1) close();
  return root;
}

/** The elements at a path; the path's first steps take the first element of their name. */
export function elements(x: Xml, ...path: string[]): readonly Xml[] {
  const [name = '', ...rest] = path;
  const found = x.children[name] ?? [];
  return rest.length === 0 ? found : found[0] === undefined ? [] : elements(found[0], ...rest);
}
export const textAt = (x: Xml, ...path: string[]): string => elements(x, ...path)[0]?.text ?? '';
