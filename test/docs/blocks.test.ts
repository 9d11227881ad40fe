import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import example from '../../examples/guestbook/tradewind.config.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { COMMANDS } from '../../src/commands/index.ts';
import { checkConfig, configJsonSchema } from '../../src/config/index.ts';

/**
 * What the pages tell people to type is a command, and what they tell them to write is a config. The tutorial and the
 * README are typed in `test/e2e/docs.test.ts`; here no page of them, nor of the how-tos, names what is not there.
 */
const ROOT = resolve(import.meta.dirname, '..', '..');
const HOW_TO = join('docs', 'how-to');
const PAGES = [
  'README.md',
  join('docs', 'tutorial.md'),
  ...readdirSync(join(ROOT, HOW_TO)).map((f) => join(HOW_TO, f)),
];

interface Block {
  page: string;
  line: number;
  kind: string;
  text: string;
}
function blocksOf(page: string): Block[] {
  const source = readFileSync(join(ROOT, page), 'utf8');
  return [...source.matchAll(/^ *```([a-z]+)\n([\s\S]*?)^ *```/gm)].map((m) => ({
    page,
    line: source.slice(0, m.index).split('\n').length,
    kind: m[1] ?? '',
    text: m[2] ?? '',
  }));
}
const BLOCKS = PAGES.flatMap(blocksOf);

/** Words of a line as a shell takes them; a comment ends it. */
function words(line: string): string[] {
  const found = [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map((m) => m[0]);
  const end = found.findIndex((w) => w.startsWith('#'));
  return found.slice(0, end < 0 ? undefined : end).map((w) => w.replaceAll(/['"]/g, ''));
}
const lines = BLOCKS.filter((b) => b.kind === 'sh' || b.kind === 'text').flatMap((b) =>
  b.text.split('\n').flatMap((text, i): [string, string[]][] => {
    const [first = '', ...argv] = words(text.trim());
    return /^(\.\/)?tw$/.test(first) ? [[`${b.page}:${b.line + i + 1}: ${text.trim()}`, argv]] : [];
  }),
);

describe('each command of the pages', () => {
  it('is there', () => expect(lines.length).toBeGreaterThan(60));

  it.each(lines)('%s', (_, argv) => {
    let verb = '';
    buildProgram(COMMANDS, '0.0.0', (i) => {
      verb = i.spec.verb;
    }).parse(argv, { from: 'user' });
    expect(argv.join(' ')).toContain(verb);
    expect(verb).not.toBe('');
  });
});

type Dict = Record<string, unknown>;
interface Shape {
  properties?: Record<string, Shape>;
  additionalProperties?: Shape;
  anyOf?: Shape[];
}
const schema = configJsonSchema() as Shape;
const keysOf = (s: Shape | undefined): string[] =>
  s === undefined ? [] : [...Object.keys(s.properties ?? {}), ...(s.anyOf ?? []).flatMap(keysOf)];
const dict = (v: unknown): Dict => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Dict) : {});

/** Who chats must be known. */
const PEOPLE = { ana: { accounts: ['os:ana'] } };
/** A part of a config, put where its keys belong. */
function placed(part: Dict): Dict {
  const within = (s: Shape | undefined): boolean => Object.keys(part).every((k) => keysOf(s).includes(k));
  if (within(schema)) return part;
  if (within(schema.properties?.['apps']?.additionalProperties)) return { apps: { guestbook: part } };
  return within(schema.properties?.['chat']) ? { people: PEOPLE, chat: part } : { clusters: part };
}
/** The example with the part in it; sections of an app are taken as a whole. */
function together(part: Dict): Dict {
  const own = dict(example.apps?.['guestbook']);
  const apps = { guestbook: { ...own, ...dict(dict(part['apps'])['guestbook']) } };
  const clusters = { ...example.clusters, ...dict(part['clusters']) };
  return { ...example, ...part, clusters, apps };
}
function partOf(text: string): Dict {
  const body = text
    .trim()
    .replace(/^export default /, '')
    .replace(/[;,]$/, '');
  const code = /^(\{|defineConfig)/.test(body) ? body : `{${body}}`;
  return structuredClone(dict(runInNewContext(`(${code})`, { defineConfig: (x: unknown) => x })));
}

describe('each part of a config in the pages', () => {
  const parts = BLOCKS.filter((b) => b.kind === 'ts').map((b): [string, string] => [`${b.page}:${b.line}`, b.text]);
  it('is there', () => expect(parts.length).toBeGreaterThan(12));

  it.each(parts)('%s', (_, text) => {
    const file = join(ROOT, 'examples', 'guestbook', 'tradewind.config.ts');
    const config = checkConfig(together(placed(partOf(text))), file, '');
    expect(config.fleet).toBe(example.fleet);
  });
});
