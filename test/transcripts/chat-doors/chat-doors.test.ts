import { describe, expect, it } from 'vitest';
import { records, verify } from '../../../src/commands/book/audit.ts';
import { systemClock } from '../../../src/kernel/index.ts';
import { DOORS, type Door, type Opened } from './doors.ts';
import { APP, World } from './world.ts';

interface Step {
  who: string;
  /** `{a}` is the approval that was asked for last. */
  line: string;
  /** Where the door has buttons, this one types the line. */
  press?: string;
  /** It runs on; the next line is typed when it is so far. */
  until?: (w: World) => Promise<boolean>;
}

const prepared = async (w: World): Promise<boolean> =>
  w.shop.live().every((_, i) => w.shop.world.switches.seen(['mtl', 'sao', 'syd'][i] ?? '').state?.vote === true);

/** The story of one release, with everything that is refused on its way. */
const STORY: readonly Step[] = [
  { who: 'ana', line: `${APP} list` },
  { who: 'eve', line: `${APP} current` },
  { who: 'eve', line: 'who' },
  { who: 'mallory', line: `versions ${APP}` },
  { who: 'ana', line: `relase ${APP}@v2` },
  { who: 'ana', line: 'release guestbok@v2' },
  { who: 'ana', line: `release ${APP}@v2 --sped=9` },
  { who: 'ana', line: 'freeze on mars because "a slip"' },
  { who: 'eve', line: `release ${APP}@v2 --yes` },
  { who: 'ana', line: `${APP} deploy v2` },
  { who: 'eve', line: 'approve {a}' },
  { who: 'ana', line: 'approve {a}', press: 'Approve' },
  { who: 'bo', line: 'deny {a} because "not today"' },
  { who: 'ana', line: `${APP} deploy v2` },
  { who: 'bo', line: 'approve {a}', press: 'Approve' },
  { who: 'bo', line: 'approve a-000000000000' },
  { who: 'ana', line: 'freeze because "black friday"' },
  { who: 'ana', line: `${APP} deploy v2` },
  { who: 'eve', line: 'locks' },
  { who: 'bo', line: 'unfreeze' },
  { who: 'ana', line: `${APP} deploy v2`, until: prepared },
  { who: 'eve', line: `${APP} list` },
  { who: 'bo', line: `${APP} enable v9` },
  { who: 'bo', line: `${APP} delete v1` },
  { who: 'bo', line: `${APP} enable v2` },
  { who: 'eve', line: `${APP} current` },
  { who: 'bo', line: `rollback ${APP} because "checkout is slow"` },
  { who: 'bo', line: `${APP} delete v2` },
  { who: 'ana', line: `lock ${APP} because "a migration"` },
  { who: 'bo', line: `promote ${APP}` },
  { who: 'ana', line: 'unlock l1' },
  { who: 'eve', line: 'who release' },
  { who: 'eve', line: `history ${APP}` },
];

/** Ids, plans and digests are of one world alone. */
const masked = (text: string): string =>
  text
    .replace(/a-[0-9a-f]{12}/g, '<approval>')
    .replace(/r-[0-9a-f]{12}/g, '<plan>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/sha256:[0-9a-f]{64}/g, '<digest>')
    .replace(/\b(?:os|http|lab|slack|github|xmpp):[\w:.@/-]+/g, '<account>');

async function newestApproval(w: World): Promise<string> {
  const { entries } = await w.book().range('approval/');
  const all = entries.map((e) => e.value as { id: string; openedAt: number });
  return all.toSorted((a, b) => b.openedAt - a.openedAt)[0]?.id ?? '';
}

async function typed(door: Opened, w: World, s: Step): Promise<string> {
  const line = s.line.replace('{a}', await newestApproval(w));
  if (s.press === undefined || door.press === undefined) return await door.say(s.who, line);
  return await door.press(s.who, s.press, line);
}

/** The audit of each command in the order in which they came: who, what and with which end. */
async function auditOf(w: World, ingress: boolean): Promise<string[]> {
  const by = new Map<string, string[]>();
  const all = await records(w.book());
  for (const r of all) {
    if (r.what === 'received' && ingress) continue;
    const line = `${r.person ?? 'nobody'} ${r.what} ${masked(JSON.stringify(r.data))}`;
    by.set(r.command, [...(by.get(r.command) ?? []), line]);
  }
  if (ingress) expect(all.filter((r) => r.what === 'received')).toHaveLength(STORY.length);
  expect((await verify(w.book())).broken).toBeUndefined();
  return [...by.values()].flatMap((lines) => [...lines, '']);
}

async function played(door: Door): Promise<string> {
  const w = new World((p, dir) => door.account(p, dir), door.chat === undefined ? {} : { chat: door.chat });
  await w.shop.stand();
  const opened = await door.open(w);
  const said: string[] = STORY.map((s) => `${s.who}: ${s.line}`);
  const ends: Promise<unknown>[] = [];
  try {
    for (const [i, s] of STORY.entries()) {
      const end = typed(opened, w, s).then((code) => (said[i] = `${said[i]} -> ${code}`));
      ends.push(end);
      if (s.until === undefined) await end;
      while (s.until !== undefined && !(await s.until(w))) await systemClock.sleep(5);
      // What was let go on ends before anybody looks again.
      if (s.line.includes(' enable v2')) await Promise.all(ends);
    }
    expect(w.shop.live()).toEqual(['v1', 'v1', 'v1']);
    return [...said, '', ...(await auditOf(w, door.ingress))].join('\n');
  } finally {
    await opened.close();
    await w.close();
  }
}

describe('one story through every door: the same answers and the same audit', () => {
  it.each(DOORS)(
    '$name',
    async (door) => {
      await expect(await played(door)).toMatchFileSnapshot('story.txt');
    },
    60_000,
  );
});
