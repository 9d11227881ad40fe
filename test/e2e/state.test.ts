import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { argvOf, blockOf, linesOf } from '../docs/lib/blocks.ts';
import { eventually, Rig, visits } from './rig.ts';
import { CLUSTERS, kept, StateRig, type Story } from './state-rig.ts';

/** One list in three clouds: what is acknowledged stays, whatever dies. One sandbox, one fault after the other. */
const rig = new Rig();
const s3 = new StateRig(rig);
const FLEET = { '<fleet>': 'guestbook-demo' };
const [RECOVER = '', LOST = ''] = linesOf(blockOf('share-one-truth.md', 'tw coordination recover --confirm=<fleet>'));
/** The whole list as the home of now has it. */
async function list(): Promise<string[]> {
  const { home } = await s3.state();
  return await s3.listIn(home ?? '');
}
/** Users of all regions write while something happens, and all copies are in step again. */
const under = (name: string, seconds: number, happens: () => Promise<void>, rate = 30): Promise<Story> => {
  const end = async (): Promise<string[]> => {
    await s3.whole();
    return await list();
  };
  return s3.under({ name, seconds, rate, end }, happens);
};
/** Users of these regions had no answer that says no: latency at most, or "it may be there". */
const patient = (s: Story, ...regions: string[]): void => {
  const refused = (c: string) => s.by[c]?.writes.filter((w) => w.result === 'failed') ?? [];
  for (const c of regions) expect(refused(c).map((w) => `${w.to - w.from} ms: ${w.why}`)).toEqual([]);
};

beforeAll(async () => {
  const up = await rig.tw('up', '--sandbox', '--yes');
  expect(up.code, up.stderr).toBe(0);
});
afterAll(() => rig.end());

