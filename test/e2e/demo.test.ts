import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Rig, visits } from './rig.ts';

/** The whole job, from nothing to nothing, as issue texts and tutorial tell it. */
const rig = new Rig();
const HOME: Record<string, string> = { sao: 'aws', mtl: 'azure', syd: 'gcp' };
const PLACES = Object.keys(HOME);

afterAll(() => rig.end());

describe('three clouds, one guestbook', () => {
  beforeAll(async () => {
    const up = await rig.json('up', '--sandbox', '--yes');
    expect(up.stderr + up.stdout, 'tw up').not.toContain('TW8999');
    expect({ code: up.code, clusters: (up.data as { clusters: string[] }).clusters }, up.stderr).toEqual({
      code: 0,
      clusters: PLACES,
    });
  }, 600_000);

  it('status: three clusters with their clouds, the app ready on each', async () => {
    // A pod that the autoscaler adds makes the app unready until it runs.
    await eventually(60_000, async () => {
      const s = await rig.json('status');
      expect(s.code, s.stdout + s.stderr).toBe(0);
      const data = s.data as {
        clusters: Record<string, unknown>[];
        apps: { name: string; clusters: Record<string, unknown>[] }[];
      };
      expect(data.clusters.map((c) => [c['name'], c['cloud'], c['ready'], c['nodes'], c['version']])).toEqual(
        PLACES.map((p) => [p, HOME[p], true, 1, 'v1.36.3']),
      );
      expect(data.apps.map((a) => a.name)).toEqual(['guestbook']);
      expect(
        data.apps[0]?.clusters.map((c) => [c['name'], c['ready'], c['version']]),
        s.stdout,
      ).toEqual(PLACES.map((p) => [p, true, 'v1']));
    });
  });

  it.each(PLACES)('users in %s are served by the nearest cluster', async (from) => {
    const seen = await visits(rig, from, '--times', '5');
    expect(seen.map((v) => [v.cluster, v.status, v.version])).toEqual(
      Array.from({ length: 5 }, () => [from, 200, 'v1']),
    );
    // Three regions more than 100 ms apart: a far cluster could not answer a warm request that fast.
    expect(Math.min(...seen.map((v) => v.ms))).toBeLessThan(100);
  });

  it('what is written in one region is read in all: the state is one', async () => {
    await visits(rig, 'sao', '--path', '/rpush/guestbook/ola');
    const read = async (from: string): Promise<string> =>
      (await visits(rig, from, '--path', '/lrange/guestbook', '--body'))[0]?.body ?? '';
    for (const place of PLACES)
      await eventually(10_000, async () => expect(JSON.parse(await read(place))).toContain('ola'));
  });

  it('kubectl works with the kubeconfig of tw: get, describe, logs, exec, rollout', async () => {
    const said = async (place: string, ...args: string[]): Promise<string> => {
      const ran = await rig.kubectl(place, ...args);
      expect(ran.code, `${place}: kubectl ${args.join(' ')}: ${ran.stderr}${ran.stdout}`).toBe(0);
      return ran.stdout;
    };
    for (const place of PLACES) {
      const pods = await said(place, '-n', 'guestbook', 'get', 'pods', '-l', 'app=guestbook', '-o', 'name');
      expect(pods.match(/^pod\/guestbook-/gm)?.length ?? 0, `${place}: ${pods}`).toBeGreaterThanOrEqual(2);
    }
    expect((await rig.json('kubeconfig', '--print-path')).data).toEqual({
      path: `${rig.state}/kubeconfig`,
      contexts: PLACES,
    });
    expect(await said('mtl', 'describe', 'nodes')).toContain('topology.kubernetes.io/region=canadacentral');
    expect(await said('sao', '-n', 'guestbook', 'logs', 'deploy/guestbook-v1')).toContain('listening');
    const inside = ['sh', '-c', 'echo from $CLUSTER_NAME'];
    expect(await said('syd', '-n', 'guestbook', 'exec', 'deploy/guestbook-v1', '--', ...inside)).toBe('from syd\n');
    const rollout = await said('sao', '-n', 'guestbook', 'rollout', 'status', 'deploy/guestbook-v1');
    expect(rollout).toContain('successfully rolled out');
    const nobody = ['--kubeconfig', `${rig.state}/kubeconfig`, '--context', 'sao', '--user', 'nobody', 'get', 'pods'];
    expect((await rig.run('kubectl', nobody)).code).not.toBe(0);
  });

  it('a second plan and a second up change nothing', async () => {
    const plan = await rig.json('plan', '--exit-code');
    expect({ code: plan.code, changes: (plan.data as { changes: object }).changes }, plan.stdout).toEqual({
      code: 0,
      changes: { infra: 0, fleet: 0, traffic: 0, total: 0 },
    });
    const up = await rig.json('up', '--yes');
    expect(
      { code: up.code, changes: (up.data as { plan: { changes: { total: number } } }).plan.changes.total },
      up.stderr,
    ).toEqual({ code: 0, changes: 0 });
  });

  it('logs and exec over all clusters', async () => {
    const logs = await rig.tw('logs', 'guestbook', '--tail', '1');
    for (const place of PLACES) expect(logs.stdout).toMatch(new RegExp(`^(late )?${place} `, 'm'));
    const exec = await rig.json('exec', 'guestbook', '-c', 'guestbook', '--', 'sh', '-c', 'echo $CLUSTER_NAME; exit 0');
    expect(
      (exec.data as { results: { cluster: string; stdout: string }[] }).results.map((r) => [
        r.cluster,
        r.stdout.trim(),
      ]),
    ).toEqual(PLACES.map((p) => [p, p]));
    expect((await rig.tw('exec', 'guestbook', '--on', 'mtl', '-c', 'guestbook', '--', 'sh', '-c', 'exit 7')).code).toBe(
      7,
    );
  });

  it('why says for every cluster why or why not, and the nameservers agree', async () => {
    const why = await rig.json('why', '198.19.101.2');
    const data = why.data as {
      chosen: string;
      candidates: { cluster: string; share: number }[];
      servers: { agrees: boolean }[];
    };
    expect(data.chosen).toBe('sao');
    expect(data.candidates.map((c) => c.cluster).toSorted()).toEqual(PLACES.toSorted());
    expect(data.servers.map((s) => s.agrees)).toEqual([true, true, true]);
  });

  it('drain moves users off a cluster, undrain lets them return', async () => {
    const drained = await rig.json('drain', 'mtl', '--because', 'test');
    expect(drained.code, drained.stderr).toBe(0);
    expect((await visits(rig, 'mtl', '--times', '3')).every((v) => v.status === 200 && v.cluster !== 'mtl')).toBe(true);
    expect((await rig.tw('undrain', 'mtl')).code).toBe(0);
    await eventually(20_000, async () => expect((await visits(rig, 'mtl'))[0]?.cluster).toBe('mtl'));
  });

  it('a dead cluster leaves the answers within 5 s, and comes back', async () => {
    expect((await rig.tw('sandbox', 'chaos', 'kill', 'cluster:mtl')).code).toBe(0);
    const killed = Date.now();
    await new Promise((r) => setTimeout(r, 5000 - (Date.now() - killed)));
    const seen = await visits(rig, 'mtl', '--times', '15');
    expect(seen.map((v) => v.status)).toEqual(Array.from({ length: 15 }, () => 200));
    expect(seen.every((v) => v.cluster !== 'mtl')).toBe(true);
    const why = await rig.json('why', '198.19.102.2');
    expect(JSON.stringify((why.data as { candidates: object[] }).candidates)).toMatch(/"cluster":"mtl".*health/);
    const status = await rig.json('status');
    expect(status.code).toBe(9);
    expect((await rig.tw('sandbox', 'chaos', 'heal')).code).toBe(0);
    await eventually(90_000, async () => expect((await visits(rig, 'mtl'))[0]?.cluster).toBe('mtl'));
  });

  it('a cut ocean: each side serves its own users', async () => {
    expect((await rig.tw('sandbox', 'chaos', 'partition', 'cluster:syd')).code).toBe(0);
    await new Promise((r) => setTimeout(r, 6000));
    expect((await visits(rig, 'sao'))[0]).toMatchObject({ status: 200, cluster: 'sao' });
    expect((await rig.tw('sandbox', 'chaos', 'heal')).code).toBe(0);
    await eventually(60_000, async () => expect((await visits(rig, 'syd'))[0]?.cluster).toBe('syd'));
  });

  it('down needs the name of the fleet, destroys through terraform and leaves an empty world', async () => {
    const refused = await rig.json('down', '--yes', '--confirm=other');
    expect([refused.code, refused.kind]).toEqual([2, 'Problem']);
    const down = await rig.json('down', '--yes', '--confirm=guestbook-demo');
    expect({ code: down.code, left: (down.data as { left: object[] }).left }, down.stderr).toEqual({
      code: 0,
      left: [],
    });
    const world = await rig.run('curl', [
      '-s',
      '--unix-socket',
      `${rig.state}/sandbox/run/clouds/api.sock`,
      'http://clouds/world/summary',
    ]);
    expect(world.stdout).not.toMatch(/aws_vpc|resource_group|google_compute_network/);
    expect(readdirSync(`${rig.state}/sandbox/clusters`).filter((f) => !f.startsWith('.'))).toEqual([]);
  });

  it('sandbox down leaves nothing, also after kill -9 of the supervisor', async () => {
    expect((await rig.tw('sandbox', 'up')).code).toBe(0);
    const status = await rig.json('sandbox', 'status');
    const id = (status.data as { id: string }).id;
    const pids = await rig.run('pgrep', ['-f', `supervisor/main.ts.*${rig.dir}`]);
    for (const pid of pids.stdout.trim().split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    const down = await rig.json('sandbox', 'down');
    expect([down.code, (down.data as { left: object[] }).left], down.stderr).toEqual([0, []]);
    const marked = await rig.run('sh', [
      '-c',
      `grep -lz 'TW_SANDBOX=${id}' /proc/[0-9]*/environ 2>/dev/null | grep -v "/$$/"`,
    ]);
    expect(marked.stdout.trim()).toBe('');
  });
});
