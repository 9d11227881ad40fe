import { afterAll, describe, expect } from 'vitest';
import type { Context } from '../../src/commands/index.ts';
import { terraformBinary } from '../../src/infra/testing/terraform.ts';
import { memoryJournal, memoryStore, systemClock } from '../../src/kernel/index.ts';
import { blockOf } from './lib/blocks.ts';
import { engineOf } from './lib/engine.ts';
import { Folder } from './lib/folder.ts';
import { type Said, type } from './lib/line.ts';
import { exactly, scenes } from './lib/scenes.ts';

/** `tw plan` of the config that the page wrote before, with the real terraform; nothing is built. */
const folders: Folder[] = [];
afterAll(() => {
  for (const f of folders) f.end();
});

/** Types lines in a folder with the config of that block. */
async function inFolder(page: string, first: string, lines: readonly string[]): Promise<Said[]> {
  const folder = new Folder().write(blockOf(page, first));
  folders.push(folder);
  const config = await folder.load();
  const journal = memoryJournal();
  const engine = await engineOf(folder, config, journal);
  const book = memoryStore();
  const c: Context = {
    cwd: folder.dir,
    stateDir: folder.state,
    clock: systemClock,
    journal: () => journal,
    book: () => book,
    config: async () => config,
    engine: async () => engine,
    sandbox: () => Promise.reject(new Error('no sandbox')),
    close: async () => undefined,
  };
  try {
    const said: Said[] = [];
    for (const line of lines) said.push(await type(c, line));
    return said;
  } finally {
    await engine.close();
  }
}

describe.skipIf(terraformBinary() === undefined)('with terraform', () => {
  scenes('plan', {
    'add-a-cluster.md: ./tw plan': async (lines) => {
      const [plan] = await inFolder('add-a-cluster.md', 'clusters: {', exactly(1, lines));
      expect(plan?.problem).toBeUndefined();
      const text = plan?.text ?? '';
      expect(text).toMatch(/cluster fra +2 to create/);
      const [, there = ''] = text.split('✓ on fra');
      for (const made of [
        'app guestbook ',
        'Deployment guestbook/guestbook-v1',
        'Deployment tradewind-system/tradewind-nameserver',
      ])
        expect(there).toContain(made);
      expect(text).toContain('create nameserver in fra: answers, probes and votes');
    },

    'share-state.md: ./tw plan': async (lines) => {
      const [plan, whyNot] = await inFolder('share-state.md', 'export default defineConfig({', exactly(2, lines));
      expect(plan?.text).toMatch(/round trips are estimated from the distance until they are measured/);
      expect(plan?.text).toMatch(/a write takes about \d+ ms in sao, about \d+ ms in mtl, about \d+ ms in syd/);
      expect(plan?.text).toMatch(/survives the loss of any one of 3; lost then: nothing/);
      expect(plan?.text).toMatch(/writes wait about [\d.]+ s when \w+ is lost/);
      expect(plan?.text).toMatch(
        /the app may not use\n +admin commands; FUNCTION; REPLICAOF; keys that begin with tw:/,
      );
      expect(whyNot?.problem).toBeUndefined();
      expect(whyNot?.text).toMatch(
        /state of guestbook: active-active[^]*the app may not use[^]*every command that writes but RPUSH/,
      );
    },
  });
});
