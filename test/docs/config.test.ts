import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { planFleet } from '../../src/commands/makeplan.ts';
import { chatOf } from '../../src/compose/chat.ts';
import { type ServerPodInput, serverObjects } from '../../src/compose/server-pod/plan.ts';
import type { Config } from '../../src/config/index.ts';
import { rootsOf } from '../../src/infra/roots.ts';
import { manualClock, memoryJournal } from '../../src/kernel/index.ts';
import { blocks } from './lib/blocks.ts';
import { lookingEngine } from './lib/engine.ts';
import { Fleet } from './lib/fleet.ts';
import { Folder } from './lib/folder.ts';

/**
 * Every config of the pages is written to a file as it stands there, read by the loader, and planned by the engine that
 * `tw plan` has: its objects are rendered, its records and its state are values. Only terraform is left out.
 */
const folders: Folder[] = [];
afterAll(() => {
  for (const f of folders) f.end();
});

/** What the plan of a fleet that is not built has, cluster by cluster. */
async function planned(folder: Folder, config: Config) {
  const e = await lookingEngine(folder, config, memoryJournal());
  try {
    const fleet = await planFleet(e, {}, Object.fromEntries(config.clusters.map((c) => [c.name, 'absent' as const])));
    const problems = fleet.clusters.flatMap((c) =>
      c.apps.flatMap((a) => a.problems.map((p) => `${c.name}: ${p.code} ${p.why.join()}`)),
    );
    const state = await e.state.plans({});
    return {
      roots: rootsOf(config).map((r) => r.id),
      apps: Object.fromEntries(fleet.clusters.map((c) => [c.name, c.apps.map((a) => a.app)])),
      problems: [...problems, ...state.flatMap((p) => p.faults.map((f) => `${f.code} ${f.why.join()}`))],
      traffic: await e.traffic.plan({}),
      state,
    };
  } finally {
    await e.close();
  }
}

type Planned = Awaited<ReturnType<typeof planned>>;
interface Made {
  config: Config;
  p: Planned;
  folder: Folder;
}
const app = ({ config }: Made) => config.apps.find((a) => a.name === 'guestbook');
const HOUR = 3_600_000;
/** Which freezes stand at a time. */
async function frozen({ config, folder }: Made, at: string): Promise<string[]> {
  const f = await Fleet.open(config, folder.dir, manualClock(Date.parse(at)));
  const { barriers } = (await f.type('tw locks')).data as { barriers: { because: string }[] };
  return barriers.map((b) => b.because);
}

