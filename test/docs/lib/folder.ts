import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, type ConfigInput, loadConfig } from '../../../src/config/index.ts';
import { type Block, ROOT } from './blocks.ts';

/** A folder of a project: the manifests of the example, and a config with the text of a block in it, as it is written. */
export class Folder {
  readonly dir = mkdtempSync(join(tmpdir(), 'tw-docs-'));
  readonly state = join(this.dir, 's');
  readonly config = join(this.dir, 'tradewind.config.ts');

  constructor() {
    cpSync(join(ROOT, 'examples', 'guestbook', 'manifests'), join(this.dir, 'manifests'), { recursive: true });
  }

  /** Writes the config; without a block that of the example. */
  write(block?: Block, change: Partial<ConfigInput> = {}): this {
    const from = (...path: string[]): string => JSON.stringify(join(ROOT, ...path));
    const body = (block?.text ?? '{}')
      .trim()
      .replace(/^export default /, '')
      .replace(/[;,]$/, '');
    const code = /^(\{|defineConfig)/.test(body) ? body : `{${body}}`;
    const lines = [
      `import { defineConfig } from ${from('src', 'config', 'index.ts')};`,
      `import { whole } from ${from('test', 'docs', 'lib', 'whole.ts')};`,
      `export default defineConfig(whole(${code}, ${JSON.stringify(change)}));`,
    ];
    writeFileSync(this.config, `${lines.join('\n')}\n`);
    return this;
  }

  async load(): Promise<Config> {
    return await loadConfig(this.config);
  }

  end(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
