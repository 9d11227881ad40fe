// The blocks of the pages, as people copy them.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const HOW_TO = join('docs', 'how-to');
const HOW_TOS = readdirSync(join(ROOT, HOW_TO)).map((f) => join(HOW_TO, f));

export interface Block {
  page: string;
  line: number;
  /** Word behind the fence: `sh`, `ts`, … */
  kind: string;
  text: string;
  /** Page and first line; the second one that begins so is `… (2)`. */
  key: string;
}

function blocksOf(page: string): Block[] {
  const source = readFileSync(join(ROOT, page), 'utf8');
  const seen = new Map<string, number>();
  return [...source.matchAll(/^ *```([a-z]*)\n([\s\S]*?)^ *```/gm)].map((m): Block => {
    const [, kind = '', text = ''] = m;
    const first =
      text
        .split('\n')
        .map(bare)
        .find((l) => l !== '') ?? '';
    const nth = (seen.get(first) ?? 0) + 1;
    seen.set(first, nth);
    const key = `${page.split('/').at(-1)}: ${first}${nth === 1 ? '' : ` (${nth})`}`;
    return { page, line: source.slice(0, m.index).split('\n').length, kind, text, key };
  });
}

/** A line without its comment. */
export const bare = (line: string): string => line.replace(/(^| +)(#|\/\/) .*$/, '').trim();

export const howTos: readonly Block[] = HOW_TOS.flatMap(blocksOf);
export const blocks: readonly Block[] = [...['README.md', join('docs', 'tutorial.md')].flatMap(blocksOf), ...howTos];

/** What a person types of it, line by line. */
export const linesOf = (b: Block): string[] =>
  b.text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map(bare)
    .filter((l) => l !== '');

/** Arguments of a line of `tw`, with what stands for something in it. */
export function argvOf(line: string, stands: Readonly<Record<string, string>> = {}): string[] {
  const [program = '', ...argv] = words(line);
  if (!/^(\.\/)?tw$/.test(program)) throw new Error(`"${line}" is no line of tw`);
  return argv.map((w) => Object.entries(stands).reduce((all, [name, is]) => all.replaceAll(name, is), w));
}

/** Words of a line as a shell takes them; a comment ends it. */
export function words(line: string): string[] {
  const found = [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map((m) => m[0]);
  const end = found.findIndex((w) => w.startsWith('#'));
  return found.slice(0, end < 0 ? undefined : end).map((w) => w.replaceAll(/['"]/g, ''));
}

/** The block of a how-to that begins with that line. Throws where no page has it any more. */
export function blockOf(page: string, first: string): Block {
  const found = howTos.find((b) => b.key === `${page}: ${first}`);
  if (found === undefined) throw new Error(`${page} has no block that begins with "${first}"`);
  return found;
}
