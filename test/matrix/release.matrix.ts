import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Doc, eventually, Rig, ROOT, visits } from '../e2e/rig.ts';

/**
 * Every step of a release with a cluster that is cut off in it, and every journal entry with a process that dies
 * after it, in a real world: too long for each `make test`; `make matrix` runs it.
 */
const rig = new Rig({ TW_CONFIG: join(import.meta.dirname, 'tradewind.config.ts') });
const PLACES = ['sao', 'mtl', 'syd'] as const;
const CUT_MS = 30_000;

interface Told {
  outcome: string;
  decision: string;
  step: string;
  trail: { kind: string; data: { do?: string; cluster?: string; put?: string } }[];
}
interface Version {
  cluster: string;
  version: string;
  live: boolean;
}
interface Story {
  release: string;
  green: string;
  blue: Record<string, string>;
  decision: string;
}

const stories = async (): Promise<Story[]> => ((await rig.json('history')).data as { releases: Story[] }).releases;
async function newest(): Promise<Told & Story> {
  const [story] = await stories();
  if (story === undefined) throw new Error('no release yet');
  return { ...story, ...((await rig.json('why', `#${story.release}`)).data as Told) };
}
const liveIn = async (): Promise<string[]> =>
  ((await rig.json('versions')).data as { versions: Version[] }).versions.filter((v) => v.live).map((v) => v.version);

const chaos = async (...args: string[]): Promise<void> => {
  const ran = await rig.tw('sandbox', 'chaos', ...args);
  expect(ran.code, ran.stderr).toBe(0);
};
const cut = (): Promise<void> => chaos('partition', 'cluster:syd');
const heal = (): Promise<void> => chaos('heal');
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** While a cluster is away nothing may be told that is not so. */
async function neverDone(ms: number): Promise<void> {
  const until = Date.now() + ms;
  while (Date.now() < until) {
    const r = await newest();
    expect(r.decision, 'called done while a cluster is cut off').not.toBe('done');
    await wait(1000);
  }
}

/** Everything is as the end of the newest release says: in the switches and for users. Whoever left it open goes on. */
async function settled(): Promise<Told & Story> {
  const open = await newest();
  const finished = ['done', 'rolledback'].includes(open.decision) || open.step === 'keep';
  if (!finished) {
    const resumed = await rig.tw('resume');
    expect(resumed.code, resumed.stdout + resumed.stderr).toBeLessThanOrEqual(5);
  }
  const end = await newest();
  const back = end.decision === 'rolledback';
  const want = PLACES.map((c) => (back ? end.blue[c] : end.green));
  await eventually(30_000, async () => expect(new Set(await liveIn())).toEqual(new Set(want)));
  await eventually(30_000, async () => {
    for (const from of PLACES) {
      const [seen] = await visits(rig, from, '--times', '1');
      expect([from, seen?.status, seen?.version, seen?.cluster]).toEqual([from, 200, want[0], from]);
    }
  });
  return end;
}

/** Journal entries of the releases after this one, read beside whoever writes them. */
function entriesAfter(release: string | undefined): number {
  const db = new DatabaseSync(join(rig.state, 'journal.db'), { readOnly: true });
  try {
    const facts = db.prepare(`SELECT kind, data FROM fact WHERE kind LIKE 'release.%' ORDER BY offset`).all();
    const last = facts.findLastIndex(
      (f) => f['kind'] === 'release.record' && (JSON.parse(String(f['data'])) as Story).release === release,
    );
    const next = facts.findIndex((f, i) => i > last && f['kind'] === 'release.record');
    return next < 0 ? 0 : facts.length - next;
  } finally {
    db.close();
  }
}

const other = (version: string | undefined): string => (version === 'v1' ? 'v2' : 'v1');
let target = 'v2';

async function reaches(decision: string, step?: string): Promise<void> {
  await eventually(120_000, async () => {
    const r = await newest();
    expect(r.decision).toBe(decision);
    if (step !== undefined) expect(r.step).toBe(step);
  });
}

