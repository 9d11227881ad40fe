import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { forgetReleases } from './forget.ts';
import { type Doc, eventually, type Ran, Rig, ROOT, visits } from './rig.ts';

/** Blue/green over three clusters, with real gateways, users and faults; one world, one release after the other. */
const rig = new Rig();
const PLACES = ['sao', 'mtl', 'syd'] as const;
const HOST = 'guestbook.demo.tradewind.example';

interface Lane {
  name: string;
  version: string;
  flippedAtMs: number | null;
  braked: boolean;
}
interface ReleaseData {
  outcome: string;
  release: string;
  decision: string;
  cause: { code: string; say: string; cluster?: string } | null;
  clusters: Lane[];
}
const dataOf = (d: Doc): ReleaseData => d.data as ReleaseData;
const versionsOf = (d: Doc): string[] => dataOf(d).clusters.map((c) => c.version);
const release = (target: string, ...more: string[]): Promise<Doc & Ran> =>
  rig.json('release', target, '--yes', ...more);

/** Every user of every region is served this version. */
async function served(version: string): Promise<void> {
  for (const from of PLACES) {
    const seen = await visits(rig, from, '--times', '3');
    expect(seen.map((v) => [v.status, v.version])).toEqual(Array.from({ length: 3 }, () => [200, version]));
  }
}

interface Load {
  answered: number;
  lost: number;
  sample: { why: string }[];
  versions: { version: string; count: number; first: number; last: number }[];
}
/** Keep-alive users of one region against the address they were told. */
async function load(from: string, seconds: number): Promise<Load> {
  const [first] = await visits(rig, from, '--times', '1');
  const script = join(ROOT, 'test', 'e2e', 'load.ts');
  const args = [script, first?.answeredBy ?? '', HOST, '12', '40', String(seconds)];
  const ran = await rig.tw('sandbox', 'enter', `users-${from}`, '--', process.execPath, ...args);
  expect(ran.code, ran.stderr).toBe(0);
  return JSON.parse(ran.stdout) as Load;
}

interface Story {
  release: string;
  decision: string;
}
const history = async (): Promise<Story[]> => ((await rig.json('history')).data as { releases: Story[] }).releases;

beforeAll(async () => {
  const up = await rig.tw('up', '--sandbox', '--yes');
  expect(up.code, up.stderr).toBe(0);
});
afterAll(() => rig.end());

