import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Builder, upData } from './builder.ts';
import { eventually, Rig, visits } from './rig.ts';

/** tw is interrupted or killed in the middle of a create, with the real terraform. */
const rig = new Rig({ TW_CLOUD_TIME: '600' });
const { chaos, up, gone, world, stateOf } = new Builder(rig);

beforeAll(async () => {
  const done = await up('--sandbox');
  expect(done.code, done.stderr).toBe(0);
}, 300_000);
afterAll(() => rig.end());

/** Starts `up` and waits until the control plane of syd is being made. */
async function creating(): Promise<ReturnType<Rig['start']>> {
  const run = rig.start('up', '--yes');
  await eventually(60_000, async () => expect(run.text()).toMatch(/syd\s+control-plane/));
  return run;
}

describe('somebody pulls the plug of tw', () => {
  it('Ctrl-C in the middle of a create: says what it waits for; nothing is lost; up finishes', async () => {
    await gone('syd');
    await chaos('slow', 'cloud:gcp,type:google_container_cluster,verb:create', '--set', 'factor=4');
    // The provider waits for what the cloud has begun, as the real ones do.
    await chaos('ignoreStop', 'cloud:gcp');
    const run = await creating();
    process.kill(run.pid, 'SIGINT');
    expect(await run.ended).toBe(130);
    expect(run.text()).toContain('Stopping safely');
    expect(run.text()).toContain('waits for google_container_cluster.this');
    expect(run.text()).toContain('tw resume');
    const resumed = await rig.json('resume');
    expect(resumed.problem).toMatchObject({
      code: 'TW2117',
      where: [{ cluster: 'syd' }],
      fix: [{ command: 'tw up --on syd' }],
    });
    const kept = (await stateOf('cluster-syd')).map((r) => r.type);
    const inCloud = (await world()).clusters.some((c) => c.id.includes('syd'));
    expect(kept.includes('google_container_cluster')).toBe(inCloud);
    const done = await up();
    expect([done.code, upData(done).clusters], done.stderr).toEqual([0, ['sao', 'mtl', 'syd']]);
    expect((await world()).orphans).toBe(0);
  });

  it('Ctrl-C twice: tw leaves at once, terraform finishes alone, resume verifies', async () => {
    await gone('syd');
    const run = await creating();
    // While no cloud answers, terraform cannot end before tw has left.
    await chaos('pause', 'process:clouds', '--for', '10s');
    process.kill(run.pid, 'SIGINT');
    await eventually(5000, async () => expect(run.text()).toContain('Stopping safely'));
    const at = Date.now();
    process.kill(run.pid, 'SIGINT');
    expect(await run.ended).toBe(130);
    expect(Date.now() - at).toBeLessThan(3000);
    expect(run.text()).toContain('terraform finishes alone');
    const resumed = await rig.json('resume');
    expect(resumed.stderr).toMatch(/is still going|ended unseen/);
    expect(resumed.problem?.code).toBe('TW2117');
    const done = await up();
    expect([done.code, upData(done).clusters], done.stderr).toEqual([0, ['sao', 'mtl', 'syd']]);
  });

  it('kill -9: the lock of the living is respected, that of the dead taken over; the run is followed', async () => {
    await gone('syd');
    const run = await creating();
    const second = await up('--no-wait');
    expect([second.code, second.problem?.code]).toEqual([7, 'TW6201']);
    process.kill(run.pid, 'SIGKILL');
    await run.ended;
    const status = await rig.json('status');
    expect(status.warnings).toMatchObject([{ code: 'TW2116', where: [{ cluster: 'syd' }] }]);
    const done = await up();
    expect(done.stderr).toMatch(/earlier run \S+ (is still going|ended)/);
    expect([done.code, upData(done).clusters], done.stderr).toEqual([0, ['sao', 'mtl', 'syd']]);
    await chaos('heal');
    await eventually(20_000, async () => expect((await visits(rig, 'syd'))[0]?.cluster).toBe('syd'));
  });
});
