import { afterAll, expect } from 'vitest';
import { blockOf } from './lib/blocks.ts';
import { Fleet } from './lib/fleet.ts';
import { Folder } from './lib/folder.ts';
import type { Said } from './lib/line.ts';
import { exactly, scenes } from './lib/scenes.ts';

/** The persons of the page, over clusters in memory. */
const folders: Folder[] = [];
afterAll(() => {
  for (const f of folders) f.end();
});

async function fleet(change: object = {}): Promise<Fleet> {
  const folder = new Folder().write(blockOf('people-and-approvals.md', '{'), change);
  folders.push(folder);
  return await Fleet.open(await folder.load(), folder.dir);
}
const HOUR = 3_600_000;
/** Everybody may do what the page lets them, and nobody has to agree. */
const ALONE = { approvals: [{ quorum: 0 }] };
const glass = (rights: readonly object[]): object => ({ rights: [...rights, { who: ['dev'], may: ['break-glass'] }] });
const code = (said: Said): string | undefined => said.problem?.code;
const until = async (f: Fleet, done: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; i < 200 && !(await done()); i++) await f.clock.sleep(500);
};
interface Raised {
  at: number;
  until: number | null;
}
/** How long it stands, hours. */
const hours = ({ data }: Said): number => ((data as Raised).until ?? 0) / HOUR - (data as Raised).at / HOUR;