describe('a release', () => {
  it('says every step before it does anything', async () => {
    const plan = await rig.json('release', 'guestbook@v2', '--dry-run');
    expect(plan.code, plan.stderr).toBe(0);
    const { steps } = plan.data as { steps: { step: string; clusters: string[]; lost: string }[] };
    expect(steps.map((s) => s.step)).toEqual(
      expect.arrayContaining(['prepare', 'commit', 'flip wave 1', 'keep', 'done']),
    );
    for (const s of steps) expect(s.lost).not.toBe('');
    await served('v1');
  });

  it('moves all clusters at once; keep-alive users lose nothing, and none sees green before the switch', async () => {
    const users = PLACES.map((from) => load(from, 75));
    const done = await release('guestbook@v2');
    expect(done.code, done.stderr).toBe(0);
    expect(dataOf(done).outcome).toBe('done');
    expect(versionsOf(done)).toEqual(['v2', 'v2', 'v2']);
    const flips = dataOf(done).clusters.map((c) => c.flippedAtMs ?? 0);
    expect(Math.min(...flips)).toBeGreaterThan(0);
    for (const seen of await Promise.all(users)) {
      expect([seen.lost, seen.sample]).toEqual([0, []]);
      expect(seen.answered).toBeGreaterThan(500);
      const v2 = seen.versions.find((v) => v.version === 'v2');
      // Clocks of one machine; a flip is noted when its answer came back.
      expect(v2?.first).toBeGreaterThan(Math.min(...flips) - 2000);
    }
    await served('v2');
  });

  it('is no change for a plan, and goes back with one write per cluster while blue is kept', async () => {
    const plan = await rig.json('plan', '--exit-code');
    expect([plan.code, (plan.data as { changes: { total: number } }).changes.total], plan.stderr).toEqual([0, 0]);
    const back = await rig.json('rollback', 'guestbook');
    expect(back.code, back.stderr).toBe(0);
    expect(dataOf(back).outcome).toBe('rolledback');
    expect(versionsOf(back)).toEqual(['v1', 'v1', 'v1']);
    await served('v1');
    const trail = (await rig.json('why', '#r1')).data as unknown as {
      trail: { kind: string; data: { do?: string } }[];
    };
    const writes = trail.trail.filter((f) => f.data.do === 'back').length;
    expect(writes).toBe(3);
  });

  it('of a version that answers errors is taken back everywhere, with the numbers', async () => {
    expect(dataOf(await release('guestbook@v2')).outcome).toBe('done');
    const users = PLACES.map((from) => load(from, 60));
    const failed = await release('guestbook@v3-broken');
    expect(failed.code, failed.stderr).toBe(5);
    expect(failed.problem).toMatchObject({ code: 'TW7030' });
    expect(failed.problem?.why[0]).toMatch(/errors on (sao|mtl|syd): green [\d.]+ %.* requests.*baseline/);
    expect(dataOf(failed).outcome).toBe('rolledback');
    expect(versionsOf(failed)).toEqual(['v2', 'v2', 'v2']);
    await Promise.all(users);
    await served('v2');
  });

  it('of a version that never gets ready in one cluster is seen by nobody, and the cause is named', async () => {
    const users = PLACES.map((from) => load(from, 60));
    const failed = await release('guestbook@v4');
    expect(failed.code, failed.stderr).toBe(5);
    expect(failed.problem).toMatchObject({ code: 'TW7010', where: [{ cluster: 'mtl' }] });
    expect(failed.problem?.why[0]).toMatch(
      /pod guestbook-v4-.*Readiness probe failed.*503.*never becomes ready in mtl/,
    );
    for (const seen of await Promise.all(users)) {
      expect([seen.lost, seen.sample]).toEqual([0, []]);
      expect(seen.versions.map((v) => v.version)).toEqual(['v2']);
    }
  });
});

describe('people, crashes and cut wires', () => {
  it('a second operator waits behind the first, and is told so where waiting is not wanted', async () => {
    const first = rig.start('release', 'guestbook@v1', '--yes', '--hold=commit');
    onTestFailed(async () => void (await rig.tw('abort', 'guestbook')));
    await eventually(60_000, async () => expect((await history())[0]?.decision).toBe('preparing'));
    const second = await release('guestbook@v2', '--no-wait');
    expect(second.code).toBe(7);
    expect(second.problem).toMatchObject({
      code: 'TW6201',
      why: [
        expect.stringMatching(/^it would be number 2(, about .+)?$/),
        expect.stringMatching(
          /^c\d+ "tw release guestbook@v1" by .+ runs since .+, process \d+ of .+: heartbeat alive$/,
        ),
      ],
    });
    const ended = await rig.json('abort', 'guestbook', '--because', 'only a try');
    expect(dataOf(ended).outcome).toBe('rolledback');
    expect(await first.ended).toBe(7);
    expect(first.text()).toContain('TW7041');
    await served('v2');
  });

  it('a killed release goes on from another folder', async () => {
    const first = rig.start('release', 'guestbook@v1', '--yes');
    await eventually(120_000, async () => expect((await history())[0]?.decision).toBe('committed'));
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    const resumed = await rig.run('sh', ['-c', `cd / && ${join(ROOT, 'tw')} resume -o json`]);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect((await history())[0]?.decision).toBe('committed');
    await served('v1');
  });

  it('a cluster cut off in the soak is never called done; healed, it is', async () => {
    const first = rig.start('release', 'guestbook@v2', '--yes', '-o', 'json');
    await eventually(120_000, async () => {
      const d = (await rig.json('why', `#${(await history())[0]?.release}`)).data as { step: string; decision: string };
      expect([d.decision, d.step]).toEqual(['committed', 'soak']);
    });
    expect((await rig.tw('sandbox', 'chaos', 'partition', 'cluster:syd')).code).toBe(0);
    await new Promise((r) => setTimeout(r, 30_000));
    const held = (await rig.json('why', `#${(await history())[0]?.release}`)).data as { outcome: string };
    expect(held.outcome).toBe('open');
    expect((await rig.tw('sandbox', 'chaos', 'heal')).code).toBe(0);
    expect(await first.ended).toBe(0);
    await eventually(20_000, () => served('v2'));
  });
});

