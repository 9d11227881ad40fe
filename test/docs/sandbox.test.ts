import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { readRecipes } from '../../src/sandbox/adapters/recipes.ts';
import { Folder } from './lib/folder.ts';
import { scenes } from './lib/scenes.ts';

const folder = new Folder();
afterAll(() => folder.end());

scenes('sandbox', {
  'own-image-in-the-sandbox.md: images:': async (_, { block }) => {
    const file = join(folder.dir, 'recipes.yaml');
    writeFileSync(file, block.text);
    // The program has to be there, and is looked for beside the file.
    expect(() => readRecipes(file)).toThrow(`no file ${join(folder.dir, 'bin', 'hello')}`);
    mkdirSync(join(folder.dir, 'bin'));
    writeFileSync(join(folder.dir, 'bin', 'hello'), '');
    expect(readRecipes(file)).toEqual({
      recipes: [
        expect.objectContaining({
          name: 'registry.tradewind.example/hello',
          entrypoint: ['/app/hello'],
          cmd: ['--port', '8080'],
          env: ['VERSION={tag}'],
          private: true,
          files: [{ host: join(folder.dir, 'bin', 'hello'), at: '/app/hello', ro: true }],
        }),
      ],
      registries: [{ host: 'registry.tradewind.example', username: 'sandbox', password: 'fair-winds' }],
    });
  },
});
