/**
 * Teardown with leaks, real terraform and provider on the simulated clouds: what a cluster's controllers
 * left blocks the destruction, the sweep deletes it, one retry, nothing left. Skipped by name without
 * terraform and the sandbox's provider.
 */
import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { cloudLeftovers, openClouds } from '../../src/infra/adapters/clouds/index.ts';
import { openTerraform } from '../../src/infra/adapters/find.ts';
import { infraApply } from '../../src/infra/apply.ts';
import { infraDestroy } from '../../src/infra/destroy.ts';
import type { InfraContext } from '../../src/infra/engine.ts';
import type { EndEvent, InfraEvent } from '../../src/infra/model.ts';
import { infraPlan } from '../../src/infra/plan-roots.ts';
import { labPlace, threeClouds } from '../../src/infra/testing/lab.ts';
import { terraformBinary } from '../../src/infra/testing/terraform.ts';
import { type Journal, memoryJournal, systemClock } from '../../src/kernel/index.ts';
import { fakeCredentials } from '../../src/sandbox/clouds/credentials.ts';
import { type Bench, openBench, providerBinary, WEB_WISH } from '../../src/sandbox/clouds/harness.ts';

const config = threeClouds({
  fleet: 'guestbook-demo',
  accounts: {
    aws: { account: '111122223333' },
    azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '66666666-7777-4888-9999-000000000000' },
    gcp: { project: 'tradewind-demo' },
  },
});
interface World {
  bench: Bench;
  ctx: InfraContext;
  journal: Journal;
}
const open: Bench[] = [];

async function world(): Promise<World> {
  const any = '127.0.0.1:0';
  const bench = await openBench({ listen: { aws: any, azure: any, google: any }, cloudTime: 1200 });
  open.push(bench);
  const { ports } = bench.clouds;
  const door = { aws: ports.aws, azure: ports.azure, google: ports.google };
  const { env, endpoints } = fakeCredentials(bench.seed);
  const local = Object.entries(endpoints).map(([k, url]): [string, string] => {
    const { pathname } = new URL(url);
    const host = `http://127.0.0.1:${door[k.split('.')[0] as keyof typeof door]}`;
    return [k, `${host}${pathname === '/' ? '' : pathname}`];
  });
  const place = labPlace(bench.dir, {
    env: { ...bench.mirror.env, HOME: bench.dir, ...env },
    endpoints: Object.fromEntries(local),
    ownProviders: true,
  });
  const journal = memoryJournal();
  const tf = await openTerraform({ config, place, journal, clock: systemClock });
  return { bench, journal, ctx: { config, place, tf, journal, clock: systemClock, lockSeconds: 5 } };
}
afterEach(async () => {
  for (const b of open.splice(0)) {
    await b.close();
    rmSync(b.dir, { recursive: true, force: true });
  }
});

async function endOf(events: AsyncIterable<InfraEvent>): Promise<EndEvent> {
  let end: EndEvent | undefined;
  for await (const e of events) if (e.type === 'end') end = e;
  if (end === undefined) throw new Error('no end');
  return end;
}

async function balance(w: World, cluster: string): Promise<void> {
  const { op, error } = w.bench.clouds.engine.submit({ kind: 'balance', cluster, uid: `u-${cluster}`, wish: WEB_WISH });
  expect(error).toBeUndefined();
  await w.bench.clouds.engine.settled(op ?? '');
}
const CLUSTERS = ['aws-guestbook-demo-sao', 'azure-guestbook-demo-mtl', 'gcp-guestbook-demo-syd'];
const left = (w: World): string[] => [...w.bench.clouds.engine.world().resources.keys()];

const ready = terraformBinary() !== undefined && providerBinary() !== undefined;
describe.runIf(ready)('teardown with leaks (needs terraform and TW_PROVIDER_BIN)', { timeout: 120_000 }, () => {
  it('load balancers without a Service: destroy is blocked, swept, done; the world is empty', async () => {
    const w = await world();
    expect((await endOf(infraApply(await infraPlan(w.ctx), w.ctx))).failures).toEqual([]);
    for (const cluster of CLUSTERS) await balance(w, cluster);
    const leftovers = cloudLeftovers(openClouds(w.ctx.place, systemClock, {}), w.ctx.tf.roots);
    const end = await endOf(infraDestroy({ ...w.ctx, leftovers }));
    expect(end.failures).toEqual([]);
    expect(left(w)).toEqual([]);
    const sweeps = w.journal.read({ kind: 'infra.sweep' });
    const found = (cluster: string): string[] =>
      sweeps.filter((f) => f.cluster === cluster).flatMap((f) => (f.data as { found: string[] }).found);
    expect(found('sao').join()).toMatch(/load balancer arn:.*security group sg-.*network interface eni-/);
    expect(found('syd').join()).toMatch(/forwarding rule .*firewall .*network endpoint group /);
    expect(found('mtl'), 'its group takes all with it').toEqual([]);
    const blocked = w.journal
      .read({ kind: 'infra.state' })
      .map((f) => JSON.stringify(f.data))
      .filter((d) => d.includes('DependencyViolation'));
    expect(blocked.length, 'terraform met the leak first').toBeGreaterThan(0);
  });

  it('without a sweep the network stays; a volume is listed and not deleted', async () => {
    const w = await world();
    expect((await endOf(infraApply(await infraPlan(w.ctx), w.ctx))).failures).toEqual([]);
    await balance(w, 'aws-guestbook-demo-sao');
    w.bench.clouds.engine.submit({
      kind: 'volume',
      cluster: 'aws-guestbook-demo-sao',
      wish: { name: 'pvc-1', gib: 20, zone: 'sa-east-1a' },
    });
    const bare = await endOf(infraDestroy({ ...w.ctx, only: ['sao'] }));
    expect(bare.failures.map((f) => f.code)).toEqual(['TW2102']);
    expect(left(w).filter((k) => k.startsWith('aws_vpc/'))).toHaveLength(1);
    const leftovers = cloudLeftovers(openClouds(w.ctx.place, systemClock, {}), w.ctx.tf.roots);
    const swept = await endOf(infraDestroy({ ...w.ctx, only: ['sao'], leftovers }));
    expect(swept.failures.map((f) => [f.code, f.why])).toEqual([
      ['TW2301', [expect.stringMatching(/^volume of 20 GiB vol-/)]],
    ]);
    expect(left(w).filter((k) => k.startsWith('aws_vpc/') || k.startsWith('aws_lb/'))).toEqual([]);
    expect(left(w).filter((k) => k.startsWith('aws_ebs_volume/'))).toHaveLength(1);
  });
});
