// Writes docs/reference from the tables the program runs on; --check compares instead of writing.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { helpOf } from '../src/cli/index.ts';
import { COMMANDS } from '../src/commands/index.ts';
import { configJsonSchema } from '../src/config/index.ts';
import { CATALOGUE, EXIT } from '../src/kernel/index.ts';
import { httpPage, metricsPage } from './docs-http.ts';

const dir = join(resolve(import.meta.dirname, '..'), 'docs', 'reference');

interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: Schema[];
  required?: string[];
}

function fields(schema: Schema, path: string): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, s]) => {
    const at = path === '' ? key : `${path}.${key}`;
    const extra = [
      s.enum ? s.enum.map(String).join(' \\| ') : (s.type ?? ''),
      s.default === undefined ? '' : `default \`${JSON.stringify(s.default)}\``,
    ]
      .filter((t) => t !== '')
      .join('; ');
    const needed = schema.required?.includes(key) && s.default === undefined ? ' (needed)' : '';
    return [`| \`${at}\`${needed} | ${extra} | ${s.description ?? ''} |`, ...fields(s, at)];
  });
  const values =
    typeof schema.additionalProperties === 'object' ? fields(schema.additionalProperties, `${path}.*`) : [];
  const items = schema.items ? fields(schema.items, `${path}[]`) : [];
  return [...own, ...values, ...items];
}

const PAGES: Readonly<Record<string, () => string>> = {
  'cli.md': () =>
    `# Commands\n\nGenerated from the command table by \`node tools/docs.ts\`.\n\n${COMMANDS.filter((c) => !c.hidden)
      .map((c) => `## tw ${c.verb}\n\n\`\`\`text\n${helpOf(c.verb).trimEnd()}\n\`\`\`\n`)
      .join('\n')}`,
  'errors.md': () =>
    `# Error codes\n\nGenerated from the catalogue by \`node tools/docs.ts\`. \`tw explain <code>\` says the same offline.\n\n| code | what | kind | exit |\n|---|---|---|---|\n${Object.entries(
      CATALOGUE,
    )
      .map(([code, e]) => `| ${code} | ${e.title} | ${e.kind} | ${e.exit} |`)
      .join('\n')}\n`,
  'exit-codes.md': () =>
    `# Exit codes\n\n| code | name |\n|---|---|\n${Object.entries(EXIT)
      .map(([name, n]) => `| ${n} | ${name} |`)
      .join('\n')}\n`,
  'config.md': () =>
    `# Config\n\nGenerated from the schema by \`node tools/docs.ts\`. Unknown keys are errors.\n\n| field | type | meaning |\n|---|---|---|\n${fields(configJsonSchema() as Schema, '').join('\n')}\n`,
  'http.md': httpPage,
  'metrics.md': metricsPage,
};

const check = process.argv.includes('--check');
mkdirSync(dir, { recursive: true });
for (const [name, page] of Object.entries(PAGES)) {
  const file = join(dir, name);
  const text = page();
  if (!check) {
    writeFileSync(file, text);
    continue;
  }
  let old = '';
  try {
    old = readFileSync(file, 'utf8');
  } catch {
    old = '';
  }
  if (old === text) continue;
  process.stdout.write(`docs/reference/${name} differs from the tables: run "node tools/docs.ts"\n`);
  process.exitCode = 1;
}
