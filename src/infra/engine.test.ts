import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Fact, fault, type Problem } from '../kernel/index.ts';
import { openTerraform } from './adapters/find.ts';
import { infraApply } from './apply.ts';
import { infraDestroy, infraInventory } from './destroy.ts';
import { mayFollow } from './machine.ts';
import type { EndEvent, InfraEvent, InfraPlan, RootEvent, RootState } from './model.ts';
import { infraPlan } from './plan-roots.ts';
import type { DrainPort } from './ports.ts';
import { unfinished } from './resume.ts';
import { fakeModules, type Lab, openLab, threeClouds } from './testing/lab.ts';
import { terraformBinary } from './testing/terraform.ts';
import { foldInfra, type InfraFold, infraView } from './view.ts';

const noZone = (change: Record<string, unknown> = {}) => threeClouds({ dns: undefined, apps: {}, ...change });
const journalled = (facts: readonly Fact[]): string[] =>
  facts.flatMap((f) => (f.kind === 'infra.state' ? [(f.data as { state: string }).state] : []));
const labs: Lab[] = [];
async function lab(...args: Parameters<typeof openLab>): Promise<Lab> {
  const l = await openLab(...args);
  labs.push(l);
  return l;
}
/** Arrows of the journal that the table of states does not know. */
function odd(facts: readonly Fact[]): string[] {
  const now = new Map<string, RootState>();
  return facts.flatMap((f) => {
    if (f.kind !== 'infra.state') return [];
    const { root, state } = f.data as { root: string; state: RootState };
    const key = `${f.run} ${root}`;
    const before = now.get(key) ?? 'queued';
    now.set(key, state);
    return mayFollow(before, state) ? [] : [`${before} -> ${state}`];
  });
}
afterEach(() => {
  expect(labs.flatMap((l) => odd(l.ctx.journal.read()))).toEqual([]);
  for (const l of labs.splice(0)) rmSync(l.dir, { recursive: true, force: true });
});

async function all(events: AsyncIterable<InfraEvent>): Promise<{ roots: RootEvent[]; end: EndEvent }> {
  const roots: RootEvent[] = [];
  let end: EndEvent | undefined;
  for await (const e of events) {
    if (e.type === 'end') end = e;
    else roots.push(e);
  }
  if (end === undefined) throw new Error('no end');
  return { roots, end };
}
const kinds = (p: InfraPlan): string[] => p.roots.map((r) => `${r.root} ${r.kind}`);
const states = (events: readonly RootEvent[], root: string): string[] =>
  events
    .filter((e) => e.root === root)
    .map((e) => e.state)
    .filter((s, i, a) => s !== a[i - 1]);

