import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../config/index.ts';
import { fault, manualClock, memoryJournal, memoryStore } from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import { initCi } from './init-ci.ts';

const ACTION = 'acme/tradewind@0123456789abcdef0123456789abcdef01234567';
const CHAT = `
people: { ana: { accounts: ["github:github.com:101"] } }
rights: [{ who: [ana], may: [look] }]
chat: { github: { app: 1, installation: 2, repositories: [acme/shop], slash: /tw-prod, privateKey: { env: K }, webhookSecret: { env: W } } }
`;

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-init-ci-'));
  mkdirSync(join(dir, '.git'));
  mkdirSync(join(dir, 'ops "fleet"'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const CLUSTERS: Readonly<Record<string, string>> = {
  aws: 'eu: { cloud: aws, region: eu-west-1 }',
  azure: 'ca: { cloud: azure, region: canadacentral }',
  gcp: 'us: { cloud: gcp, region: us-east4 }',
};

function context(clouds: readonly string[], more = ''): Context {
  const file = join(dir, 'ops "fleet"', 'tradewind.yaml');
  writeFileSync(
    file,
    `fleet: shop
accounts: { aws: { account: "111122223333" }, azure: { subscription: sub-1, tenant: tenant-1 }, gcp: { project: p-1 } }
clusters: { ${clouds.map((c) => CLUSTERS[c]).join(', ')} }
apps: { shop: { manifests: [k8s] } }
${more}`,
  );
  const never = (): Promise<never> => Promise.reject(new Error('not here'));
  return {
    cwd: dir,
    stateDir: dir,
    clock: manualClock(1000),
    journal: () => memoryJournal(),
    book: () => memoryStore(),
    config: () => loadConfig(file),
    engine: never,
    sandbox: never,
    close: async () => undefined,
  };
}
const io = (): Io => ({
  show: () => undefined,
  machine: true,
  out: () => undefined,
  ask: async (q) => {
    throw fault('TW6005', { value: q.flag });
  },
  signal: new AbortController().signal,
  detach: new AbortController().signal,
});

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  if: string;
  permissions: Record<string, string>;
  env?: Record<string, string>;
  steps: Step[];
}
async function written(
  clouds: readonly string[],
  more = '',
): Promise<{ text: string; on: object; jobs: Record<string, Job> }> {
  await initCi(context(clouds, more), { ci: 'github', action: ACTION, cluster: [] }, io());
  const text = readFileSync(join(dir, '.github', 'workflows', 'tradewind.yml'), 'utf8');
  return { text, ...(parse(text) as { on: object; jobs: Record<string, Job> }) };
}

describe('init --ci github', () => {
  it('a workflow with pinned actions, the least permissions and short-lived credentials', async () => {
    const { text, on, jobs } = await written(['aws', 'azure', 'gcp']);
    expect(Object.keys(on)).toEqual(['pull_request', 'push', 'issue_comment']);
    expect(parse(text)).toMatchObject({ permissions: {} });
    expect(Object.fromEntries(Object.entries(jobs).map(([k, j]) => [k, j.permissions]))).toEqual({
      plan: { contents: 'read', 'id-token': 'write', 'pull-requests': 'write', checks: 'write' },
      fork: {},
      up: { contents: 'read', 'id-token': 'write' },
      comment: {
        contents: 'read',
        'id-token': 'write',
        issues: 'write',
        'pull-requests': 'write',
        deployments: 'write',
        checks: 'write',
      },
    });
    const steps = Object.values(jobs).flatMap((j) => j.steps);
    for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^[\w/.-]+@[0-9a-f]{40}$/);
    for (const { run = '' } of steps) expect(run).not.toContain('${{');
    expect(text).not.toContain('secrets.');
    expect(jobs['plan']?.env).toMatchObject({
      ARM_USE_OIDC: 'true',
      ARM_TENANT_ID: 'tenant-1',
      ARM_SUBSCRIPTION_ID: 'sub-1',
    });
    const roles = (job: string): unknown[] =>
      (jobs[job]?.steps ?? []).map((s) => s.with?.['role-to-assume']).filter(Boolean);
    expect([roles('plan'), roles('up')]).toEqual([
      ['${{ vars.TRADEWIND_AWS_PLAN_ROLE }}'],
      ['${{ vars.TRADEWIND_AWS_UP_ROLE }}'],
    ]);
  });

  it('a fork meets no runner of ours; each job has its own event', async () => {
    const { jobs } = await written(['gcp']);
    expect(jobs['plan']?.if).toContain('head.repo.full_name == github.repository');
    expect(jobs['fork']?.if).toContain('head.repo.full_name != github.repository');
    expect(jobs['fork']?.steps.every((s) => s.uses === undefined)).toBe(true);
    expect(JSON.stringify(jobs)).not.toContain('aws');
    expect(jobs['up']?.steps.at(-1)).toEqual({
      uses: ACTION,
      with: { state: '/var/lib/tradewind/shop', config: 'ops "fleet"/tradewind.yaml', slash: '/tw' },
    });
  });

  it('comments that reach tw serve are not run a second time', async () => {
    const { on, jobs, text } = await written(['aws'], CHAT);
    expect([Object.keys(on), Object.keys(jobs)]).toEqual([
      ['pull_request', 'push'],
      ['plan', 'fork', 'up'],
    ]);
    expect(text).toContain('slash: /tw-prod');
  });

  it('overwrites nothing; says what is missing', async () => {
    await written(['aws']);
    const again = (args: object) => initCi(context(['aws']), { ci: 'github', action: ACTION, ...args }, io());
    await expect(again({})).rejects.toMatchObject({
      problem: { code: 'TW6002', fix: [{ say: expect.stringContaining('move it away') as string }] },
    });
    rmSync(join(dir, '.github'), { recursive: true });
    await expect(again({ ci: 'gitlab' })).rejects.toMatchObject({ problem: { code: 'TW6002', value: 'gitlab' } });
    await expect(again({ action: undefined })).rejects.toMatchObject({
      problem: { code: 'TW6005', value: '--action <owner/tradewind@commit>' },
    });
    for (const action of ['acme/tradewind', 'acme/tradewind@main', 'x@v1', 'acme/tradewind@v1\n      - run: id'])
      await expect(again({ action })).rejects.toMatchObject({ problem: { code: 'TW6002', value: action } });
    rmSync(join(dir, '.git'), { recursive: true });
    await expect(again({})).rejects.toMatchObject({
      problem: { code: 'TW6002', why: ['this folder belongs to no git repository'] },
    });
  });
});