/** Stands alone: it begins with whatever version is live. */
describe('losses and other hands', () => {
  let [from, to] = ['v1', 'v2'];

  it('a lost register: the release is found again from the switches, its first process writes no more', async () => {
    const [user] = await visits(rig, 'sao');
    if (user?.version === 'v2') [from, to] = [to, from];
    const before = (await history())[0]?.release;
    const first = rig.start('release', `guestbook@${to}`, '--yes');
    await eventually(180_000, async () => {
      const [newest] = await history();
      expect(newest?.release).not.toBe(before);
      // Only a switch that was moved proves a commit to those who find nothing else.
      const { lanes } = (await rig.json('why', `#${newest?.release}`)).data as unknown as { lanes: Lane[] };
      expect(lanes.map((l) => l.flippedAtMs)).not.toContain(null);
    });
    // It stands still, so that it ends by what it then sees and not by how fast this machine is.
    process.kill(first.pid, 'SIGSTOP');
    for (const end of ['', '-wal', '-shm']) rmSync(join(rig.state, `journal.db${end}`), { force: true });
    await forgetReleases(rig, 'mtl');
    // The audit went with the journal, and this machine knows that there was one.
    expect((await release(`guestbook@${from}`)).problem).toMatchObject({ code: 'TW6501' });
    const known = await rig.tw('audit', 'acknowledge', '--because', 'the journal was lost');
    expect(known.code, known.stderr).toBe(0);
    const other = await release(`guestbook@${from}`);
    expect(other.problem).toMatchObject({ code: 'TW7040', fix: [{ command: 'tw resume --recover' }] });
    const found = await rig.json('resume', '--recover', '--yes');
    expect(found.code, found.stderr).toBe(0);
    expect((found.data as { releases: ReleaseData[] }).releases[0]).toMatchObject({ outcome: 'done' });
    process.kill(first.pid, 'SIGCONT');
    expect(await first.ended).toBe(7);
    expect(first.text()).toContain('TW7041');
    await served(to);
  });

  it('a switch edited by hand holds the rollback until a person adopts it', async () => {
    const [user] = await visits(rig, 'sao');
    if (user?.version === from) [from, to] = [to, from];
    const refs = [0, 1].map((n) => ({ op: 'replace', path: `/spec/rules/0/backendRefs/${n}/weight`, value: 50 }));
    const patch = ['patch', 'httproute', 'guestbook', '--type=json', '-p', JSON.stringify(refs)];
    expect((await rig.kubectl('syd', '-n', 'guestbook', ...patch)).code).toBe(0);
    const going = rig.start('rollback', 'guestbook');
    await eventually(60_000, async () => expect((await history())[0]?.decision).toBe('aborting'));
    const adopted = await rig.json('adopt', 'guestbook', '--on', 'syd', '--yes');
    expect(adopted.code, adopted.stderr).toBe(0);
    expect(adopted.data).toMatchObject({
      adopted: [{ cluster: 'syd', live: from, was: expect.stringMatching(/expected all weight.*kubectl-patch at 20/) }],
    });
    expect(await going.ended, going.text()).toBe(0);
    await served(from);
  });
});
