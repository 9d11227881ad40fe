import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findConfig } from '../config/find.ts';
import type { Config } from '../config/index.ts';
import type { Place } from '../infra/index.ts';
import { fault, replaceFile } from '../kernel/index.ts';

/** The product's own folder: sources, modules, schemas. */
export const ROOT = resolve(import.meta.dirname, '..', '..');

/** The product's own version. */
export const version = (): string =>
  (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;

/** What `up` remembers of a project folder, so that later verbs need no flags. */
interface Project {
  config: string;
  place: 'sandbox' | 'real';
}

function above(from: string, name: string): string | undefined {
  for (let dir = resolve(from); ; dir = dirname(dir)) {
    if (existsSync(join(dir, name))) return dir;
    if (dirname(dir) === dir) return undefined;
  }
}

function besideConfig(cwd: string): string | undefined {
  try {
    return dirname(findConfig(cwd));
  } catch {
    return undefined;
  }
}

/** The project of a config that was named: the nearest `.tradewind` at or above it, else its own folder. */
function ofConfig(cwd: string, config: string | undefined): string | undefined {
  if (config === undefined || config === '') return undefined;
  const dir = dirname(resolve(cwd, config));
  return above(dir, '.tradewind') ?? dir;
}

/**
 * `.tradewind` of this project: TW_STATE_DIR, the nearest one at or above, that of the config that was named,
 * beside the config found from here, that of the folder this program lives in, or a new one here.
 */
export function stateDirOf(cwd: string, env: NodeJS.ProcessEnv, config?: string): string {
  const given = env['TW_STATE_DIR'];
  if (given !== undefined && given !== '') return resolve(cwd, given);
  const own = existsSync(join(ROOT, '.tradewind', 'project.json')) ? ROOT : undefined;
  const project = above(cwd, '.tradewind') ?? ofConfig(cwd, config ?? env['TW_CONFIG']) ?? besideConfig(cwd) ?? own;
  return join(project ?? resolve(cwd), '.tradewind');
}

const file = (stateDir: string): string => join(stateDir, 'project.json');

export function readProject(stateDir: string): Project | undefined {
  try {
    return JSON.parse(readFileSync(file(stateDir), 'utf8')) as Project;
  } catch {
    return undefined;
  }
}

/** A convenience: where it cannot be written, verbs that only look still work, and the journal refuses the others. */
export function rememberProject(stateDir: string, project: Project): void {
  const known = readProject(stateDir);
  if (known?.config === project.config && known.place === project.place) return;
  try {
    replaceFile(file(stateDir), `${JSON.stringify(project, null, 2)}\n`);
  } catch {
    // not remembered
  }
}

/** The config to use: named, TW_CONFIG, found here or above, else the one this project was last brought up with. */
export function configPath(cwd: string, stateDir: string, named: string | undefined, env: NodeJS.ProcessEnv): string {
  const given = named ?? env['TW_CONFIG'];
  if (given !== undefined && given !== '') return resolve(cwd, given);
  const known = readProject(stateDir)?.config;
  try {
    return findConfig(cwd);
  } catch (error) {
    if (known !== undefined) return known;
    throw error;
  }
}

/** A fleet with a lab in its config stands in the sandbox and nowhere else: its persons are played. Throws TW6303. */
export function refuseLab(config: Config): void {
  if (config.chat?.lab === undefined) return;
  throw fault('TW6303', {
    value: config.fleet,
    where: [{ file: config.file, path: 'chat.lab' }],
    why: ['persons of a lab are played by whoever opens it: they must not open real clouds'],
    fix: [{ say: 'Take `chat.lab` and its accounts out, or use the sandbox:', command: 'tw up --sandbox' }],
  });
}

/** Real clouds: the person's own credentials, state and locks in the project folder. */
export function realPlace(stateDir: string, configDir: string): Place {
  return {
    name: 'real',
    env: {},
    endpoints: {},
    rootsDir: join(stateDir, 'roots'),
    lockDir: join(configDir, 'infra.lock'),
  };
}

/** A folder name that fits a Unix socket, or the fault that says so. */
export function sandboxDir(stateDir: string, env: NodeJS.ProcessEnv): string {
  const dir = env['TW_SANDBOX_DIR'] ?? join(stateDir, 'sandbox');
  if (dir.includes('\n')) throw fault('TW9005', { value: dir });
  return dir;
}
