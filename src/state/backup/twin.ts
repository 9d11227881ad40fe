import { CANARY, type Counted, type Loaded } from './model.ts';
import { type Loader, SnapshotError, type SnapshotSource, type Vault } from './ports.ts';

/** A vault in memory. */
export function memoryVault(): Vault & { files: Map<string, Buffer> } {
  const files = new Map<string, Buffer>();
  return {
    where: 'memory',
    files,
    put: async (name, bytes) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of bytes) parts.push(chunk);
      files.set(name, Buffer.concat(parts));
    },
    get: async function* (name) {
      const found = files.get(name);
      if (found === undefined) throw new Error(`no file ${name}`);
      yield found;
    },
    list: async (prefix) => [...files.keys()].filter((n) => n.startsWith(prefix)).toSorted(),
    remove: async (name) => void files.delete(name),
  };
}

/** Data of a Redis in memory, and how it becomes bytes. */
export interface TwinData {
  engine: string;
  epoch: number;
  words: Record<string, string>;
}
const toBytes = (d: TwinData): Buffer => Buffer.from(`REDIS ${JSON.stringify(d)} END`);

/** A copy in memory that is always in step with its home; `role` may be changed. */
export function memorySource(data: TwinData): SnapshotSource & { data: TwinData; role: Counted['role'] } {
  return {
    data,
    role: 'replica',
    plant: async (value) => void (data.words[CANARY] = value),
    uproot: async () => void delete data.words[CANARY],
    arrived: async () => undefined,
    async count() {
      const keys = Object.keys(data.words).length;
      return { engine: data.engine, epoch: data.epoch, role: this.role, link: true, keys, offset: 100 + keys };
    },
    async open() {
      if (this.role !== 'replica') throw new SnapshotError('read', `this Redis is ${this.role}`);
      const bytes = toBytes(data);
      async function* all(): AsyncIterable<Uint8Array> {
        yield bytes;
      }
      return { log: { replid: 'a'.repeat(40), offset: 100 }, bytes: all() };
    },
  };
}

/** Loads what `memorySource` wrote. `engine`: its version. */
export function memoryLoader(engine: string): Loader {
  return {
    load: async (bytes, size): Promise<Loaded> => {
      const parts: Uint8Array[] = [];
      for await (const chunk of bytes) parts.push(chunk);
      const text = Buffer.concat(parts).toString();
      const whole = text.startsWith('REDIS ') && text.endsWith(' END') && text.length === size;
      if (!whole) throw new SnapshotError('load', 'it is not whole');
      const d = JSON.parse(text.slice(6, -4)) as TwinData;
      return { engine, epoch: d.epoch, keys: Object.keys(d.words).length, canary: d.words[CANARY] ?? null };
    },
  };
}
