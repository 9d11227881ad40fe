/**
 * The three cluster modules and the zone on the simulated clouds, through this room's own verbs.
 * Needs terraform and the sandbox's provider (TW_PROVIDER_BIN); skipped by name without them.
 */
import { appendFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { credentialsFor } from '../../src/infra/adapters/credentials/index.ts';
import { openTerraform } from '../../src/infra/adapters/find.ts';
import { infraApply } from '../../src/infra/apply.ts';
import { infraDestroy } from '../../src/infra/destroy.ts';
import type { InfraContext } from '../../src/infra/engine.ts';
import type { EndEvent, InfraEvent, Place, RootEvent } from '../../src/infra/model.ts';
import { infraPlan } from '../../src/infra/plan-roots.ts';
import { labPlace, threeClouds } from '../../src/infra/testing/lab.ts';
import { terraformBinary } from '../../src/infra/testing/terraform.ts';
import { type Journal, memoryJournal, systemClock } from '../../src/kernel/index.ts';
import { fakeCredentials } from '../../src/sandbox/clouds/credentials.ts';
import { type Bench, openBench, providerBinary } from '../../src/sandbox/clouds/harness.ts';
import type { Chaos } from '../../src/sandbox/clouds/model.ts';

const config = (change: Record<string, unknown> = {}) =>
  threeClouds({
    fleet: 'guestbook-demo',
    accounts: {
      aws: { account: '111122223333' },
      azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '66666666-7777-4888-9999-000000000000' },
      gcp: { project: 'tradewind-demo' },
    },
    ...change,
  });