/** What the page says of the config beside it. */
const CLAIMS: Readonly<Record<string, (m: Made) => Promise<void> | void>> = {
  'add-a-cluster.md: clusters: {': ({ config, p }) => {
    expect(p.roots).toContain('cluster:fra');
    expect(p.apps['fra']).toEqual(expect.arrayContaining(['guestbook', 'tradewind-system', 'state-guestbook']));
    expect(p.traffic.changes).toContain('create nameserver in fra: answers, probes and votes');
    const fra = config.clusters.find((c) => c.name === 'fra');
    expect(fra).toMatchObject({ zones: expect.anything(), location: expect.anything(), size: expect.anything() });
  },
  "add-a-cluster.md: office: { cloud: 'existing', region: 'office', location: { lat: 52.5, lon: 13.4 }, context: 'office', kubeconfig: '/home/me/.kube/config' },":
    ({ p }) => {
      expect(p.roots.filter((r) => r.includes('office'))).toEqual([]);
      expect(p.apps['office']).toContain('guestbook');
    },
  'back-up-state.md: state: {': (m) => {
    expect(app(m)?.state).toMatchObject({ backup: { every: HOUR, to: 'file:/var/backups/tradewind', keep: 30 } });
    expect(app(m)?.release?.state).toMatchObject({ maxAge: 2 * HOUR });
  },
  "chat.md: slack: { team: 'T024BE7LD', signingSecret: { env: 'SLACK_SIGNING_SECRET' }, botToken: { env: 'SLACK_BOT_TOKEN' } },":
    async ({ config, folder }) => {
      const f = await Fleet.open(config, folder.dir);
      const names = ['SLACK_SIGNING_SECRET', 'SLACK_BOT_TOKEN'];
      for (const name of names) process.env[name] = 'x';
      const x = { c: f.context(), engine: () => f.context(), log: () => undefined, place: () => 'real' as const };
      const chat = await chatOf(x);
      for (const name of names) delete process.env[name];
      const stop = new AbortController();
      const runs = chat.run(stop.signal);
      const post = () => chat.hook('slack')?.({ headers: {}, body: 'command=/tw&text=status' });
      while ((await post())?.status === 503) await new Promise((go) => setTimeout(go, 10));
      // What Slack did not sign is answered without a reason.
      expect(await post()).toEqual({ status: 401 });
      stop.abort();
      await runs;
    },
  'dashboard.md: {': ({ config }) => expect(config.telemetry).toEqual({ traces: 'http://collector:4318/v1/traces' }),
  'server-in-a-cluster.md: server: {': ({ config }) => {
    const { in: cluster, secret, identity, storage } = config.server ?? {};
    const pod = { fleet: config.fleet, cluster, image: 'x', identity, storage, env: secret, project: '' };
    const objects = serverObjects(pod as ServerPodInput);
    const account = objects.find((o) => o.kind === 'ServiceAccount');
    expect(account?.metadata.annotations).toEqual({
      'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/tradewind',
    });
    expect(JSON.stringify(objects.find((o) => o.kind === 'StatefulSet'))).toContain('tradewind-env');
  },
  'people-and-approvals.md: freezes: [': async (m) => {
    // Berlin is an hour before UTC in winter, São Paulo three behind.
    const said: Readonly<Record<string, string[]>> = {
      '2026-11-27T14:59Z': [],
      '2026-11-27T15:00Z': ['nobody is there'],
      '2026-11-30T04:59Z': ['nobody is there'],
      '2026-11-30T05:00Z': [],
      '2026-12-01T01:00Z': ['ask in the morning'],
      '2026-12-23T12:00Z': ['the shop is full'],
      '2026-12-28T09:00Z': [],
      '2027-01-02T22:59Z': ['nobody is there', 'the shop is full'],
    };
    const found = Object.keys(said).map(async (at) => [at, await frozen(m, at)] as const);
    expect(Object.fromEntries(await Promise.all(found))).toEqual(said);
  },
  'release.md: release: {': async ({ config, folder }) => {
    const f = await Fleet.open(config, folder.dir);
    const release = async (v: string) => (await f.type(`tw release guestbook@${v} --yes`)).problem?.code;
    expect([await release('v3'), await release('v4')]).toEqual(['TW7004', 'TW7004']);
    expect([await release('v2'), await release('v3')]).toEqual([undefined, undefined]);
    // What gives a format up is confirmed by its plan, not by --yes.
    const last = await f.type('tw release guestbook@v4 --yes');
    expect(last.problem).toMatchObject({
      code: 'TW6005',
      why: [expect.stringContaining('no rollback past this point')],
    });
    const [, plan = ''] = /(--plan \S+)/.exec(last.problem?.fix[0]?.command ?? '') ?? [];
    await f.type(`tw release guestbook@v4 ${plan}`);
    expect(f.live()).toEqual(['v4', 'v4', 'v4']);
  },
  'share-one-truth.md: export default defineConfig({': ({ p }) => {
    for (const c of ['sao', 'mtl', 'syd']) expect(p.apps[c]).toContain('tradewind-coordination');
  },
  'share-one-truth.md: coordination: {': ({ p }) => {
    expect(Object.values(p.apps).flat()).not.toContain('tradewind-coordination');
  },
  'share-state.md: export default defineConfig({': ({ p }) => {
    expect(p.state).toMatchObject([{ app: 'guestbook', mode: 'single-writer' }]);
    expect(p.apps['syd']).toContain('state-guestbook');
  },
  'share-state.md: state: {': ({ p }) => {
    expect(p.state).toMatchObject([{ app: 'guestbook', mode: 'active-active' }]);
  },
};

/** Files that a config names and a person has. */
const FILES = ['ca.pem', 'tw.pem', 'tw.key', 'github-app.pem', 'recipes.yaml'];

const parts = blocks.filter((b) => b.kind === 'ts');
describe('each config of the pages', () => {
  it('is there', () => expect(parts.length).toBeGreaterThan(18));
  it('what is said of one is said of one that is there', () =>
    expect(parts.map((b) => b.key)).toEqual(expect.arrayContaining(Object.keys(CLAIMS))));

  it.each(parts.map((b) => [b.key, b] as const))('%s', async (key, b) => {
    const folder = new Folder().write(b);
    folders.push(folder);
    for (const f of FILES) writeFileSync(join(folder.dir, f), 'x');
    const config = await folder.load();
    const p = await planned(folder, config);
    expect(p.problems).toEqual([]);
    await CLAIMS[key]?.({ config, p, folder });
  });
});