describe('state in step', () => {
  it('what is written in São Paulo is read in Sydney, and by who wrote it at once', async () => {
    expect(await s3.push('sao', 'ola')).toBe(200);
    const [there] = await visits(rig, 'syd', '--path', '/lrange/guestbook', '--body');
    expect(there).toMatchObject({ status: 200, cluster: 'syd' });
    expect(there?.body).toContain('ola');
    for (let i = 0; i < 5; i++) {
      expect(await s3.push('mtl', `mine${i}`)).toBe(200);
      expect((await visits(rig, 'mtl', '--path', '/lrange/guestbook', '--body'))[0]?.body).toContain(`mine${i}`);
    }
  });

  it('the plan says what a write costs and what is survived; status who is home', async () => {
    const now = await s3.whole();
    await eventually(30_000, async () => {
      const plan = await rig.json('plan');
      const [price] = (plan.data as { state: { home: string }[] }).state;
      expect(price).toMatchObject({
        mode: 'single-writer',
        home: now.home,
        voters: ['mtl', 'sao', 'syd'],
        rpo: { is: 'none' },
        estimated: false,
      });
    });
    expect(now.clusters.map((c) => c.role).toSorted()).toEqual(['copy', 'copy', 'home']);
    const whyNot = await rig.tw('state', 'why-not', 'active-active');
    expect(whyNot.stdout).toContain('every command that writes but');
  });

  it('home moves under writes: nothing is lost, nobody is refused', async () => {
    const { home } = await s3.whole();
    const to = home === 'syd' ? 'mtl' : 'syd';
    const s = await under('move', 16, async () => {
      // On a busy machine the target may not be level in time; then nothing has happened, and it is asked again.
      await eventually(60_000, async () => {
        const moved = await rig.json('state', 'move', '--to', to);
        expect(moved.code, moved.stderr).toBe(0);
        expect(moved.data).toMatchObject({ from: home, to });
      });
    });
    kept(s);
    patient(s, ...CLUSTERS);
    expect(s.unknown).toBe(0);
    expect(await s3.state()).toMatchObject({ home: to });
  });

  it('one link between two clouds is cut under writes: no failover, the copy goes by way of the third', async () => {
    const { home, epoch } = await s3.whole();
    const [far, third] = CLUSTERS.filter((c) => c !== home);
    const s = await under('link', 20, async () => {
      await s3.chaos('link', `${home}..${far}`, '--set', 'cut=true');
      await eventually(20_000, async () => {
        const now = (await s3.state()).clusters.find((c) => c.name === far);
        expect(now).toMatchObject({ role: 'copy', via: third });
      });
      await s3.chaos('heal');
    });
    kept(s);
    patient(s, ...CLUSTERS);
    expect(await s3.whole()).toMatchObject({ home, epoch });
  });

  it('the cloud of home dies under 200 writes per second: 0 lost, the others see latency; it comes back by itself', async () => {
    const { home } = await s3.whole();
    const others = CLUSTERS.filter((c) => c !== home);
    const dies = async (): Promise<void> => {
      await s3.chaos('kill', `cluster:${home}`);
      const next = await eventually(60_000, async () => {
        const now = await s3.state();
        expect(others).toContain(now.home);
        return now;
      });
      expect(next.story[0]).toContain(`${home} is gone`);
      await new Promise((r) => setTimeout(r, 5000));
      await s3.chaos('heal');
    };
    const s = await under('dead', 30, dies, 67);
    kept(s, 1000);
    patient(s, ...others);
    expect(await s3.whole()).toMatchObject({ copies: 3 });
  });

  it('the cloud of home is cut off under writes: it acknowledges nothing alone, and rejoins', async () => {
    const { home, epoch } = await s3.whole();
    const s = await under('cut', 30, async () => {
      await s3.chaos('partition', `cluster:${home}`);
      await eventually(60_000, async () => expect((await s3.state()).epoch).toBeGreaterThan(epoch));
      await s3.chaos('heal');
    });
    kept(s);
    patient(s, ...CLUSTERS.filter((c) => c !== home));
  });

  it('home is lost in the middle of a release: one home, one version everywhere, nothing is lost', async () => {
    const { home, epoch } = await s3.whole();
    const s = await under('ship', 75, async () => {
      const release = rig.start('release', 'guestbook@v2', '--yes');
      await eventually(60_000, async () => expect(release.text()).toMatch(/starting|checking|ready/));
      await s3.lose(home ?? '', '/data/dump.rdb');
      // It commits once home stands again; whether users' errors then speak against it is the judge's to say.
      expect([0, 5], release.text()).toContain(await release.ended);
    });
    kept(s);
    const after = await s3.whole();
    expect(after.epoch).toBeGreaterThan(epoch);
    expect(after.clusters.filter((c) => c.role === 'home')).toHaveLength(1);
    const { versions } = (await rig.json('versions')).data as { versions: { version: string; live: boolean }[] };
    expect(new Set(versions.filter((v) => v.live).map((v) => v.version)).size).toBe(1);
    expect(versions.filter((v) => v.live)).toHaveLength(3);
  });

  it('every Redis ends without its disk and its memory, one after the other: nothing is lost', async () => {
    const before = await list();
    for (const c of CLUSTERS) {
      await s3.lose(c, '/data/dump.rdb');
      await s3.whole();
    }
    expect(await list()).toEqual(before);
  });

  it('all three are stopped in order and started: the data is back without a person', async () => {
    const before = await list();
    await s3.restart();
    await s3.whole();
    expect(await list()).toEqual(before);
  });

  it('a snapshot is put back: the list is what it was, and what was there is a snapshot too', async () => {
    await s3.whole();
    const before = await list();
    const taken = await rig.json('state', 'backup');
    expect(taken.code, taken.stderr).toBe(0);
    const { id, is } = taken.data as { id: string; is: string };
    expect(is).toBe('verified');
    expect(await s3.push('mtl', 'regretted')).toBe(200);
    const back = await rig.json('state', 'restore', id, '--confirm=guestbook-demo');
    expect(back.code, back.stderr).toBe(0);
    await s3.whole();
    expect(await list()).toEqual(before);
    const { salvage } = back.data as { salvage: string };
    const { snapshots } = (await rig.json('state', 'backups')).data as { snapshots: { id: string; is: string }[] };
    expect(snapshots.find((x) => x.id === salvage)).toMatchObject({ is: 'verified' });
    expect(await s3.push('syd', 'again')).toBe(200);
    await eventually(10_000, async () => expect(await s3.listIn('sao')).toContain('again'));
  });

  const members = CLUSTERS.filter((c) => c !== 'mtl');
  const etcd = (cluster: string, ...args: string[]) => rig.kubectl(cluster, '-n', 'tradewind-coordination', ...args);
  const away = async (): Promise<void> => {
    for (const c of members) await etcd(c, 'scale', 'statefulset/etcd', '--replicas=0');
    for (const c of members) await etcd(c, 'wait', '--for=delete', 'pod/etcd-0', '--timeout=60s');
  };
  const agreed = (): Promise<void> =>
    eventually(90_000, async () => {
      const now = await rig.json('coordination', 'status');
      expect(now.data, now.stderr).toMatchObject({ majority: true, following: 3 });
    });

  it('the store has no majority: reads, writes and names go on, a move waits and says so', async () => {
    const { home } = await s3.whole();
    await away();
    for (const c of CLUSTERS) expect(await s3.push(c, `quiet-${c}`)).toBe(200);
    const moved = await rig.json('state', 'move', '--to', home === 'syd' ? 'sao' : 'syd');
    expect([moved.code, moved.problem?.code]).not.toEqual([0, undefined]);
    expect((await s3.state()).home).toBe(home);
    const early = await rig.json(...argvOf(LOST, FLEET));
    expect(early.problem?.code).toBe('TW5116');
    for (const c of members) await etcd(c, 'scale', 'statefulset/etcd', '--replicas=1');
    await agreed();
    expect(await s3.push('syd', 'loud')).toBe(200);
  });

  it('the majority is lost for good: the store begins anew with what is left, and home can move again', async () => {
    const { home } = await s3.whole();
    const before = await list();
    await away();
    const done = await rig.json(...argvOf(RECOVER, FLEET));
    expect(done.code, done.stderr).toBe(0);
    expect(done.data).toEqual({ from: 'mtl', blank: members, lost: [] });
    await agreed();
    expect((await s3.whole()).home).toBe(home);
    const to = home === 'syd' ? 'sao' : 'syd';
    await eventually(60_000, async () => {
      const moved = await rig.json('state', 'move', '--to', to);
      expect(moved.code, moved.stderr).toBe(0);
    });
    expect(await list()).toEqual(before);
    expect(await s3.push('sao', 'anew')).toBe(200);
  });
});
