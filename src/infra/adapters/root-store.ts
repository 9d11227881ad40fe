import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { access, chmod, copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonical, digest, fault, type Json, replaceFile } from '../../kernel/index.ts';
import { builtNodes, type StateResource } from '../built.ts';
import { type ModuleName, type Place, type Root, type RootId, rootName } from '../model.ts';
import type { RootState, RootStore } from '../ports.ts';
import { mainFile, varsIn } from '../roots.ts';

const MARKER = '.tradewind-root.json';
const INIT_MARKER = 'tradewind-init';
const LOCK = '.terraform.lock.hcl';
const PROVIDER: Readonly<Record<ModuleName, string>> = {
  'aws-eks': 'aws',
  'azure-aks': 'azurerm',
  'gcp-gke': 'google',
  'dns-route53': 'aws',
};

export interface RootStoreOptions {
  place: Place;
  /** Folder with one folder per module. */
  modulesDir: string;
  /** What besides the files decides whether init is needed: the binary and its version, the CLI configuration. */
  toolchain: () => Promise<Json>;
}

const there = async (path: string): Promise<boolean> =>
  await access(path).then(
    () => true,
    () => false,
  );

async function filesOf(dir: string): Promise<[name: string, text: string][]> {
  const names = (await readdir(dir)).filter((n) => n.endsWith('.tf') || n.endsWith('.tf.json')).sort();
  return await Promise.all(
    names.map(async (n): Promise<[string, string]> => [n, await readFile(join(dir, n), 'utf8')]),
  );
}

async function copyModule(from: string, to: string): Promise<void> {
  const files = await filesOf(from);
  await mkdir(to, { recursive: true, mode: 0o700 });
  const wanted = new Set(files.map(([n]) => n));
  for (const name of await readdir(to)) if (!wanted.has(name)) await rm(join(to, name), { recursive: true });
  await Promise.all(
    files.map(async ([name, text]) => {
      const path = join(to, name);
      if (!(await there(path)) || (await readFile(path, 'utf8')) !== text) replaceFile(path, text);
    }),
  );
}

interface Marker {
  place: string;
  fleet: string;
  root: RootId;
  module: ModuleName;
}

async function marked(dir: string): Promise<Marker | undefined> {
  const path = join(dir, MARKER);
  return (await there(path)) ? (JSON.parse(await readFile(path, 'utf8')) as Marker) : undefined;
}

/** Refuses a folder that another fleet, place or root uses (rule 11). */
function sameOwner(dir: string, found: Marker, mine: Omit<Marker, 'module'>): void {
  if (found.place === mine.place && found.fleet === mine.fleet && found.root === mine.root) return;
  throw fault('TW2111', {
    value: dir,
    why: [`it was made for fleet ${found.fleet} in place ${found.place}, this is ${mine.fleet} in ${mine.place}`],
    fix: [{ say: 'Use another folder for this fleet, or take the other one down first.' }],
  });
}

async function claim(dir: string, mine: Marker): Promise<void> {
  const found = await marked(dir);
  if (found !== undefined) sameOwner(dir, found, mine);
  replaceFile(join(dir, MARKER), `${JSON.stringify(mine)}\n`);
}

async function sameBackend(path: string, text: string): Promise<void> {
  if (!(await there(path))) return;
  const backend = (t: string): string =>
    canonical((JSON.parse(t) as { terraform?: { backend?: Json } }).terraform?.backend ?? null);
  const before = backend(await readFile(path, 'utf8'));
  if (before === backend(text)) return;
  throw fault('TW2110', { value: path, why: [`the state is at ${before}; moving it is a step of its own`] });
}

function stateOf(text: string): RootState {
  const s = JSON.parse(text) as {
    lineage: string;
    serial: number;
    resources?: StateResource[];
    outputs?: Record<string, { value: Json }>;
  };
  const managed = (s.resources ?? []).filter((r) => r.mode === 'managed');
  const nodes = builtNodes(managed);
  return {
    lineage: s.lineage,
    serial: s.serial,
    resources: managed.reduce((n, r) => n + (r.instances?.length ?? 0), 0),
    outputs: Object.fromEntries(Object.entries(s.outputs ?? {}).map(([k, v]) => [k, v.value])),
    ...(nodes === undefined ? {} : { nodes }),
  };
}

interface Disk {
  o: RootStoreOptions;
  path(id: RootId, file: string): string;
  moduleDigest(root: Root): Promise<string>;
}
const lockOf = ({ o }: Disk, root: Root): string => join(o.place.lockDir, `${PROVIDER[root.module]}.lock.hcl`);
const initMarker = (d: Disk, id: RootId): string => d.path(id, join('.terraform', INIT_MARKER));

