/** Reads a config program in a thread of its own, whose modules nobody has loaded before; tells what else it read. */
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { toldOf } from './place-error.ts';

const files = new Set<string>();
registerHooks({
  resolve: (name, from, next) => {
    const found = next(name, from);
    if (found.url.startsWith('file:')) files.add(found.url);
    return found;
  },
});

try {
  const module = (await import(workerData as string)) as { default?: unknown };
  if (module.default === undefined) throw new Error('the file has no default export');
  parentPort?.postMessage({ input: module.default, files: [...files] });
} catch (error) {
  parentPort?.postMessage(toldOf(error, fileURLToPath(workerData as string)));
}
