import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { fault, type TwError } from '../kernel/index.ts';
import { faultsOf, locate } from './faults.ts';
import type { AppConfig, Config, ConfigFault, SecretRef } from './model.ts';
import { normalise } from './normalise.ts';
import { yamlErrors } from './place.ts';
import { placesOf } from './place-error.ts';
import { type ConfigInput, configSchema } from './schema.ts';
import { stateSchema } from './schema-state.ts';

/** Gives a literal config its type; the value is returned as it is. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}

/** JSON Schema of what a person writes, for editors and the reference. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
}

function invalid(file: string, faults: readonly ConfigFault[]): TwError {
  return fault('TW1003', {
    value: `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`,
    where: faults.map((f) => ({ file, path: f.path, ...f.place })),
    why: faults.map((f) => `${f.path}: ${f.message}${f.near === undefined ? '' : `; did you mean "${f.near}"?`}`),
  });
}

/** Every fault of the text itself. Throws TW1002. */
function readYaml(file: string): unknown {
  const source = readFileSync(file, 'utf8');
  const errors = yamlErrors(source);
  if (errors.length === 0) return parse(source);
  const where = errors.map(({ place }) => ({ file, ...place }));
  throw fault('TW1002', { value: file, where, why: errors.map((e) => e.say) });
}

/** What a person wrote, as data. Throws TW1002. */
export async function readConfigInput(file: string): Promise<unknown> {
  if (/\.(ya?ml|json)$/.test(file)) return readYaml(file);
  try {
    const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
    if (module.default === undefined) throw new Error('the file has no default export');
    return module.default;
  } catch (cause) {
    throw fault('TW1002', { value: file, where: placesOf(cause, file), cause });
  }
}

/** Checks an input value; `source` is the text of the file, for line numbers. Throws TW1003 with all faults. */
export function checkConfig(input: unknown, file: string, source: string): Config {
  const kind = /\.(ya?ml|json)$/.test(file) ? 'yaml' : 'program';
  const parsed = configSchema.safeParse(input);
  if (!parsed.success)
    throw invalid(file, locate(faultsOf(parsed.error.issues, configJsonSchema(), input), source, kind));
  const done = normalise(parsed.data, file, dirname(file));
  if ('faults' in done) throw invalid(file, locate(done.faults, source, kind));
  return done.config;
}

/** Loads and checks the config. Throws TW1001, TW1002, TW1003. */
export async function loadConfig(path: string): Promise<Config> {
  const file = resolve(path);
  if (!existsSync(file)) throw fault('TW1001', { value: file });
  const input = await readConfigInput(file);
  return checkConfig(input, file, readFileSync(file, 'utf8'));
}

/** The secret behind a reference. Throws TW1004; the value never enters a message. */
export function readSecret(ref: SecretRef, env: Readonly<Record<string, string | undefined>>): string {
  if ('value' in ref) return ref.value;
  if ('env' in ref) {
    const value = env[ref.env];
    if (value === undefined) throw fault('TW1004', { value: `env ${ref.env}`, why: ['the variable is not set'] });
    return value;
  }
  try {
    return readFileSync(ref.file, 'utf8').trimEnd();
  } catch (cause) {
    throw fault('TW1004', { value: `file ${ref.file}`, cause });
  }
}

/** The state section of an app that says its mode and nothing else. */
export const stateOf = (mode: 'isolated' | 'single-writer' | 'active-active'): AppConfig['state'] =>
  stateSchema.parse({ mode });
