import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { killMarked, type Marked, scanMarked } from '../../src/sandbox/adapters/marks.ts';
import { eventually, Rig, ROOT } from './rig.ts';

/** Processes of the sandbox die by kill -9, one kind after the other; then nothing of it may be left. */
const dir = mkdtempSync(join(tmpdir(), 'tw-proc-'));
const at = (name: string): string => {
  mkdirSync(join(dir, name), { recursive: true });
  return join(dir, name);
};
const rig = new Rig({
  TW_CLOUD_TIME: '600',
  TW_CONFIG: join(at('config'), 'tradewind.config.ts'),
  HOME: at('home'),
  TMPDIR: at('tmp'),
  // kubectl's own habit, not ours.
  KUBECACHEDIR: at('kubectl'),
});

const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: docker.io/library/redis:7.4 }] }
`;
const CONFIG = `export default {
  fleet: 'proc',
  accounts: { azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '99999999-8888-4777-8666-555555555555' } },
  clusters: { mtl: { cloud: 'azure', region: 'canadacentral', network: { nodes: '10.20.0.0/16' } } },
  apps: { web: { manifests: ['web.yaml'] } },
};
`;

interface View {
  id: string;
  state: string;
  why: string[];
  processes: { name: string; state: string; restarts: number }[];
}
const view = async (): Promise<View> => (await rig.json('sandbox', 'status')).data as unknown as View;
const listing = (path: string): string[] => readdirSync(path, { recursive: true }).map(String).toSorted();
const mounts = (): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((l) => l.includes(rig.dir));
const sockets = (): string[] =>
  readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((l) => l.includes(rig.dir));

let id = '';
/** The main process of each role: the one whose parent has another role. */
function leaders(role: string): Marked[] {
  const all = scanMarked(id);
  const same = all.filter((m) => m.role === role);
  return same.filter((m) => !same.some((p) => p.pid === m.ppid));
}
async function killed(role: string): Promise<void> {
  const found = leaders(role);
  expect(found.length, role).toBeGreaterThan(0);
  for (const m of found) expect(killMarked(id, m)).toBe(true);
}
async function serves(): Promise<void> {
  const got = await rig.kubectl(
    'mtl',
    'get',
    'deployment',
    '-n',
    'web',
    'web',
    '-o',
    'jsonpath={.status.availableReplicas}',
  );
  expect(got.stdout, got.stderr).toBe('1');
  const nodes = await rig.kubectl('mtl', 'get', 'nodes', '--no-headers');
  expect(nodes.stdout).toMatch(/ Ready /);
}

const before = { home: listing(at('home')), tmp: listing(at('tmp')), root: readdirSync(ROOT).toSorted() };

afterAll(async () => {
  await rig.end();
  rmSync(dir, { recursive: true, force: true });
});

describe('kill -9', () => {
  it('a world of one cluster stands', async () => {
    writeFileSync(join(dir, 'config', 'tradewind.config.ts'), CONFIG);
    writeFileSync(join(dir, 'config', 'web.yaml'), MANIFEST);
    const done = await rig.json('up', '--sandbox', '--yes');
    expect(done.code, done.stderr).toBe(0);
    ({ id } = await view());
    await serves();
  }, 300_000);

  it.each(['clouds', 'control-plane', 'node', 'net'])(
    'of %s: status says so, it comes back and serves',
    async (role) => {
      const names = (await view()).processes.map((p) => [p.name, p.restarts] as const);
      await killed(role);
      await eventually(30_000, async () => {
        const now = await view();
        const again = now.processes.some((p) => p.restarts > (names.find(([n]) => n === p.name)?.[1] ?? 0));
        expect(again || now.state !== 'up', JSON.stringify(now.processes)).toBe(true);
      });
      await eventually(120_000, async () => {
        expect((await view()).state).toBe('up');
        await serves();
      });
    },
    200_000,
  );

  it("of terraform's world does not make a plan forget: nothing to change", async () => {
    const plan = await rig.json('plan', '--exit-code');
    expect([plan.code, plan.problem], plan.stderr).toEqual([0, undefined]);
  });

  it('of the supervisor: status says what runs alone; down leaves nothing anywhere', async () => {
    await killed('supervisor');
    await eventually(5000, async () => expect((await view()).state).toBe('orphaned'));
    expect((await view()).why.join()).toMatch(/TW9041 \d+ processes/);
    const down = await rig.json('sandbox', 'down');
    expect([down.code, (down.data as unknown as { left: object[] }).left], down.stderr).toEqual([0, []]);
    expect(scanMarked(id)).toEqual([]);
    expect(mounts()).toEqual([]);
    expect(sockets()).toEqual([]);
    expect(listing(at('home'))).toEqual(before.home);
    expect(listing(at('tmp'))).toEqual(before.tmp);
    expect(listing(join(dir, 'config'))).toEqual(['tradewind.config.ts', 'web.yaml']);
    expect(readdirSync(ROOT).toSorted()).toEqual(before.root);
    expect(readdirSync(rig.state)).not.toContain('sandbox');
    expect((await view()).state).toBe('absent');
  });

  it('the journal knows that all went with the sandbox: a new up begins anew', async () => {
    const plan = await rig.json('sandbox', 'status');
    expect(plan.code).toBe(0);
    const done = await rig.json('up', '--sandbox', '--yes');
    expect(done.code, done.stderr).toBe(0);
    await serves();
  }, 300_000);
});
