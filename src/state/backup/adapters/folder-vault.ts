import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Vault } from '../ports.ts';

/** Snapshots as files below a folder; readable by this user alone, because they are the data of the app. */
export function folderVault(root: string): Vault {
  const at = (name: string): string => join(root, ...name.split('/'));
  return {
    where: root,
    put: async (name, bytes) => {
      const path = at(name);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const part = `${path}.part`;
      const file = await open(part, 'w', 0o600);
      try {
        for await (const chunk of bytes) await file.writeFile(chunk);
        await file.sync();
        await file.close();
        await rename(part, path);
      } catch (e) {
        await file.close().catch(() => undefined);
        await rm(part, { force: true });
        throw e;
      }
    },
    get: (name) => createReadStream(at(name)),
    list: async (prefix) => {
      const found = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
      return found
        .filter((f) => f.isFile() && !f.name.endsWith('.part'))
        .map((f) => relative(root, join(f.parentPath, f.name)).split(sep).join('/'))
        .filter((name) => name.startsWith(prefix))
        .toSorted();
    },
    remove: async (name) => await rm(at(name), { force: true }),
  };
}
