import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import gte from 'semver/functions/gte.js';
import type { Config } from '../../config/index.ts';
import { type Clock, fault, type Journal } from '../../kernel/index.ts';
import type { Place } from '../model.ts';
import type { Terraform } from '../ports.ts';
import { terraformEnv } from './process.ts';
import { rootStore } from './root-store.ts';
import { terraformRunner } from './terraform.ts';

const FLOOR = { terraform: '1.11.0', tofu: '1.10.0' };
type Env = Readonly<Record<string, string | undefined>>;

export interface FoundTerraform {
  binary: string;
  product: 'terraform' | 'tofu';
  version: string;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function onPath(name: string, env: Env): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find(executable);
}

async function versionOf(binary: string, env: Record<string, string>): Promise<FoundTerraform | string> {
  const out = await new Promise<string>((done) => {
    execFile(binary, ['version'], { env, timeout: 20_000 }, (error, stdout) =>
      done(error === null ? stdout : `failed: ${error.message}`),
    );
  });
  const m = /^(Terraform|OpenTofu) v(\d+\.\d+\.\d+)/m.exec(out);
  if (m === null) return `${binary}: ${out.split('\n')[0] ?? ''}`;
  const product = m[1] === 'OpenTofu' ? 'tofu' : 'terraform';
  const version = m[2] ?? '';
  if (!gte(version, FLOOR[product])) return `${binary}: ${product} ${version} is below ${FLOOR[product]}`;
  return { binary, product, version };
}

function candidatesOf(named: string | undefined, dir: string, env: Env): string[] {
  if (named === undefined) return [onPath('terraform', env), onPath('tofu', env)].filter((c) => c !== undefined);
  if (!named.includes('/')) return [onPath(named, env) ?? named];
  return [isAbsolute(named) ? named : resolve(dir, named)];
}

/**
 * The terraform to use: `infra.binary` of the config, TW_TERRAFORM, terraform and tofu on PATH.
 * Throws TW2001 with every place it looked at.
 */
export async function findTerraform(
  place: Place,
  config: Pick<Config, 'infra' | 'dir'>,
  env: Env = process.env,
): Promise<FoundTerraform> {
  const named = config.infra.binary ?? env['TW_TERRAFORM'];
  const candidates = candidatesOf(named, config.dir, env);
  const why: string[] = [];
  for (const binary of candidates) {
    const found = await versionOf(binary, terraformEnv(env, place.env));
    if (typeof found !== 'string') return found;
    why.push(found);
  }
  throw fault('TW2001', {
    ...(named === undefined ? {} : { value: named }),
    why: why.length > 0 ? why : ['neither terraform nor tofu is on PATH'],
    fix: [
      {
        say: `Install terraform ${FLOOR.terraform} or newer (developer.hashicorp.com/terraform/install) or OpenTofu ${FLOOR.tofu} or newer (opentofu.org/docs/intro/install).`,
      },
      { say: 'Or say where it is: infra.binary in the config, or TW_TERRAFORM.' },
    ],
  });
}

/** Text of terraform's CLI configuration: it decides where providers come from. */
function cliConfig(env: Record<string, string>): string {
  const file = env['TF_CLI_CONFIG_FILE'] ?? join(env['HOME'] ?? homedir(), '.terraformrc');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

export interface OpenOptions {
  config: Pick<Config, 'infra' | 'dir'>;
  place: Place;
  journal: Journal;
  clock: Clock;
  modulesDir?: string;
  env?: Env;
}

/** terraform for one place: runner and root folders. The binary is looked for when it is first needed (TW2001). */
export async function openTerraform(o: OpenOptions): Promise<Terraform> {
  const caller = o.env ?? process.env;
  let looked: Promise<FoundTerraform> | undefined;
  const found = async (): Promise<FoundTerraform> => await (looked ??= findTerraform(o.place, o.config, caller));
  const env = terraformEnv(caller, o.place.env);
  const rc = cliConfig(env);
  const modulesDir = o.modulesDir ?? resolve(import.meta.dirname, '../../../terraform/modules');
  return {
    ready: async () => void (await found()),
    runs: terraformRunner({
      binary: async () => (await found()).binary,
      place: o.place,
      journal: o.journal,
      clock: o.clock,
      env: caller,
    }),
    roots: rootStore({ place: o.place, modulesDir, toolchain: async () => ({ ...(await found()), rc }) }),
    serialInit: env['TF_PLUGIN_CACHE_DIR'] !== undefined || /plugin_cache_dir/.test(rc),
    ownProviders: o.place.ownProviders ?? false,
  };
}
