import { canonical, digest, fault } from '../../kernel/index.ts';
import { type Root, type RootId, rootName } from '../model.ts';
import type { RootState, RootStore } from '../ports.ts';

interface Folder {
  root: Root;
  fleet: string;
  files: Map<string, string>;
  initialised?: string;
  state?: RootState;
}

export interface MemoryRoots extends RootStore {
  putState(id: RootId, state: RootState): void;
  putFile(id: RootId, file: string): void;
  /** A new text of every module. */
  changeModules(text: string): void;
}

/** In-memory twin of the root folders. */
export function memoryRoots(): MemoryRoots {
  const folders = new Map<RootId, Folder>();
  let modules = 'first';
  const moduleOf = (root: Root): string => digest([root.module, modules]);
  const need = (id: RootId): Folder => {
    const f = folders.get(id);
    if (f === undefined) throw new Error(`no folder ${id}`);
    return f;
  };
  const mine = (f: Folder, fleet: string): Folder => {
    if (f.fleet !== fleet) throw fault('TW2111', { value: f.root.id });
    return f;
  };
  return {
    write: async (root, fleet) => {
      const known = folders.get(root.id);
      if (known === undefined) folders.set(root.id, { root, fleet, files: new Map() });
      else mine(known, fleet).root = root;
    },
    load: async (id, fleet) => {
      const f = folders.get(id);
      return f === undefined ? undefined : { ...mine(f, fleet).root, needs: [] };
    },
    initialised: async (root) => need(root.id).initialised === moduleOf(root),
    markInitialised: async (root) => {
      need(root.id).initialised = moduleOf(root);
    },
    unlock: async (root) => {
      delete need(root.id).initialised;
    },
    moduleDigest: async (root) => moduleOf(root),
    state: async (id) => folders.get(id)?.state,
    path: (id, file) => `/memory/${rootName(id)}/${file}`,
    exists: async (id, file) => folders.get(id)?.files.has(file) ?? false,
    drop: async (id, file) => void folders.get(id)?.files.delete(file),
    protect: async () => undefined,
    note: async (id, file, value) => void need(id).files.set(file, canonical(value)),
    noted: async (id, file) => {
      const text = folders.get(id)?.files.get(file);
      return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>);
    },
    list: async () => [...folders.keys()].sort(),
    remove: async (id) => {
      const left = folders.get(id)?.state?.resources ?? 0;
      if (left > 0) throw fault('TW2301', { value: id, why: [`${left} resources are still in its state`] });
      folders.delete(id);
    },
    putState: (id, state) => {
      need(id).state = state;
    },
    putFile: (id, file) => void need(id).files.set(file, ''),
    changeModules: (text) => {
      modules = text;
    },
  };
}
