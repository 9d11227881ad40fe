import type { Nodes, Root } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';

/** What a card is made of; everything else was made by somebody's words. */
const PLAIN = ['root', 'paragraph', 'text', 'inlineCode', 'code', 'list', 'listItem'];
/** What GitHub turns into pings, references, commits and links in text that is not code. */
const LIVE = /@\w|#\d|\bGH-\d|\b[0-9a-f]{7,40}\b|https?:|www\.|\w@\w/i;

const tree = (body: string): Root => fromMarkdown(body, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });

const isLive = (n: Nodes): boolean => {
  if (n.type === 'html') return !/^<!--[\w ,.:-]*-->$/.test(n.value);
  return n.type === 'text' ? LIVE.test(n.value) : !PLAIN.includes(n.type);
};

/** Everything of a comment that is more than words. */
export function liveIn(body: string): string[] {
  const walk = (n: Nodes): string[] => [
    ...(isLive(n) ? [`${n.type} ${'value' in n ? n.value : ''}`] : []),
    ...('children' in n ? n.children.flatMap(walk) : []),
  ];
  return walk(tree(body));
}

/** What a reader of the comment sees. */
export function readIn(body: string): string {
  const walk = (n: Nodes): string => {
    if (n.type === 'html') return '';
    if ('value' in n) return n.type === 'code' ? `${n.value}\n` : n.value;
    return 'children' in n ? n.children.map(walk).join('') + (n.type === 'paragraph' ? '\n' : '') : '';
  };
  return walk(tree(body));
}
