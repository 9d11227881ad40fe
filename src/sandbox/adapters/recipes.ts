import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { fault } from '../../kernel/index.ts';
import type { Recipe, RegistryLogin } from '../model.ts';

const recipe = z.strictObject({
  name: z.string().regex(/^[a-z0-9.-]+(:\d+)?\/[a-z0-9._/-]+$/, 'a full image name with its registry, without a tag'),
  tags: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).default([]),
  cmd: z.array(z.string()).default([]),
  env: z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*=/, 'NAME=value')).default([]),
  cwd: z.string().startsWith('/').default('/'),
  user: z.int().min(0).max(65_535).default(0),
  private: z.boolean().default(false),
  files: z
    .array(z.strictObject({ host: z.string().min(1), at: z.string().startsWith('/'), ro: z.boolean().default(true) }))
    .default([]),
});
const schema = z.strictObject({
  images: z.array(recipe).default([]),
  registries: z.array(z.strictObject({ host: z.string(), username: z.string(), password: z.string() })).default([]),
});

/**
 * The user's image recipes (YAML or JSON; host paths relative to the file). Throws TW9010 with every fault at once,
 * missing host files included: a pod that cannot start later would be harder to read.
 */
export function readRecipes(file: string): { recipes: Recipe[]; registries: RegistryLogin[] } {
  let value: unknown;
  try {
    value = parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw fault('TW9010', { value: file, where: [{ file }], cause });
  }
  const parsed = schema.safeParse(value ?? {});
  if (!parsed.success) {
    const why = parsed.error.issues.map((i) => `${i.path.join('.') || 'file'}: ${i.message}`);
    throw fault('TW9010', { value: file, where: [{ file }], why });
  }
  const base = dirname(file);
  const recipes = parsed.data.images.map(
    ({ tags, ...r }): Recipe => ({
      ...r,
      ...(tags === undefined ? {} : { tags }),
      files: r.files.map((f) => ({ ...f, host: isAbsolute(f.host) ? f.host : resolve(base, f.host) })),
    }),
  );
  const why = recipes.flatMap((r, i) =>
    r.files.flatMap((f, j) =>
      existsSync(f.host) ? [] : [`images.${i}.files.${j}.host: no file ${f.host} (${r.name})`],
    ),
  );
  if (why.length > 0) throw fault('TW9010', { value: file, where: [{ file }], why });
  return { recipes, registries: parsed.data.registries };
}
