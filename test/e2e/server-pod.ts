import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { argvOf, blockOf, linesOf } from '../docs/lib/blocks.ts';
import { eventually, type Rig, visits } from './rig.ts';

const CLUSTER = 'mtl';

const [INSTALL = ''] = linesOf(blockOf('server-in-a-cluster.md', 'tw server install'));
const [REMOVE = ''] = linesOf(blockOf('server-in-a-cluster.md', 'tw server remove'));

/** The example with its server in a cluster; programs import programs, and data is what the pod gets. */
function configWith(rig: Rig, example: string): string {
  const path = join(rig.dir, 'tradewind.config.ts');
  const manifests = JSON.stringify([join(dirname(example), 'manifests')]);
  writeFileSync(
    path,
    `import base from ${JSON.stringify(example)};
export default {
  ...base,
  server: { in: '${CLUSTER}' },
  apps: { guestbook: { ...base.apps.guestbook, manifests: ${manifests} } },
};
`,
  );
  return path;
}

interface Versions {
  versions: { cluster: string; version: string; live: boolean }[];
}
async function liveOn(rig: Rig, ...more: string[]): Promise<string[]> {
  const { data } = await rig.json('versions', ...more);
  const live = (data as Versions).versions.filter((v) => v.live);
  return live.map((v) => `${v.cluster} ${v.version}`).toSorted();
}
const all = (version: string): string[] => ['mtl', 'sao', 'syd'].map((c) => `${c} ${version}`);

/** Installed, asked, killed in the middle of a release, without its cluster, and home again. */
export function serverInPod(rig: Rig, example: string): void {
  const killPod = (): Promise<unknown> =>
    rig.kubectl(CLUSTER, '-n', 'tradewind-server', 'delete', 'pod', 'server-0', '--force', '--grace-period=0');

  it('the files go there, and every verb is a client of it', async () => {
    rig.env['TW_CONFIG'] = configWith(rig, example);
    const installed = await rig.json(...argvOf(INSTALL));
    expect(installed.code, installed.stderr).toBe(0);
    expect(installed.data).toMatchObject({ cluster: CLUSTER, address: `cluster:${CLUSTER}`, role: 'admin' });
    expect(await liveOn(rig)).toEqual(all('v1'));
    const plan = await rig.tw('plan', '--exit-code');
    expect(plan.code, plan.stdout + plan.stderr).toBe(0);
    // Its output is read by others than may sign in.
    expect((await rig.kubectl(CLUSTER, '-n', 'tradewind-server', 'logs', 'server-0')).stdout).not.toContain('#code=');
  });

  it('this folder decides no more, and the cluster below the server is not destroyed', async () => {
    const serve = await rig.json('serve', '--port', '0');
    expect(serve.problem).toMatchObject({ code: 'TW8017', value: `cluster:${CLUSTER}` });
    const forward = await rig.json('up', '--yes', '--in-process');
    expect(forward.problem).toMatchObject({ code: 'TW8034' });
    const down = await rig.json('down', '--on', CLUSTER, '--yes', '--confirm=guestbook-demo');
    expect(down.problem).toMatchObject({ code: 'TW8045', value: CLUSTER });
  });

  it('killed in the middle of a release, the next one finishes it', async () => {
    const release = rig.start('release', 'guestbook@v2', '--yes');
    await eventually(180_000, async () => expect(release.text()).toMatch(/wave 1 of 1: (switching|judged)/));
    await killPod();
    await release.ended;
    await eventually(120_000, async () => expect((await rig.tw('resume', '--yes')).code).toBe(0));
    // Forward or back, as what was decided and seen allows: everywhere the same, and the next release is not held up.
    const now = await eventually(120_000, async () => {
      const live = await liveOn(rig);
      expect([all('v1'), all('v2')]).toContainEqual(live);
      return live;
    });
    if (now[0]?.endsWith('v1') === true) expect((await rig.tw('release', 'guestbook@v2', '--yes')).code).toBe(0);
    expect(await liveOn(rig)).toEqual(all('v2'));
  });

  it('its cluster without power: rolled back without it, and it learns of it when it is back', async () => {
    await rig.tw('sandbox', 'chaos', 'kill', `cluster:${CLUSTER}`);
    await eventually(60_000, async () =>
      expect((await rig.json('versions')).problem).toMatchObject({ code: 'TW8031', value: `cluster:${CLUSTER}` }),
    );
    const back = rig.start('rollback', 'guestbook', '--in-process');
    await eventually(120_000, async () => {
      for (const from of ['sao', 'syd']) expect((await visits(rig, from))[0]).toMatchObject({ version: 'v1' });
    });
    process.kill(back.pid, 'SIGINT');
    await back.ended;
    await rig.tw('sandbox', 'chaos', 'heal');
    await eventually(240_000, async () => expect((await rig.tw('resume', '--yes')).code).toBe(0));
    await eventually(120_000, async () => expect(await liveOn(rig)).toEqual(all('v1')));
  });

  it('its files come home, whole, and nothing of it is left', async () => {
    const removed = await rig.json(...argvOf(REMOVE));
    expect(removed.code, removed.stderr).toBe(0);
    expect((await rig.kubectl(CLUSTER, 'get', 'namespace', 'tradewind-server')).code).not.toBe(0);
    const plan = await rig.tw('plan', '--exit-code');
    expect(plan.code, plan.stdout + plan.stderr).toBe(0);
    expect((await rig.tw('audit', 'verify')).code).toBe(0);
    const history = await rig.json('history');
    expect(JSON.stringify(history.data)).toContain('"green":"v2"');
    expect(await liveOn(rig)).toEqual(all('v1'));
  });
}
