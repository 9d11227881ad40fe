import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { argvOf, blockOf, linesOf } from '../docs/lib/blocks.ts';
import { Rig, ROOT, visits } from '../e2e/rig.ts';
import { CLUSTERS, kept, StateRig } from '../e2e/state-rig.ts';

/** A fourth cluster comes to the config of a fleet that serves: the sandbox grows, and nothing that ran ends for it. */
const dir = mkdtempSync(join(tmpdir(), 'tw-grow-'));
const file = join(dir, 'tradewind.config.ts');
const rig = new Rig({ TW_CONFIG: file });
const s3 = new StateRig(rig);
const example = join(ROOT, 'examples', 'guestbook');

const write = (more: string): void =>
  writeFileSync(
    file,
    `import guestbook from '${example}/tradewind.config.ts';
const app = { ...guestbook.apps.guestbook, manifests: ['${example}/manifests'] };
export default { ...guestbook, clusters: { ...guestbook.clusters${more} }, apps: { guestbook: app } };
`,
  );
/** How often containers of the guestbook were started again. */
const restarts = async (): Promise<string[]> => {
  const path = '-o=jsonpath={.items[*].status.containerStatuses[*].restartCount}';
  const all = CLUSTERS.map((c) => rig.kubectl(c, '-n', 'guestbook', 'get', 'pods', path));
  return (await Promise.all(all)).map((r) => r.stdout);
};

beforeAll(async () => {
  write('');
  const up = await rig.tw('up', '--sandbox', '--yes');
  expect(up.code, up.stderr).toBe(0);
});
afterAll(async () => {
  await rig.end();
  rmSync(dir, { recursive: true, force: true });
});

describe('a fourth cluster', () => {
  it('comes while users write: nobody is refused, nothing is lost, nothing was started again', async () => {
    await s3.whole();
    const before = await restarts();
    const end = async (): Promise<string[]> => s3.listIn((await s3.whole()).home ?? '');
    const s = await s3.under({ name: 'grow', seconds: 150, rate: 15, end }, async () => {
      write(`, fra: { cloud: 'aws', region: 'eu-central-1', network: { nodes: '10.40.0.0/16' } }`);
      const up = await rig.tw('up', '--sandbox', '--yes');
      expect(up.code, up.stderr).toBe(0);
    });
    kept(s);
    expect(s.failed).toEqual([]);
    expect(await restarts()).toEqual(before);
    const [line = ''] = linesOf(blockOf('add-a-cluster.md', './tw sandbox visit --from fra'));
    const typed = await rig.json(...argvOf(line));
    expect(typed.data, typed.stderr).toMatchObject({ visits: [{ from: 'fra', status: 200, cluster: 'fra' }] });
    const [own] = await visits(rig, 'fra', '--path', '/lrange/guestbook', '--body');
    expect(own).toMatchObject({ status: 200, cluster: 'fra' });
    expect((await rig.json('plan', '--exit-code')).code).toBe(0);
  });
});