scenes('people', {
  'people-and-approvals.md: tw state move --to syd --dry-run': async (lines) => {
    const [dry] = exactly(1, lines);
    const f = await fleet();
    const said = await f.type(dry, { as: 'carl' });
    expect(said.text).toMatch(/home of guestbook +mtl\n.*epoch +7\n.*syd becomes home\n.*plan w-\w+: nothing was done/);
    expect([(await f.type(dry, { as: 'carl' })).text, [...f.kept.kept.keys()]]).toEqual([said.text, []]);
  },

  'people-and-approvals.md: tw audit verify': async (lines) => {
    const [verify, acknowledge] = exactly(2, lines);
    const f = await fleet(ALONE);
    await f.type('tw drain syd --because maintenance', { as: 'dora' });
    expect((await f.type(verify, { as: 'dora' })).text).toContain('2 records, none changed');
    f.alter('audit/record/000000000001', (r) => ({ ...r, person: 'bob' }));
    const broken = await f.type(verify, { as: 'dora' });
    expect(broken.problem).toMatchObject({ code: 'TW6501', value: expect.stringContaining('1') });
    expect(code(await f.type('tw release guestbook@v2', { as: 'anna' }))).toBe('TW6501');
    // Who may not rule may not know it away.
    expect(code(await f.type(acknowledge, { as: 'anna' }))).toBe('TW6101');
    expect((await f.type(acknowledge, { as: 'dora' })).text).toMatch(/known: .*the disk was restored from yesterday/);
    expect(code(await f.type('tw release guestbook@v2', { as: 'anna' }))).toBeUndefined();
    f.alter('audit/record/000000000006', (r) => ({ ...r, person: 'bob' }));
    expect(code(await f.type('tw release guestbook@v3', { as: 'anna' }))).toBe('TW6501');
  },

  'people-and-approvals.md: tw freeze --because "black friday" --for 48h': async (lines) => {
    const [freeze, ofApp, lock, start, locks, end] = exactly(6, lines);
    const f = await fleet(ALONE);
    const as = 'dora';
    const release = async (version: string, who: string) =>
      code(await f.type(`tw release guestbook@${version}`, { as: who }));
    expect(hours(await f.type(freeze, { as }))).toBeCloseTo(48, 5);
    expect((await f.type(ofApp, { as })).text).toMatch(/freeze f2 +guestbook +dora +lifted +new database/);
    expect(await release('v2', 'anna')).toBe('TW6205');
    await f.type('tw unfreeze f1', { as });
    expect(await release('v2', 'anna')).toBe('TW6205');
    await f.type('tw unfreeze f2', { as });
    expect(hours(await f.type(lock, { as }))).toBeCloseTo(4, 5);
    expect([await release('v2', 'anna'), await release('v2', 'dora')]).toEqual(['TW6202', undefined]);
    await f.type(start, { as });
    expect((await f.type(locks, { as })).text).toMatch(
      /incident i1 +dora +checkout is slow\n.*freeze f3[^]*lock l1 +dora +database work/,
    );
    expect(await release('v3', 'dora')).toBe('TW6205');
    const over = await f.type(end, { as });
    expect(over.text).toContain('incident i1 is over, freeze f3 is lifted');
    expect((over.data as { markdown: string }).markdown).toMatch(
      /^# Incident i1: checkout is slow\n[^]*\| when \| what \|[^]*refused tw release/,
    );
    expect(await release('v3', 'dora')).toBeUndefined();
  },

  'people-and-approvals.md: tw release guestbook@v3 --break-glass --because "checkout is down"': async (lines) => {
    const [broken] = exactly(1, lines);
    const f = await fleet();
    await f.type('tw freeze --because night', { as: 'dora' });
    expect(code(await f.type(broken, { as: 'anna' }))).toBe('TW6101');
    const g = await fleet({ ...glass(f.config.rights as never), approvals: [{ quorum: 2 }] });
    await g.type('tw freeze --because night', { as: 'dora' });
    const asked = await g.type(broken, { as: 'anna' });
    expect(asked.problem).toMatchObject({ code: 'TW6110', why: [expect.stringContaining('0 of 1 have approved')] });
    await g.type(`tw approve ${asked.problem?.value}`, { as: 'bob' });
    const done = await g.type(broken, { as: 'anna' });
    expect(done.text).toMatch(
      /\n✗ GLASS BROKEN by anna, incident i1 +checkout is down +f1\n✓ guestbook@v3 r1: released/,
    );
    expect(g.live()).toEqual(['v3', 'v3', 'v3']);
    expect((await g.type('tw locks', { as: 'anna' })).text).toMatch(/incident i1 +anna +checkout is down/);
    const audit = (await g.type('tw audit export', { as: 'anna' })).text;
    expect(audit.match(/"what":"glass broken","person":"anna"/g)).toHaveLength(1);
    // A lock of another person stays a lock.
    await g.type('tw lock guestbook --because mine', { as: 'dora' });
    expect(code(await g.type(broken, { as: 'anna' }))).toBe('TW6202');
  },

  'people-and-approvals.md: tw queue': async (lines) => {
    const [queue, cancel, noWait] = exactly(3, lines);
    const f = await fleet(ALONE);
    const planOnly = (q: string): string | undefined => (q.startsWith('Release') ? 'yes' : undefined);
    const first = f.type('tw release guestbook@v2 --hold=commit', { as: 'anna', answer: planOnly });
    const line = async (): Promise<string> => (await f.type(queue, { as: 'bob' })).text;
    await until(f, async () => (await line()).includes('runs'));
    const second = f.type('tw release guestbook@v3', { as: 'bob' });
    await until(f, async () => (await line()).includes('waits'));
    expect(await line()).toMatch(
      /c1 tw release guestbook@v2 runs +\d+ s +anna [^]*c2 tw release guestbook@v3 waits +\d+ s +bob .* c1$/,
    );
    expect(code(await f.type(noWait, { as: 'bob' }))).toBe('TW6201');
    expect((await f.type(cancel.replace('c12', 'c2'), { as: 'bob' })).text).toMatch(
      /c2 .* is cancelled +bob +wrong build/,
    );
    expect(code(await second)).toBe('TW6206');
    await f.type('tw abort guestbook', { as: 'anna' });
    await first;
    expect(await line()).toContain('nothing changes the fleet and nothing waits');
  },

  'people-and-approvals.md: tw audit verify (2)': async (lines) => {
    const [verify, exported] = exactly(2, lines);
    const f = await fleet();
    await f.type('tw status', { as: 'anna' });
    await f.type('tw freeze --because night', { as: 'dora' });
    await f.type('tw down', { as: 'anna' });
    const records = (await f.type(exported, { as: 'anna' })).text
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as { hash: string; what: string; data: { verb: string } });
    expect(records.map((r) => `${r.what} ${r.data.verb}`)).toEqual(['started freeze', 'ended freeze', 'refused down']);
    expect((await f.type(verify, { as: 'anna' })).text).toContain(`3 records, none changed  ${records.at(-1)?.hash}`);
  },
});