interface World {
  bench: Bench;
  place: Place;
  journal: Journal;
  ctx: InfraContext;
}
const open: Bench[] = [];
async function world(env: Record<string, string | undefined> = {}, cloudTime = 1200): Promise<World> {
  const listen = { aws: '127.0.0.1:0', azure: '127.0.0.1:0', google: '127.0.0.1:0' };
  const bench = await openBench({ listen, cloudTime });
  open.push(bench);
  const identities = { ...fakeCredentials(bench.seed).env, ...env };
  const merged = Object.fromEntries(
    Object.entries(identities).filter((e): e is [string, string] => e[1] !== undefined),
  );
  const { ports } = bench.clouds;
  const place = labPlace(bench.dir, {
    env: { ...bench.mirror.env, HOME: bench.dir, ...merged },
    endpoints: {
      'azure.login': `http://127.0.0.1:${ports.azure}`,
      'google.token': `http://127.0.0.1:${ports.google}/token`,
    },
    ownProviders: true,
  });
  const journal = memoryJournal();
  const tf = await openTerraform({ config: config(), place, journal, clock: systemClock });
  return { bench, place, journal, ctx: { config: config(), place, tf, journal, clock: systemClock, lockSeconds: 5 } };
}
afterEach(async () => {
  for (const b of open.splice(0)) {
    await b.close();
    rmSync(b.dir, { recursive: true, force: true });
  }
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
const chaos = (what: Chaos['what'], where: Chaos['where'], args: Chaos['args'] = {}): Chaos => ({
  id: what,
  what,
  where,
  args,
  from: 0,
});
const resources = (w: World): string[] => [...w.bench.clouds.engine.world().resources.keys()];

async function authenticated(w: World, id: string, door: 'aws' | 'azure' | 'google', token: string): Promise<unknown> {
  const r = await fetch(`http://127.0.0.1:${w.bench.clouds.ports[door]}/webhook/${id}`, {
    method: 'POST',
    body: JSON.stringify({ spec: { token } }),
  });
  return ((await r.json()) as { status: unknown }).status;
}

const ready = terraformBinary() !== undefined && providerBinary() !== undefined;
describe.runIf(ready)(
  'modules on the simulated clouds (needs terraform and TW_PROVIDER_BIN)',
  { timeout: 120_000 },
  () => {
    it('up, nothing left to do, tokens that the clusters accept, down, nothing left', async () => {
      const w = await world();
      const plan = await infraPlan(w.ctx);
      expect(plan.roots.map((r) => r.kind)).toEqual(['planned', 'planned', 'planned', 'deferred']);
      const { roots, end } = await all(infraApply(plan, w.ctx));
      expect(end.failures).toEqual([]);
      const phases = new Set(
        roots.filter((e) => e.root === 'cluster:sao' && e.state === 'applying').map((e) => e.phase),
      );
      expect([...phases]).toEqual(expect.arrayContaining(['network', 'control-plane', 'nodes']));
      for (const [name, o] of Object.entries(end.outputs)) {
        expect(o, name).toMatchObject({ name: `guestbook-demo-${name}`, ca: expect.any(String) as string });
        expect(o.nameserver?.ip, name).toMatch(/^198\.18\.\d+\.\d+$/);
      }
      const ids = { sao: ['aws', 'aws'], mtl: ['azure', 'azure'], syd: ['gcp', 'google'] } as const;
      for (const [name, [cloud, door]] of Object.entries(ids)) {
        const o = end.outputs[name];
        if (o === undefined) throw new Error(`no ${name}`);
        const { token } = await credentialsFor(o, w.place, systemClock, {}).token();
        expect(await authenticated(w, `${cloud}-guestbook-demo-${name}`, door, token), name).toMatchObject({
          authenticated: true,
          user: { groups: expect.arrayContaining(['system:masters']) as string[] },
        });
      }
      const second = await infraPlan(w.ctx);
      expect(second.roots.map((r) => r.kind)).toEqual(['unchanged', 'unchanged', 'unchanged', 'unchanged']);
      const down = await all(infraDestroy(w.ctx));
      expect(down.end.failures).toEqual([]);
      expect(resources(w)).toEqual([]);
      expect(await w.ctx.tf.roots.list()).toEqual([]);
    });

    it('missing credentials of one cloud: the other two stand, and the zone knows them', async () => {
      const w = await world({ ARM_CLIENT_ID: undefined, ARM_CLIENT_SECRET: undefined });
      const plan = await infraPlan(w.ctx);
      const mtl = plan.roots.find((r) => r.root === 'cluster:mtl');
      expect(mtl).toMatchObject({ kind: 'failed', problem: { code: 'TW2201', value: 'azure', exit: 3 } });
      const { end } = await all(infraApply(plan, w.ctx));
      expect(Object.keys(end.outputs)).toEqual(['sao', 'syd']);
      expect(end.failures.map((p) => p.code)).toEqual(['TW2201']);
      expect(resources(w).some((r) => r.includes('aws_route53_zone'))).toBe(true);
    });

    it('a provider that was built anew: taken where providers are our own, refused elsewhere', async () => {
      const w = await world();
      const only = ['syd'];
      expect((await infraPlan({ ...w.ctx, only })).roots[0]?.kind).toBe('planned');
      for (const f of readdirSync(w.bench.mirror.mirrorDir, { recursive: true, encoding: 'utf8' }))
        if (/terraform-provider-google_v[^/]+$/.test(f)) appendFileSync(join(w.bench.mirror.mirrorDir, f), 'x');
      const strict = { ...w.ctx, tf: { ...w.ctx.tf, ownProviders: false }, only };
      expect((await infraPlan(strict)).roots[0]).toMatchObject({ kind: 'failed', problem: { code: 'TW2108' } });
      expect((await infraPlan({ ...w.ctx, only })).roots[0]?.kind).toBe('planned');
    });

    it('the wrong account is refused before anything is planned', async () => {
      const w = await world();
      const other = config({ accounts: { ...config().accounts, aws: { account: '999988887777' } } });
      const plan = await infraPlan({ ...w.ctx, config: other });
      expect(plan.roots.find((r) => r.root === 'cluster:sao')).toMatchObject({
        kind: 'failed',
        problem: { code: 'TW2020' },
      });
    });

    it('quota, machine type, a cluster that fails late: which resource and why; healed, the next up finishes', async () => {
      const w = await world();
      w.bench.clouds.engine.setChaos([
        chaos('quota', { cloud: 'azure' }),
        chaos('typeMissing', { cloud: 'gcp' }),
        chaos('fail', { type: 'aws_eks_cluster' }),
      ]);
      const { end } = await all(infraApply(await infraPlan(w.ctx), w.ctx));
      expect(end.outputs).toEqual({});
      const [aws, azure, gcp, zone] = end.failures;
      expect(aws).toMatchObject({
        code: 'TW2102',
        where: [{ cluster: 'sao', resource: 'module.this.aws_eks_cluster.this' }],
      });
      expect(azure).toMatchObject({ code: 'TW2102', value: 'module.this.azurerm_kubernetes_cluster.this, quota' });
      expect(azure?.fix.some((f) => f.say.includes('https://portal.azure.com'))).toBe(true);
      expect(gcp).toMatchObject({ code: 'TW2102', where: [{ cluster: 'syd' }] });
      expect(gcp?.value).toMatch(/^module\.this\.google_container_(cluster|node_pool)\.this, /);
      expect(zone).toMatchObject({ code: 'TW2114', value: 'zone:shop.example' });
      w.bench.clouds.engine.setChaos([]);
      const again = await all(infraApply(await infraPlan(w.ctx), w.ctx));
      expect(again.end.failures).toEqual([]);
      expect(Object.keys(again.end.outputs)).toHaveLength(3);
    });

    it('an interrupted create is in the state, and the next up finishes it', async () => {
      const w = await world({}, 400);
      const plan = await infraPlan({ ...w.ctx, only: ['sao'] });
      const stop = new AbortController();
      let end: EndEvent | undefined;
      for await (const e of infraApply(plan, w.ctx, { stop: stop.signal })) {
        if (e.type === 'end') end = e;
        else if (e.address?.includes('aws_eks_cluster') === true) stop.abort();
      }
      expect(end).toMatchObject({ interrupted: true });
      const state = await w.ctx.tf.roots.state('cluster:sao');
      const there = resources(w).filter((r) => !r.includes('route53')).length;
      expect(state?.resources).toBe(there);
      const again = await all(infraApply(await infraPlan({ ...w.ctx, only: ['sao'] }), w.ctx));
      expect(again.end.failures).toEqual([]);
    });

    it('what an interrupt left outside the state is named, with what to do', async () => {
      // Slow enough that the create is still under way when the interrupt arrives, on a busy machine too.
      const w = await world({}, 60);
      const stop = new AbortController();
      for await (const e of infraApply(await infraPlan({ ...w.ctx, only: ['mtl'] }), w.ctx, { stop: stop.signal })) {
        if (e.type === 'root' && e.address?.includes('azurerm_kubernetes_cluster') === true) stop.abort();
      }
      // the provider of this cloud returns nothing for an interrupted create
      const cluster = resources(w).find((r) => r.startsWith('azurerm_kubernetes_cluster/'));
      while (w.bench.clouds.engine.world().resources.get(cluster ?? '')?.phase === 'creating')
        await systemClock.sleep(50);
      const again = await all(infraApply(await infraPlan({ ...w.ctx, only: ['mtl'] }), w.ctx));
      expect(again.end.failures.slice(0, 1)).toMatchObject([
        { code: 'TW2401', where: [{ cluster: 'mtl', resource: 'module.this.azurerm_kubernetes_cluster.this' }] },
      ]);
    });

    it('one cluster leaves: its nameserver leaves the zone first, the others stay', async () => {
      const w = await world();
      await all(infraApply(await infraPlan(w.ctx), w.ctx));
      const { roots, end } = await all(infraDestroy({ ...w.ctx, only: ['syd'] }));
      expect(end.failures).toEqual([]);
      const zoneDone = roots.findIndex((e) => e.root.startsWith('zone:') && e.state === 'ready');
      const destroying = roots.findIndex((e) => e.root === 'cluster:syd' && e.state === 'destroying');
      expect(zoneDone).toBeGreaterThanOrEqual(0);
      expect(zoneDone).toBeLessThan(destroying);
      expect(Object.keys(end.outputs)).toEqual(['sao', 'mtl']);
      const zone = await w.ctx.tf.roots.load('zone:shop.example', 'guestbook-demo');
      expect(Object.keys(zone?.vars['nameservers'] ?? {})).toEqual(['mtl', 'sao']);
    });

    it('a changed region is refused as long as the cluster may serve somebody', async () => {
      const w = await world();
      await all(infraApply(await infraPlan({ ...w.ctx, only: ['sao'] }), { ...w.ctx }));
      const moved = config({
        clusters: { sao: { cloud: 'aws', region: 'sa-east-1', network: { nodes: '10.99.0.0/16' } } },
      });
      const plan = await infraPlan({ ...w.ctx, config: moved });
      expect(plan.roots[0]).toMatchObject({ kind: 'failed', problem: { code: 'TW2112', value: 'sao' } });
    });
  },
);