beforeAll(async () => {
  const up = await rig.tw('up', '--sandbox', '--yes');
  expect(up.code, up.stderr).toBe(0);
});
afterAll(() => rig.end());
afterEach(heal);
beforeEach(async () => {
  target = other((await liveIn())[0]);
});

/** Starts a release and waits until it is the newest one. */
async function begun(...more: string[]): Promise<ReturnType<Rig['start']>> {
  const before = (await stories())[0]?.release;
  const run = rig.start('release', `guestbook@${target}`, '--yes', '-o', 'json', ...more);
  await eventually(120_000, async () => expect((await stories())[0]?.release).not.toBe(before));
  return run;
}
const voted = (): Promise<void> =>
  eventually(120_000, async () => {
    const votes = (await newest()).trail.filter((f) => f.data.do === 'vote' && f.data.put === 'ok');
    expect(votes).toHaveLength(3);
  });

describe('a cluster is cut off', () => {
  it('before the release: nothing begins, or it is rolled back', async () => {
    await cut();
    const refused: Doc & { code: number } = await rig.json('release', `guestbook@${target}`, '--yes');
    expect(refused.code).not.toBe(0);
    await heal();
    expect(['done']).not.toContain((await stories())[0]?.decision);
    await eventually(30_000, async () => expect(await liveIn()).toEqual(PLACES.map(() => other(target))));
  });

  it('while green is made', async () => {
    const run = await begun();
    await reaches('preparing');
    await cut();
    await neverDone(CUT_MS);
    await heal();
    await run.ended;
    await settled();
  });

  it('between the votes and the commit', async () => {
    const run = await begun('--hold=commit');
    await voted();
    await cut();
    await wait(12_000);
    const promoted = rig.start('promote', 'guestbook', '--yes');
    await neverDone(CUT_MS);
    expect((await newest()).decision).not.toBe('committed');
    await heal();
    await Promise.all([run.ended, promoted.ended]);
    await settled();
  });

  it('at the flip', async () => {
    const run = await begun('--hold=commit');
    await voted();
    await cut();
    const promoted = rig.start('promote', 'guestbook', '--yes');
    await neverDone(CUT_MS);
    await heal();
    await Promise.all([run.ended, promoted.ended]);
    await settled();
  });

  it('in the soak', async () => {
    const run = await begun();
    await reaches('committed', 'soak');
    await cut();
    await neverDone(CUT_MS);
    await heal();
    await run.ended;
    const end = await settled();
    expect(end.decision).toBe('committed');
  });

  it('when everything goes back', async () => {
    await (await begun()).ended;
    await cut();
    const back = rig.start('rollback', 'guestbook');
    await wait(CUT_MS);
    expect((await newest()).decision).toBe('aborting');
    await heal();
    await back.ended;
    expect((await settled()).decision).toBe('rolledback');
  });

  it('when the old version goes', async () => {
    await (await begun()).ended;
    await cut();
    const retired = rig.start('retire', 'guestbook', '--yes');
    await neverDone(CUT_MS);
    await heal();
    await retired.ended;
    expect((await settled()).decision).toBe('done');
  });
});

describe('the process dies after a journal entry', () => {
  const ENTRIES = Number(process.env['TW_MATRIX_ENTRIES'] ?? 12);
  for (let n = 1; n <= ENTRIES; n++)
    it(`number ${n}; another folder goes on`, async () => {
      const before = (await stories())[0]?.release;
      const run = rig.start('release', `guestbook@${target}`, '--yes', '-o', 'json');
      await eventually(120_000, async () => expect(entriesAfter(before)).toBeGreaterThanOrEqual(n));
      process.kill(run.pid, 'SIGKILL');
      await run.ended;
      const resumed = await rig.run('sh', ['-c', `cd / && ${join(ROOT, 'tw')} resume -o json`]);
      expect(resumed.code, resumed.stdout + resumed.stderr).toBe(0);
      expect((await settled()).decision).toBe('committed');
    });
});

it('two waves', async () => {
  const run = await begun('--strategy', 'waves');
  expect(await run.ended, run.text()).toBe(0);
  expect((await settled()).decision).toBe('committed');
});
