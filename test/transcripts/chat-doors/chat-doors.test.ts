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
  /** What somebody else does to the world before. */
  world?: (w: World) => unknown;
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

const serves = (w: World, cluster: string, live: string): void => {
  w.shop.world.units.set(`${cluster} ${live}`, { ready: 2, wanted: 2, fence: 1, why: [] });
  Object.assign(w.shop.world.switches.seen(cluster).state ?? {}, { live });
};
const edited = (w: World, cluster: string): void => w.shop.world.switches.edit(cluster, 'edited by hand');
const another = async (w: World): Promise<void> => {
  const key = `release/${APP}`;
  const { value } = await w.shop.store.get(key);
  await w.shop.store.txn({ if: [], put: [{ key, value: { ...(value as object), release: 'r7' } }] });
};

/** Each time one thing is not as it was when somebody agreed; every verb needs a second person. */
const MOVED: readonly Step[] = [
  { who: 'ana', line: `release ${APP}@v2` },
  { who: 'bo', line: 'approve {a}', press: 'Approve' },
  { who: 'ana', line: `release ${APP}@v2`, world: (w) => serves(w, 'syd', 'v0') },
  { who: 'bo', line: 'approve {a}', press: 'Approve' },
  { who: 'ana', line: `release ${APP}@v2` },
  { who: 'bo', line: `retire ${APP}` },
  { who: 'ana', line: 'approve {a}', press: 'Approve' },
  { who: 'bo', line: `retire ${APP}`, world: another },
  { who: 'ana', line: `adopt ${APP}`, world: (w) => edited(w, 'mtl') },
  { who: 'bo', line: 'approve {a}', press: 'Approve' },
  { who: 'ana', line: `adopt ${APP}`, world: (w) => edited(w, 'sao') },
];

/** Ids, plans and digests are of one world alone. */
const masked = (text: string): string =>
  text
    .replace(/a-[0-9a-f]{12}/g, '<approval>')
    .replace(/[rw]-[0-9a-f]{12}/g, '<plan>')
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
async function auditOf(w: World, ingress: boolean, steps: number): Promise<string[]> {
  const by = new Map<string, string[]>();
  const all = await records(w.book());
  for (const r of all) {
    if (r.what === 'received' && ingress) continue;
    const line = `${r.person ?? 'nobody'} ${r.what} ${masked(JSON.stringify(r.data))}`;
    by.set(r.command, [...(by.get(r.command) ?? []), line]);
  }
  if (ingress) expect(all.filter((r) => r.what === 'received')).toHaveLength(steps);
  expect((await verify(w.book())).broken).toBeUndefined();
  return [...by.values()].flatMap((lines) => [...lines, '']);
}

interface Story {
  steps: readonly Step[];
  /** Block `approvals` of the config. */
  approvals?: object;
  /** What is live at the end. */
  live: readonly string[];
}

async function played(door: Door, { steps: story, approvals, live }: Story): Promise<string> {
  const chat = door.chat === undefined ? {} : { chat: door.chat };
  const w = new World((p, dir) => door.account(p, dir), { ...chat, ...(approvals === undefined ? {} : { approvals }) });
  await w.shop.stand();
  const opened = await door.open(w);
  const said: string[] = story.map((s) => `${s.who}: ${s.line}`);
  const ends: Promise<unknown>[] = [];
  try {
    for (const [i, s] of story.entries()) {
      await s.world?.(w);
      const end = typed(opened, w, s).then((code) => (said[i] = `${said[i]} -> ${code}`));
      ends.push(end);
      if (s.until === undefined) await end;
      while (s.until !== undefined && !(await s.until(w))) await systemClock.sleep(5);
      // What was let go on ends before anybody looks again.
      if (s.line.includes(' enable v2')) await Promise.all(ends);
    }
    expect(w.shop.live()).toEqual(live);
    return [...said, '', ...(await auditOf(w, door.ingress, story.length))].join('\n');
  } finally {
    await opened.close();
    await w.close();
  }
}

describe('one story through every door: the same answers and the same audit', () => {
  it.each(DOORS)(
    '$name',
    async (door) => {
      const told = await played(door, { steps: STORY, live: ['v1', 'v1', 'v1'] });
      await expect(told).toMatchFileSnapshot('story.txt');
    },
    60_000,
  );
});

describe('one byte of the plan moved after the approval: refused at every door, with what moved', () => {
  it.each(DOORS)(
    '$name',
    async (door) => {
      const told = await played(door, {
        steps: MOVED,
        approvals: [{ quorum: 1, ttl: '24h' }],
        live: ['v2', 'v2', 'v2'],
      });
      await expect(told).toMatchFileSnapshot('moved.txt');
    },
    60_000,
  );
});
