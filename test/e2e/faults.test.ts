import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Builder, CONFIRM, upData } from './builder.ts';
import { type Doc, eventually, Rig, visits } from './rig.ts';

/** The clouds' bad days with the real terraform: one sandbox, one fault after the other. */
const rig = new Rig({ TW_CLOUD_TIME: '600' });
const { chaos, up, down, gone, world, stateOf } = new Builder(rig);

/** Roots that the plan of this `up` changed. */
const changed = (d: Doc): string[] =>
  upData(d)
    .plan.roots.filter((r) => r.kind !== 'unchanged')
    .map((r) => r.root);
/** Everybody is served, each by one of these clusters. */
async function servedBy(...clusters: string[]): Promise<void> {
  for (const from of ['sao', 'mtl', 'syd']) {
    const seen = await visits(rig, from, '--times', '3');
    expect(seen.map((v) => v.status)).toEqual([200, 200, 200]);
    for (const v of seen) expect(clusters).toContain(v.cluster);
  }
}
beforeAll(async () => {
  expect((await rig.tw('sandbox', 'up')).code).toBe(0);
}, 120_000);
afterAll(() => rig.end());

describe('one cloud has a bad day', () => {
  it('a quota in AWS: the other two are built, deployed and serve everybody', async () => {
    await chaos('quota', 'cloud:aws', '--set', 'limit=1');
    const done = await up('--sandbox');
    expect(done.code, done.stderr).toBe(4);
    expect(done.problem).toMatchObject({
      code: 'TW2021',
      where: [{ cluster: 'sao' }],
      fix: [{ say: expect.stringContaining('quotas') as string }],
    });
    expect(done.problem?.why.join()).toMatch(/vCPU|Standard/);
    expect(upData(done).clusters).toEqual(['mtl', 'syd']);
    await servedBy('mtl', 'syd');
  });

  it('healed: the next up builds the third one, and only that', async () => {
    await chaos('heal');
    const done = await up();
    expect(done.code, done.stderr).toBe(0);
    expect(changed(done)).toEqual(['cluster:sao', 'zone:demo.tradewind.example']);
    expect(upData(done).clusters).toEqual(['sao', 'mtl', 'syd']);
    expect((await visits(rig, 'sao'))[0]).toMatchObject({ status: 200, cluster: 'sao' });
  });

  it('one cluster down: its users go elsewhere, the zone loses its nameserver', async () => {
    await gone('mtl');
    await servedBy('sao', 'syd');
    expect(existsSync(`${rig.state}/sandbox/roots/cluster-mtl`)).toBe(false);
    const zone = await rig.run('cat', [`${rig.state}/sandbox/roots/zone-demo.tradewind.example/terraform.tfstate`]);
    expect(zone.stdout).toContain('ns-sao.demo.tradewind.example');
    expect(zone.stdout).not.toContain('ns-mtl.demo.tradewind.example');
  });

  it('a machine type that Azure does not offer there', async () => {
    await chaos('typeMissing', 'cloud:azure');
    const done = await up('--on', 'mtl');
    expect(done.code, done.stderr).toBe(4);
    expect(done.problem).toMatchObject({ code: 'TW2022', where: [{ cluster: 'mtl' }] });
    expect(done.problem?.value).toContain('Standard_B2s');
    expect(upData(done).clusters).toEqual(['sao', 'syd']);
    await chaos('heal');
  });

  it('expired credentials of one cloud: exit 3, the cloud named, the login said, nothing else touched', async () => {
    await chaos('credentials', 'cloud:azure', '--set', 'how=expired');
    const done = await up('--on', 'mtl');
    expect(done.code, done.stderr).toBe(3);
    expect(done.problem).toMatchObject({
      code: 'TW2201',
      value: 'azure',
      where: [{ cluster: 'mtl' }],
      fix: [{ command: 'az login' }],
    });
    expect(done.problem?.why[0]).toMatch(/AADSTS7000222/);
    await chaos('heal');
  });

  it('a create that fails in the middle: the cloud is quoted, the half is tainted, the next up mends it', async () => {
    await chaos('fail', 'cloud:azure,type:azurerm_kubernetes_cluster', '--set', 'message=boom', '--set', 'keep=true');
    const done = await up();
    expect(done.code, done.stderr).toBe(4);
    expect(done.problem).toMatchObject({
      code: 'TW2102',
      where: [{ cluster: 'mtl', resource: 'module.this.azurerm_kubernetes_cluster.this' }],
      fix: [{ command: 'tw up --on mtl' }],
    });
    expect(done.problem?.why[0]).toContain('boom');
    expect(await stateOf('cluster-mtl')).toContainEqual({ type: 'azurerm_kubernetes_cluster', tainted: true });
    await chaos('heal');
    const again = await up();
    expect([again.code, upData(again).clusters], again.stderr).toEqual([0, ['sao', 'mtl', 'syd']]);
    await eventually(20_000, async () => expect((await visits(rig, 'mtl'))[0]?.cluster).toBe('mtl'));
  });
});

describe('taking down what does not let go', () => {
  it('a load balancer leaked before: the cloud refuses, the sweep frees it, nothing is left', async () => {
    await chaos('leak', 'cloud:aws');
    const done = await down('sao');
    expect([done.code, (done.data as { left: object[] }).left], done.stderr).toEqual([0, []]);
    expect(done.stderr).toContain('DependencyViolation');
    expect((await world()).clusters.map((c) => c.id).filter((id) => id.includes('sao'))).toEqual([]);
    await chaos('heal');
  });

  it('a cluster that does not answer is not destroyed unsaid: TW2304, then --skip-drain', async () => {
    // sao is gone: was syd home, nobody else can prove to have all; was mtl, it stays.
    const { home } = (await rig.json('state', 'status')).data as { home: string };
    expect(['mtl', 'syd']).toContain(home);
    await chaos('kill', 'cluster:syd');
    const refused = await down('syd');
    expect(refused.code).toBe(4);
    expect(refused.problem).toMatchObject({
      code: home === 'syd' ? 'TW5150' : 'TW2304',
      where: [{ cluster: 'syd' }],
    });
    expect(refused.problem?.fix.map((f) => f.command)).toEqual([
      ...(home === 'syd' ? ['tw state status', 'tw down'] : []),
      'tw down --on syd --skip-drain',
    ]);
    expect((refused.data as { left: object[] }).left).toHaveLength(1);
    const forced = await down('syd', '--skip-drain');
    expect([forced.code, (forced.data as { left: object[] }).left], forced.stderr).toEqual([0, []]);
    await servedBy('mtl');
    const rest = await rig.json('down', '--yes', CONFIRM);
    expect(rest.code, rest.stderr).toBe(0);
    expect(await world()).toMatchObject({ clouds: { aws: 0, azure: 0, gcp: 0 }, clusters: [], orphans: 0 });
  });
});
