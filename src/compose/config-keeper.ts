import { statSync } from 'node:fs';
import { type Config, readAnew } from '../config/index.ts';
import { digest, problemOf, toJson } from '../kernel/index.ts';
import type { ConfigState } from '../server/index.ts';

/** Moves when the file does; `-` = it is not there. */
export const stampOfFile = (path: string): string => {
  try {
    const { mtimeMs, ino, size } = statSync(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch {
    return '-';
  }
};

export interface KeeperDeps {
  /** Where the config is now. Throws TW1001. */
  path: () => string;
  now: () => number;
  /** Called when another config was read, or could not be. */
  onChange: (s: ConfigState) => void;
}

/** Blocks that are looked at when the server starts and not again. */
const AT_START = ['chat', 'server'] as const;
const blocksOf = (c: Config): string[] => AT_START.map((k) => digest(toJson(c[k] ?? null)));

/** The config of a server that runs on: read again when one of its files changed; a bad one leaves the old one in force. */
export class ConfigKeeper {
  readonly #deps: KeeperDeps;
  #files: readonly string[] = [];
  #seen: string | undefined;
  #reading: Promise<void> | undefined;
  #config: Config | undefined;
  #error: unknown;
  #first: readonly string[] | undefined;
  #state: ConfigState | undefined;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  #path(): string {
    try {
      return this.#deps.path();
    } catch {
      return '';
    }
  }

  /** Moves when a file that the config is made from does. */
  stamp(): string {
    const path = this.#path();
    return [path, ...new Set([path, ...this.#files].map(stampOfFile))].join(' ');
  }

  /** The newest good one. Throws TW1001–TW1003 while there was none. */
  async get(): Promise<Config> {
    if (this.stamp() !== this.#seen) await (this.#reading ??= this.#read().finally(() => (this.#reading = undefined)));
    if (this.#config !== undefined) return this.#config;
    throw this.#error;
  }

  /** What is in force, and what is wrong with the file; undefined before the first look. */
  state(): ConfigState | undefined {
    return this.#state;
  }

  async #read(): Promise<void> {
    const before = this.stamp();
    try {
      const { config, files } = await readAnew(this.#deps.path());
      // Edited while it was read: the next look reads once more.
      const still = this.stamp() === before;
      this.#files = files;
      this.#seen = still ? this.stamp() : before;
      this.#first ??= blocksOf(config);
      this.#error = undefined;
      if (this.#config !== undefined && idOf(config) === this.#state?.id && this.#state.problem === null) return;
      this.#config = config;
      this.#tell(config, null);
    } catch (error) {
      this.#seen = before;
      this.#error = error;
      this.#tell(this.#config, problemOf(error));
    }
  }

  #tell(config: Config | undefined, problem: ConfigState['problem']): void {
    const waits =
      config === undefined ? [] : blocksOf(config).map((d, i) => (d === this.#first?.[i] ? '' : AT_START[i]));
    this.#state = {
      file: this.#path(),
      id: config === undefined ? null : idOf(config),
      readAt: problem === null ? this.#deps.now() : (this.#state?.readAt ?? null),
      problem,
      restart: waits.filter((k) => k !== '' && k !== undefined),
    };
    this.#deps.onChange(this.#state);
  }
}

/** The same words give the same id, wherever the file lies. */
function idOf(config: Config): string {
  const { file: _, dir: __, ...rest } = config;
  return digest(toJson(rest)).slice('sha256:'.length, 'sha256:'.length + 12);
}
