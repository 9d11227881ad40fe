import { existsSync, readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { fault, type Where } from '../kernel/index.ts';
import { checkConfig, loadConfig } from './load.ts';
import type { Config } from './model.ts';

/** A config, and every file of the project that it was made from. */
export interface Read {
  config: Config;
  files: readonly string[];
}

type Said = { input: unknown; files: string[] } | { why: readonly string[]; where?: readonly Where[] };

/** A config program that does not end is not waited for longer. Milliseconds. */
const READ_MS = 15_000;

const SELF = import.meta.url;
/** Of the product itself: it does not change while it runs. */
const OURS = new URL('..', SELF).href;
const isOfProject = (url: string): boolean => !url.startsWith(OURS) && !url.includes('/node_modules/');

async function runIn(worker: Worker): Promise<Said> {
  const { promise, resolve: done } = Promise.withResolvers<Said>();
  const late = setTimeout(() => done({ why: [`it did not end within ${READ_MS / 1000} s`] }), READ_MS);
  worker.on('message', done);
  worker.on('error', (error) => done({ why: [error.message] }));
  worker.on('exit', () => done({ why: ['it ended the thread that reads it'] }));
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    await worker.terminate();
  }
}

/**
 * Reads a config as it is now, also one that this process has loaded before: a program and what it imports are run
 * once more, in a thread. Throws TW1001, TW1002, TW1003.
 */
export async function readAnew(path: string): Promise<Read> {
  const file = resolve(path);
  if (!existsSync(file)) throw fault('TW1001', { value: file });
  if (/\.(ya?ml|json)$/.test(file)) return { config: await loadConfig(file), files: [file] };
  const source = readFileSync(file, 'utf8');
  const worker = new URL(`./anew-worker${extname(fileURLToPath(SELF))}`, SELF);
  const said = await runIn(new Worker(worker, { workerData: pathToFileURL(file).href }));
  if ('why' in said) throw fault('TW1002', { value: file, why: said.why, where: said.where ?? [] });
  const files = [file, ...said.files.filter(isOfProject).map((url) => fileURLToPath(url))];
  return { config: checkConfig(said.input, file, source), files: [...new Set(files)] };
}
