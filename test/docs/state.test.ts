import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { Context, Engine } from '../../src/commands/index.ts';
import type { Config } from '../../src/config/index.ts';
import { type Clock, memoryJournal, memoryStore, systemClock } from '../../src/kernel/index.ts';
import { programOf } from '../../src/state/testing/redis-process.ts';
import { Client } from '../sim/state-agent/client.ts';
import { configOf } from '../sim/state-agent/config.ts';
import { Pods } from '../sim/state-agent/pods.ts';
import { voterWorld } from '../sim/state-agent/voters.ts';
import { type Said, type } from './lib/line.ts';
import { exactly, scenes } from './lib/scenes.ts';

/** State of an app over real agents: with real Redis where data are looked at, with twins and a simulated time where not. */
const dir = mkdtempSync(join(tmpdir(), 'tw-docs-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function context(config: Config, clock: Clock, engine: () => Engine): Context {
  const [journal, book] = [memoryJournal(clock), memoryStore()];
  return {
    ...{ cwd: dir, stateDir: dir, clock, journal: () => journal, book: () => book, config: async () => config },
    engine: async () => engine(),
    sandbox: () => Promise.reject(new Error('no sandbox')),
    close: async () => undefined,
  };
}

const list = async (pods: Pods): Promise<string[]> => {
  const r = await (await pods.home()).as('tw-r');
  const all = ((await r.ask('LRANGE', 'k', 0, -1)) as Buffer[]).map(String);
  r.close();
  return all;
};
const push = async (pods: Pods, word: string): Promise<void> => {
  const w = await (await pods.home()).as('tw-w');
  await w.ask('RPUSH', 'k', word);
  await w.ask('WAIT', 1, 5000);
  w.close();
};

/** Two copies of four clusters; lines are typed while a client writes. Time is simulated. */
async function withVoters(
  run: (type: (line: string) => Promise<Said>, copies: () => string[]) => Promise<void>,
): Promise<string> {
  const clusters = {
    sao: { cloud: 'aws', region: 'sa-east-1' },
    mtl: { cloud: 'azure', region: 'canadacentral' },
    syd: { cloud: 'gcp', region: 'australia-southeast1' },
    vir: { cloud: 'aws', region: 'us-east-1' },
  };
  const names = Object.keys(clusters);
  const { rig, engine, redisIn, up } = voterWorld(dir, names, ['sao', 'mtl']);
  const client = new Client(rig, 'x');
  let ended = false;
  const going = async (): Promise<void> => {
    const writing = client.run(() => ended);
    while (!rig.settled() || client.acked.length < 5) await rig.clock.sleep(50);
    await up(engine(configOf(dir, ['sao', 'mtl'], clusters)));
    const config = configOf(dir, names, clusters);
    await up(engine(config));
    const c = context(config, rig.clock, () => engine(config));
    await run(async (line) => await type(c, line), redisIn);
    ended = true;
    await writing;
  };
  await rig.lives(going, 600_000);
  for (const p of rig.places) p.stop.abort();
  for (const word of client.acked) expect(rig.places.some((p) => p.redis.words.includes(word))).toBe(true);
  return rig.broken ?? '';
}

/** Lines of an app that keeps its state in three real Redis; once more after a failover that nobody asked for. */
async function withRedis(run: (type: (line: string) => Promise<Said>, pods: Pods) => Promise<void>): Promise<void> {
  const pods = await Pods.start(mkdtempSync(join(dir, 'pods-')));
  try {
    const { config } = pods.wiring;
    const engine = { config, state: pods.door, outputs: async () => ({}) } as unknown as Engine;
    const c = context(config, systemClock, () => engine);
    const steady = async (line: string): Promise<Said> => {
      for (let left = 3; ; left--) {
        await pods.calm();
        const said = await type(c, line, { answer: () => config.fleet });
        if (left === 0 || !['TW5114', 'TW5130', 'TW5132'].includes(said.problem?.code ?? '')) return said;
      }
    };
    await run(steady, pods);
  } finally {
    await pods.close();
  }
}
const NO_REDIS = 'no redis-server here';
const noRedis = programOf('redis-server') === undefined;

scenes('state', {
  'back-up-state.md: ./tw state backup': async (lines, { skip }) => {
    const [backup, backups] = exactly(2, lines);
    skip(noRedis, NO_REDIS);
    await withRedis(async (say, pods) => {
      await push(pods, '1');
      const taken = await say(backup);
      expect(taken.text).toMatch(/✓ app-\w+Z-\w+ +verified +\d+ s +\w+ +\d keys/);
      // It is read from a copy that is not home.
      const { from, home, id } = taken.data as { from: string; home: string; id: string };
      expect([from !== home, (await pods.home()).name]).toEqual([true, home]);
      expect((await say(backups)).text).toMatch(new RegExp(`${id} +verified`));
    });
  },

  'back-up-state.md: ./tw state backups': async (lines, { skip }) => {
    const [backups, restore] = exactly(2, lines);
    skip(noRedis, NO_REDIS);
    await withRedis(async (say, pods) => {
      await push(pods, '1');
      const { id } = (await say('tw state backup')).data as { id: string };
      // What the page names is such a name.
      const form = /-\d{8}T\d{6}Z-[0-9a-f]{4}$/;
      expect([restore, id]).toEqual([expect.stringMatching(form), expect.stringMatching(form)]);
      await push(pods, 'regretted');
      const done = await say(restore.replace(/guestbook-\S+/, id));
      expect(done.problem).toBeUndefined();
      expect(done.asked).toEqual([
        {
          text: expect.stringMatching(/^All data of app is replaced by .*keys: .*Type the name of the fleet/),
          flag: '--confirm=demo',
        },
      ]);
      await pods.calm();
      expect(await list(pods)).toEqual(['1']);
      expect((await say(backups)).text).toMatch(/app-\S+-salvage +salvage/);
    });
  },

  'share-state.md: ./tw state add-voter syd': async (lines) => {
    const [add, instead] = exactly(2, lines);
    const broken = await withVoters(async (say, copies) => {
      expect(copies()).toEqual(['sao', 'mtl']);
      expect((await say(add)).text).toMatch(/app has copies in mtl, sao, syd; writes waited [\d.]+ s/);
      expect(copies()).toEqual(['sao', 'mtl', 'syd']);
      // A fourth copy beside three is refused.
      expect((await say('tw state add-voter vir')).problem?.code).toBe('TW5151');
      expect((await say(instead)).text).toContain('app has copies in mtl, sao, vir');
      expect(copies()).toEqual(['sao', 'mtl', 'vir']);
    });
    expect(broken).toBe('');
  },
});
