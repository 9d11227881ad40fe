import { clean } from '../../kernel/index.ts';

/** Longest piece of foreign text, in characters. */
const PIECE = 600;
/** GitHub's parser takes no fence of a span above 80 backticks. */
const RUN = 20;

/** One line without control characters, at most as long as a piece. */
const words = (text: string): string =>
  clean(text.replace(/[\r\n\u2028\u2029]+/g, ' '))
    .replace(new RegExp(`(\`{${RUN}})\`+`, 'g'), '$1')
    .slice(0, PIECE)
    .toWellFormed();

const longestRun = (text: string): number => Math.max(0, ...[...text.matchAll(/`+/g)].map((m) => m[0].length));

/** Foreign words as a code span: nothing in it is a mention, a reference, a link or markup. Empty stays empty. */
export function codeSpan(text: string): string {
  const inside = words(text).trim();
  if (inside === '') return '';
  const fence = '`'.repeat(longestRun(inside) + 1);
  return `${fence} ${inside} ${fence}`;
}

/** Foreign lines as a fenced block, each on a line of its own. */
export function codeBlock(lines: readonly string[]): string {
  const body = lines.map(words).join('\n');
  const fence = '`'.repeat(Math.max(3, longestRun(body) + 1));
  return `${fence}text\n${body}\n${fence}`;
}