async function write(d: Disk, root: Root, fleet: string): Promise<void> {
  await mkdir(d.path(root.id, ''), { recursive: true, mode: 0o700 });
  await claim(d.path(root.id, ''), { place: d.o.place.name, fleet, root: root.id, module: root.module });
  await copyModule(join(d.o.modulesDir, root.module), d.path(root.id, 'module'));
  const main = d.path(root.id, 'main.tf.json');
  const text = mainFile(root);
  await sameBackend(main, text);
  if (!existsSync(main) || (await readFile(main, 'utf8')) !== text) replaceFile(main, text);
  const lock = d.path(root.id, LOCK);
  if (!existsSync(lock) && existsSync(lockOf(d, root))) await copyFile(lockOf(d, root), lock);
}

async function load(d: Disk, id: RootId, fleet: string): Promise<Root | undefined> {
  const dir = d.path(id, '');
  const found = await marked(dir);
  if (found === undefined || !existsSync(join(dir, 'main.tf.json'))) return undefined;
  sameOwner(dir, found, { place: d.o.place.name, fleet, root: id });
  const vars = varsIn(await readFile(join(dir, 'main.tf.json'), 'utf8'));
  const cluster = id.startsWith('cluster:') ? { cluster: id.slice('cluster:'.length) } : {};
  return { id, ...cluster, module: found.module, vars, needs: [] };
}

async function initDigest(d: Disk, root: Root): Promise<string> {
  const lock = d.path(root.id, LOCK);
  const locked = existsSync(lock) ? createHash('sha256').update(readFileSync(lock)).digest('hex') : '';
  return digest({ module: await d.moduleDigest(root), lock: locked, toolchain: await d.o.toolchain() });
}

async function initialised(d: Disk, root: Root): Promise<boolean> {
  const marker = initMarker(d, root.id);
  return existsSync(marker) && (await readFile(marker, 'utf8')) === (await initDigest(d, root));
}

async function markInitialised(d: Disk, root: Root): Promise<void> {
  const lock = d.path(root.id, LOCK);
  if (existsSync(lock)) {
    await mkdir(d.o.place.lockDir, { recursive: true });
    replaceFile(lockOf(d, root), await readFile(lock, 'utf8'));
  }
  await mkdir(d.path(root.id, '.terraform'), { recursive: true });
  replaceFile(initMarker(d, root.id), await initDigest(d, root));
}

async function unlock(d: Disk, root: Root): Promise<void> {
  await rm(d.path(root.id, LOCK), { force: true });
  await rm(lockOf(d, root), { force: true });
  await rm(d.path(root.id, '.terraform'), { recursive: true, force: true });
}

async function state(d: Disk, id: RootId): Promise<RootState | undefined> {
  const file = d.path(id, 'terraform.tfstate');
  if (!existsSync(file)) return undefined;
  try {
    const text = await readFile(file, 'utf8');
    return text.trim() === '' ? undefined : stateOf(text);
  } catch (cause) {
    const fix = [{ say: `The state file is damaged; its last good copy is ${file}.backup.` }];
    throw fault('TW2118', { value: id, cause, fix });
  }
}

async function list({ o }: Disk): Promise<RootId[]> {
  const names = existsSync(o.place.rootsDir) ? (await readdir(o.place.rootsDir)).sort() : [];
  const found = await Promise.all(names.map(async (n) => await marked(join(o.place.rootsDir, n))));
  return found.flatMap((m) => m?.root ?? []);
}

async function remove(d: Disk, id: RootId): Promise<void> {
  const left = (await state(d, id))?.resources ?? 0;
  if (left > 0) throw fault('TW2301', { value: id, why: [`${left} resources are still in its state`] });
  await rm(d.path(id, ''), { recursive: true, force: true });
}

async function noted(path: string): Promise<Record<string, string> | undefined> {
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as Record<string, string>) : undefined;
}

/** Digest of a module's files, read once. */
function moduleDigests(modulesDir: string): (root: Root) => Promise<string> {
  const known = new Map<ModuleName, Promise<string>>();
  return async (root) => {
    const found = known.get(root.module) ?? filesOf(join(modulesDir, root.module)).then((f) => digest(f));
    known.set(root.module, found);
    return await found;
  };
}

/** Root folders on this machine's disk. */
export function rootStore(o: RootStoreOptions): RootStore {
  const path = (id: RootId, file: string): string => join(o.place.rootsDir, rootName(id), file);
  const d: Disk = { o, path, moduleDigest: moduleDigests(o.modulesDir) };
  return {
    write: async (root, fleet) => await write(d, root, fleet),
    load: async (id, fleet) => await load(d, id, fleet),
    initialised: async (root) => await initialised(d, root),
    markInitialised: async (root) => await markInitialised(d, root),
    unlock: async (root) => await unlock(d, root),
    moduleDigest: d.moduleDigest,
    state: async (id) => await state(d, id),
    path,
    exists: async (id, file) => await there(path(id, file)),
    drop: async (id, file) => await rm(path(id, file), { force: true }),
    protect: async (id, file) => await chmod(path(id, file), 0o600),
    note: async (id, file, value) => replaceFile(path(id, file), JSON.stringify(value)),
    noted: async (id, file) => await noted(path(id, file)),
    list: async () => await list(d),
    remove: async (id) => await remove(d, id),
  };
}
