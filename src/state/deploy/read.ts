import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fault } from '../../kernel/index.ts';
import type { RedisSecrets } from '../redisconf.ts';
import { type DataKeys, FILES, type Pems, type Settings } from './settings.ts';

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault('TW5160', { value: path, cause });
  });
}

function jsonOf(path: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw fault('TW5160', { value: path, cause });
  }
}

async function pemsIn(folder: string, names: Pems): Promise<Pems> {
  const [ca, cert, key] = await Promise.all(
    [names.ca, names.cert, names.key].map((name) => textOf(join(folder, name))),
  );
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
}

function optionsOf(args: string[]): { settings: string; keys: string } {
  try {
    const option = { type: 'string' as const };
    const { settings, keys } = parseArgs({ args, options: { settings: option, keys: option } }).values;
    if (settings === undefined || keys === undefined)
      throw new Error('--settings <file> and --keys <folder> are needed');
    return { settings, keys };
  } catch (cause) {
    throw fault('TW5160', { value: args.join(' '), cause });
  }
}

/** What a process of the data plane was told: `--settings <file> --keys <folder>`. Throws TW5160. */
export async function readTold(args: string[]): Promise<{ settings: Settings; keys: DataKeys }> {
  const at = optionsOf(args);
  const settings = jsonOf(at.settings, await textOf(at.settings)) as Settings;
  const users = join(at.keys, FILES.users);
  const store = await pemsIn(at.keys, FILES.store).catch(() => undefined);
  return {
    settings,
    keys: {
      users: jsonOf(users, await textOf(users)) as RedisSecrets,
      wire: await pemsIn(at.keys, FILES.wire),
      ...(store === undefined ? {} : { store }),
    },
  };
}