describe.runIf(terraformBinary())('plan and apply', () => {
  it('builds clusters side by side, tells each step, and a second plan has nothing to do', async () => {
    const l = await lab(noZone(), { seconds: { sao: 2, mtl: 2, syd: 2 } });
    const plan = await infraPlan(l.ctx);
    expect(kinds(plan)).toEqual(['cluster:sao planned', 'cluster:mtl planned', 'cluster:syd planned']);
    expect(plan.presence).toEqual({ sao: 'absent', mtl: 'absent', syd: 'absent' });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    const began = performance.now();
    const { roots, end } = await all(infraApply(plan, l.ctx));
    expect(performance.now() - began).toBeLessThan(5500);
    expect(states(roots, 'cluster:sao')).toEqual(['queued', 'locking', 'applying', 'ready']);
    expect(roots.filter((e) => e.root === 'cluster:sao').map((e) => `${e.done}/${e.planned}`)).toEqual(
      expect.arrayContaining(['0/2', '1/2', '2/2']),
    );
    expect(Object.keys(end.outputs)).toEqual(['sao', 'mtl', 'syd']);
    expect(end.outputs['sao']).toMatchObject({
      endpoint: 'https://sao.example',
      auth: { kind: 'eks', account: '111122223333' },
      nameserver: { ref: 'ref-sao' },
    });
    const second = await infraPlan(l.ctx);
    expect(kinds(second)).toEqual(['cluster:sao unchanged', 'cluster:mtl unchanged', 'cluster:syd unchanged']);
    expect(second.presence['sao']).toBe('present');
    const inits = l.ctx.journal
      .read({ kind: 'infra.state' })
      .filter((f) => JSON.stringify(f.data).includes('"initialising"'));
    expect(inits).toHaveLength(3);
    expect(unfinished(l.ctx)).toEqual({ open: [], intents: [] });
  });

  it('keeps plans and states from other users, and drops a plan once it is applied', async () => {
    const l = await lab(noZone({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } } }));
    const plan = await infraPlan(l.ctx);
    const file = l.ctx.tf.roots.path('cluster:sao', 'plan.tfplan');
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(statSync(join(l.dir, 'roots', 'cluster-sao')).mode & 0o077).toBe(0);
    await all(infraApply(plan, l.ctx));
    expect(existsSync(file)).toBe(false);
  });

  it('one failed cluster stops nobody else; its address is left out of the zone', async () => {
    const l = await lab(threeClouds(), { fail: ['mtl'] });
    const plan = await infraPlan(l.ctx);
    expect(kinds(plan).at(-1)).toBe('zone:shop.example deferred');
    const { roots, end } = await all(infraApply(plan, l.ctx));
    expect(Object.keys(end.outputs)).toEqual(['sao', 'syd']);
    expect(end.failures.map((p) => p.code)).toEqual(['TW2102', 'TW2105']);
    expect(end.failures[0]?.where[0]).toMatchObject({ cluster: 'mtl', resource: 'module.this.terraform_data.cluster' });
    // the stand-in zone is built of other addresses than were announced: nothing of it is made
    expect(end.failures[1]?.why.filter((w) => w.includes('nameserver'))).toEqual([
      'create module.this.terraform_data.nameserver["sao"]',
      'create module.this.terraform_data.nameserver["syd"]',
    ]);
    expect(states(roots, 'zone:shop.example')).toEqual(['queued', 'initialising', 'planning', 'planned', 'failed']);
    expect(await l.ctx.tf.roots.state('zone:shop.example')).toBeUndefined();
  });

  it('applies a plan whose file is gone only when a new plan means the same', async () => {
    const l = await lab(noZone({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } } }));
    const plan = await infraPlan(l.ctx);
    rmSync(l.ctx.tf.roots.path('cluster:sao', 'plan.tfplan'));
    expect((await all(infraApply(plan, l.ctx))).end.failures).toEqual([]);
    // applied meanwhile: the old plan is not true any more
    const { end } = await all(infraApply(plan, l.ctx));
    expect(end.failures).toMatchObject([{ code: 'TW2104', value: 'cluster:sao' }]);
    expect(end.failures[0]?.why).toContain('no longer: create module.this.terraform_data.cluster');
  });

  it('does not take another plan of the same root for the one that was shown', async () => {
    const one = noZone({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } } });
    const two = noZone({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1', version: '1.35' } } });
    const l = await lab(one);
    const shown = await infraPlan(l.ctx);
    await infraPlan({ ...l.ctx, config: two });
    const { end } = await all(infraApply(shown, { ...l.ctx, config: two }));
    expect(end.failures).toMatchObject([{ code: 'TW2104' }]);
    expect(await l.ctx.tf.roots.state('cluster:sao')).toBeUndefined();
  });

  it('stops safely at the first signal: nothing is lost, the rest is not begun', async () => {
    const l = await lab(noZone({ infra: { parallel: 2 } }), { seconds: { sao: 20, mtl: 20 } });
    const plan = await infraPlan(l.ctx);
    const stop = new AbortController();
    const events: InfraEvent[] = [];
    for await (const e of infraApply(plan, l.ctx, { stop: stop.signal })) {
      events.push(e);
      const busy = new Set(events.flatMap((x) => (x.type === 'root' && x.done === 1 ? [x.root] : [])));
      if (busy.size === 2) stop.abort();
    }
    const end = events.at(-1);
    expect(end).toMatchObject({ type: 'end', interrupted: true, detached: false });
    expect(end?.type === 'end' ? end.failures.map((p) => p.code) : []).toEqual(['TW2113', 'TW2113', 'TW2113']);
    expect((await l.ctx.tf.roots.state('cluster:sao'))?.resources).toBe(2);
    expect(await l.ctx.tf.roots.state('cluster:syd')).toBeUndefined();
    // the next plan says what the interrupted create left
    const next = await infraPlan(l.ctx);
    expect(next.presence).toEqual({ sao: 'rebuilding', mtl: 'rebuilding', syd: 'absent' });
    const sao = next.roots[0];
    expect(sao?.kind === 'planned' ? sao.changes : []).toMatchObject([
      { action: 'replace', reason: 'replace_because_tainted' },
    ]);
  });

  it('says who holds a lock', async () => {
    const l = await lab(noZone({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } } }), { seconds: { sao: 2 } });
    const plan = await infraPlan(l.ctx);
    const running = all(infraApply(plan, l.ctx));
    while (!existsSync(l.ctx.tf.roots.path('cluster:sao', '.terraform.tfstate.lock.info'))) await l.ctx.clock.sleep(50);
    const second = await infraPlan({ ...l.ctx, lockSeconds: 0 });
    expect(second.roots).toMatchObject([{ kind: 'failed', problem: { code: 'TW2103', exit: 7 } }]);
    expect((await running).end.failures).toEqual([]);
  });

  it('points at the line of a fault in a module', async () => {
    const l = await lab(
      noZone({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1' }, syd: { cloud: 'gcp', region: 'us-east1' } } }),
    );
    writeFileSync(join(l.modulesDir, 'aws-eks', 'extra.tf'), 'resource "terraform_data" "x" {\n  inptu = 1\n}\n');
    const plan = await infraPlan(l.ctx);
    expect(plan.roots).toMatchObject([{ kind: 'failed', problem: { code: 'TW2101' } }, { kind: 'planned' }]);
    expect(plan.roots[0]?.kind === 'failed' ? plan.roots[0].problem.where : []).toMatchObject([
      { file: 'module/extra.tf', line: 2 },
    ]);
  });

  it('refuses a folder of another fleet or place', async () => {
    const l = await lab(noZone());
    await infraPlan(l.ctx);
    const other = await infraPlan({ ...l.ctx, config: noZone({ fleet: 'other' }) });
    expect(other.roots.map((r) => (r.kind === 'failed' ? r.problem.code : ''))).toEqual(['TW2111', 'TW2111', 'TW2111']);
  });

  it('initialises again when the module changed, and takes the files over', async () => {
    const config = noZone({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } } });
    const l = await lab(config);
    await all(infraApply(await infraPlan(l.ctx), l.ctx));
    fakeModules(l.modulesDir, { seconds: { sao: 1 } });
    const { place, modulesDir } = l;
    const { journal, clock } = l.ctx;
    const ctx = { ...l.ctx, tf: await openTerraform({ config, place, journal, clock, modulesDir }) };
    const before = journal.read().length;
    // the command of a provisioner is no change of the resource, so there is nothing to apply
    expect(kinds(await infraPlan(ctx))).toEqual(['cluster:sao unchanged']);
    expect(journalled(journal.read({ from: before + 1 }))).toEqual(['initialising', 'planning', 'unchanged']);
  });

  it('plans what stands while the clouds are still asked; what they refuse then fails, and keeps no plan', async () => {
    const l = await lab(noZone());
    const { problem } = fault('TW2020', { value: 'another account' });
    const answer = Promise.withResolvers<ReadonlyMap<string, Problem>>();
    const first = infraPlan({ ...l.ctx, refused: answer.promise });
    const begun = (): string[] =>
      l.ctx.journal.read({ kind: 'infra.state' }).map((f) => (f.data as { state: string }).state);
    await l.ctx.clock.sleep(100);
    // Nothing stands yet: no terraform before the clouds have answered.
    expect(begun()).toEqual([]);
    answer.resolve(new Map([['sao', problem]]));
    expect(kinds(await first)).toEqual(['cluster:sao failed', 'cluster:mtl planned', 'cluster:syd planned']);
    await all(infraApply(await infraPlan(l.ctx), l.ctx));
    const late = l.ctx.clock.sleep(100).then(() => new Map([['syd', problem]]));
    const second = await infraPlan({ ...l.ctx, refused: late });
    expect(kinds(second)).toEqual(['cluster:sao unchanged', 'cluster:mtl unchanged', 'cluster:syd failed']);
    expect(second.roots[2]).toMatchObject({ problem: { code: 'TW2020' } });
    expect(existsSync(l.ctx.tf.roots.path('cluster:syd', 'plan.tfplan'))).toBe(false);
  });

  it('rejects a config that cannot work before anything is written', async () => {
    const l = await lab(noZone({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1', size: 'huge' } } }));
    await expect(infraPlan(l.ctx)).rejects.toMatchObject({ code: 'TW2012' });
    expect(existsSync(join(l.dir, 'roots'))).toBe(false);
  });
});

describe.runIf(terraformBinary())('teardown', () => {
  const drainLog: string[] = [];
  const drain = (change: Partial<DrainPort> = {}): DrainPort => ({
    drainTraffic: async (c) => void drainLog.push(`traffic ${c}`),
    needed: async () => undefined,
    removeCloudObjects: async function* (c) {
      drainLog.push(`objects ${c}`);
      yield { cluster: c, note: '1 load balancer', left: 1 };
      yield { cluster: c, note: 'all gone', left: 0 };
    },
    ...change,
  });

  it('drains, destroys and leaves nothing: neither resources nor folders', async () => {
    const l = await lab(noZone());
    await all(infraApply(await infraPlan(l.ctx), l.ctx));
    expect(await infraInventory(l.ctx)).toHaveLength(3);
    drainLog.length = 0;
    const { roots, end } = await all(infraDestroy({ ...l.ctx, drain: drain() }));
    expect(end.failures).toEqual([]);
    expect(states(roots, 'cluster:mtl')).toEqual(['draining', 'planning', 'planned', 'destroying', 'gone']);
    expect(roots.some((e) => e.note === '1 load balancer')).toBe(true);
    expect([...drainLog].sort()).toEqual(['objects mtl', 'objects sao', 'objects syd']);
    expect(readdirSync(join(l.dir, 'roots'))).toEqual([]);
    expect((await infraPlan(l.ctx)).presence).toEqual({ sao: 'absent', mtl: 'absent', syd: 'absent' });
  });

  it('moves users first when one cluster of several goes', async () => {
    const l = await lab(noZone());
    await all(infraApply(await infraPlan(l.ctx), l.ctx));
    drainLog.length = 0;
    const { end } = await all(infraDestroy({ ...l.ctx, drain: drain(), only: ['syd'] }));
    expect(drainLog).toEqual(['traffic syd', 'objects syd']);
    expect(Object.keys(end.outputs)).toEqual(['sao', 'mtl']);
  });

  it('touches nothing when a cluster is protected, holds the home or cannot be drained', async () => {
    const l = await lab(noZone());
    await all(infraApply(await infraPlan(l.ctx), l.ctx));
    const guarded = {
      ...l.ctx,
      config: noZone({ clusters: { ...threeCloudsInput, sao: { ...threeCloudsInput.sao, protect: true } } }),
    };
    expect((await all(infraDestroy(guarded))).end.failures).toMatchObject([
      { code: 'TW2303', where: [{ path: 'clusters.sao.protect' }] },
    ]);
    const home = drain({
      needed: async (c) => (c === 'mtl' ? fault('TW5150', { value: c }).problem : undefined),
    });
    expect((await all(infraDestroy({ ...l.ctx, drain: home, only: ['mtl'] }))).end.failures).toMatchObject([
      { code: 'TW5150' },
    ]);
    const stuck = drain({
      removeCloudObjects: async function* (cluster) {
        yield { cluster, note: 'waiting', left: 1 };
        throw new Error('connect ECONNREFUSED 192.0.2.1:443');
      },
    });
    const { end } = await all(infraDestroy({ ...l.ctx, drain: stuck, only: ['syd'] }));
    expect(end.failures).toMatchObject([{ code: 'TW2304', why: ['connect ECONNREFUSED 192.0.2.1:443'] }]);
    expect(Object.keys(end.outputs)).toEqual(['sao', 'mtl', 'syd']);
    const skipped = await all(infraDestroy({ ...l.ctx, drain: stuck, skipDrain: true, only: ['syd'] }));
    expect(skipped.end.failures).toEqual([]);
    expect(l.ctx.journal.read({ kind: 'infra.down' }).at(-1)?.data).toMatchObject({ skipDrain: true });
  });

  it('removes a cluster that the config no longer names, as it was built', async () => {
    const l = await lab(noZone());
    await all(infraApply(await infraPlan(l.ctx), l.ctx));
    const config = noZone({ clusters: { sao: { cloud: 'aws', region: 'us-east-1' } } });
    const plan = await infraPlan({ ...l.ctx, config, only: [] });
    expect(plan.presence).toEqual({ sao: 'present', mtl: 'leaving', syd: 'leaving' });
    const { end } = await all(infraDestroy({ ...l.ctx, config }));
    expect(end.failures).toEqual([]);
    expect(readdirSync(join(l.dir, 'roots'))).toEqual([]);
  });
});
const threeCloudsInput = {
  sao: { cloud: 'aws', region: 'sa-east-1' },
  mtl: { cloud: 'azure', region: 'canadacentral' },
  syd: { cloud: 'gcp', region: 'australia-southeast1' },
};

describe('view', () => {
  it('has one row per root with step, count and what is usual', () => {
    const event = (e: Partial<RootEvent>): RootEvent => ({
      type: 'root',
      at: 1,
      root: 'cluster:sao',
      cluster: 'sao',
      state: 'applying',
      phase: 'nodes',
      done: 3,
      planned: 9,
      elapsedMs: 61_000,
      ...e,
    });
    const { cluster: _, ...bare } = event({ root: 'zone:a.example', state: 'queued', phase: 'queued', planned: 0 });
    let fold: InfraFold = new Map();
    fold = foldInfra(fold, event({ address: 'module.this.aws_eks_node_group.this', usuallyMs: 600_000 }));
    fold = foldInfra(fold, bare);
    const view = infraView(fold, 7);
    expect(view.rows.map((r) => [r.key, r.tone, r.label])).toEqual([
      ['cluster:sao', 'busy', [{ t: 'text', s: 'sao' }]],
      ['zone:a.example', 'wait', [{ t: 'text', s: 'zone a.example' }]],
    ]);
    expect(view.rows[0]?.cells).toMatchObject({
      units: [{ s: '3/9' }],
      usual: [{ s: 'usually 10 min' }],
      now: [{ t: 'untrusted', s: 'aws_eks_node_group.this' }],
    });
    const late = infraView(foldInfra(fold, event({ elapsedMs: 900_000, usuallyMs: 600_000 })), 8);
    expect(late.rows[0]?.cells['usual']).toEqual([{ t: 'text', s: 'longer than usual (10 min)' }]);
  });
});
