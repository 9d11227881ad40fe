import { afterAll, expect } from 'vitest';
import type { Config } from '../../src/config/index.ts';
import { blockOf } from './lib/blocks.ts';
import { Fleet } from './lib/fleet.ts';
import { Folder } from './lib/folder.ts';
import type { Said } from './lib/line.ts';
import { exactly, scenes } from './lib/scenes.ts';

/** Releases of the config of the page, over clusters in memory. */
const folders: Folder[] = [];
afterAll(() => {
  for (const f of folders) f.end();
});

async function fleet(change: object = {}): Promise<Fleet> {
  const folder = new Folder().write(blockOf('release.md', 'apps: {'), change);
  folders.push(folder);
  return await Fleet.open(await folder.load(), folder.dir);
}
const until = async (f: Fleet, done: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; i < 200 && !(await done()); i++) await f.clock.sleep(500);
};
const all = (version: string): string[] => [version, version, version];
/** Says yes to the plan; nobody is there when the release asks on. */
const planOnly = (question: string): string | undefined => (question.startsWith('Release') ? 'yes' : undefined);

scenes('release', {
  'release.md: tw release guestbook@v2 --dry-run': async (lines) => {
    const [dry, real] = exactly(2, lines);
    const f = await fleet();
    const plan = await f.type(dry);
    expect(plan.problem).toBeUndefined();
    for (const step of ['prepare', 'commit', 'flip wave 1', 'soak wave 1', 'keep', 'rollback'])
      expect(plan.text).toMatch(
        new RegExp(`^○ ${step} .*(rolled back|braked|soak grows|until it answers|as it answers)`, 'm'),
      );
    expect([f.live(), plan.asked]).toEqual([all('v1'), []]);
    const said = await f.type(real);
    expect(said.asked).toEqual([
      { text: expect.stringMatching(/^Release guestbook@v2 \(plan r-\w+\)\?$/), flag: '--yes' },
    ]);
    expect(said.text).toContain('guestbook@v2 r1: released: every cluster serves it, the old version is kept');
    expect(f.live()).toEqual(all('v2'));
  },

  'release.md: tw rollback guestbook': async (lines) => {
    const [back] = exactly(1, lines);
    const f = await fleet();
    await f.type('tw release guestbook@v2');
    const before = f.journal.read({ kind: 'release.did' }).length;
    const said = await f.type(back);
    expect(said.text).toContain('rolled back: every cluster serves its old version');
    expect([f.live(), said.asked]).toEqual([all('v1'), []]);
    const did = f.journal.read({ kind: 'release.did' }).slice(before);
    expect(did.map((d) => `${(d.data as { do: string }).do} ${d.cluster}`)).toEqual([
      'back sao',
      'back mtl',
      'back syd',
    ]);
  },

  'release.md: tw release guestbook@v2 --hold=commit': async (lines) => {
    const [hold, promote, pause, abort, versions, logs, history, why] = exactly(8, lines);
    const f = await fleet();
    const kept = async (version: string): Promise<boolean> =>
      (await f.type(versions)).text.match(new RegExp(`${version} +kept +2/2`, 'g'))?.length === 3;
    const held = async (): Promise<{ ends: Promise<Said> }> => {
      const ends = f.type(hold, { answer: planOnly });
      await until(f, async () => await kept('v2'));
      // Everything is ready, and nobody was switched.
      await f.clock.sleep(5000);
      expect(f.live()).toEqual(all('v1'));
      return { ends };
    };
    const first = await held();
    expect((await f.type(pause)).text).toContain('r1: paused: the next step waits for "tw pause --off"');
    expect((await f.type(`${pause} --off`)).text).toContain('r1: goes on');
    expect((await f.type(abort)).text).toContain('rolled back: every cluster serves its old version');
    expect((await first.ends).problem?.code).toBe('TW7041');
    expect(f.live()).toEqual(all('v1'));
    const second = await held();
    expect((await f.type(promote)).text).toContain('r2: the word is given');
    expect((await second.ends).text).toContain('r2: released: every cluster serves it');
    expect(f.live()).toEqual(all('v2'));
    const ofV2 = await f.type(logs);
    expect(ofV2.text.split('\n').filter((l) => l.includes('guestbook-v2-'))).toHaveLength(3);
    expect(await f.type('tw logs guestbook')).toEqual(ofV2);
    await f.type('tw release guestbook@v3');
    expect((await f.type(versions)).text.match(/v3 +live +2\/2/g)).toHaveLength(3);
    expect((await f.type(history)).text).toMatch(
      /r3 guestbook@v3 +committed.*\n.*r2 guestbook@v2 +done.*\n.*r1 .* rolledback/,
    );
    expect((await f.type(why)).text).toMatch(
      /r3: released[^]*makeGreen sao: ok[^]*vote syd: ok[^]*flip mtl: ok[^]*soak/,
    );
  },

  'one-server.md: tw status --in-process': async (lines) => {
    const [status, rollback] = exactly(2, lines);
    const f = await fleet();
    await f.type('tw release guestbook@v2');
    f.config = { ...f.config, server: { url: 'https://tw.example' } } as Config;
    expect((await f.type(status)).text).toMatch(/sao [^]*mtl [^]*syd [^]*guestbook r1: released/);
    expect((await f.type('tw release guestbook@v3 --in-process')).problem?.code).toBe('TW8034');
    const back = await f.type(rollback);
    expect([f.live(), back.note]).toEqual([
      all('v1'),
      expect.stringContaining('is not asked and does not learn of it'),
    ]);
    const audit = (await f.type('tw audit export --in-process')).text.trim().split('\n');
    expect(audit.filter((l) => l.includes('"rollback"')).every((l) => l.includes('"door":"in-process"'))).toBe(true);
  },
});
