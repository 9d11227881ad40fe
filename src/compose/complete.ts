import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { completions, type Names } from '../cli/complete.ts';
import { COMMANDS } from '../commands/index.ts';
import { configPath, stateDirOf } from './place.ts';

const NONE: Names = { clusters: [], apps: [], hosts: [] };

interface Remembered {
  /** Path, time and size of the config that the names are of. */
  stamp: string;
  names: Names;
}

function remembered(path: string): Remembered | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Remembered;
  } catch {
    return undefined;
  }
}

async function read(file: string): Promise<Names> {
  const config = await (await import('../config/index.ts')).loadConfig(file);
  return {
    fleet: config.fleet,
    clusters: config.clusters.map(({ name, cloud, region }) => ({ name, cloud, region })),
    apps: config.apps.map((a) => a.name),
    hosts: config.apps.flatMap((a) => (a.traffic === undefined ? [] : [a.traffic.host])),
  };
}

/** Names of the config, remembered in the state folder while the file is unchanged: checking it costs 100 ms. */
async function namesOf(words: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Names> {
  const at = words.indexOf('--config');
  const named = at < 0 ? words.find((w) => w.startsWith('--config='))?.slice('--config='.length) : words[at + 1];
  const stateDir = stateDirOf(cwd, env);
  const cache = join(stateDir, 'names.json');
  try {
    const file = configPath(cwd, stateDir, named, env);
    const { mtimeMs, size } = statSync(file);
    const stamp = `${file} ${mtimeMs} ${size}`;
    const known = remembered(cache);
    if (known?.stamp === stamp) return known.names;
    const names = await read(file);
    if (existsSync(stateDir)) writeFileSync(cache, JSON.stringify({ stamp, names }), { mode: 0o600 });
    return names;
  } catch {
    // A completion that complains would write into the line being typed.
    return NONE;
  }
}

/** `tw complete -- <words>`: one candidate a line, what it is after a tab. */
export async function complete(argv: readonly string[]): Promise<void> {
  const words = argv[0] === '--' ? argv.slice(1) : argv;
  const found = await completions(COMMANDS, words, () => namesOf(words, process.cwd(), process.env));
  process.stdout.write(found.map((c) => `${c.value}${c.help === undefined ? '' : `\t${c.help}`}\n`).join(''));
}
