import { describe, expect, test } from 'vitest';
import { memoryMachines } from '../machines.ts';
import { createEngine } from './adapters/engine.ts';
import { openWorld } from './adapters/store.ts';
import { decide } from './machine/decide.ts';
import { applyChanges, emptyWorld } from './machine/draft.ts';
import { readSchema } from './mirror.ts';
import type { Chaos, Effect, Input, Obj, Outcome, Who, World } from './model.ts';
import { RULES } from './rules/index.ts';
import { type Block, objectFields } from './schema.ts';

const U = { $unknown: true };
const setting = { seed: 1, cloudTime: 60, regions: { 'sa-east-1': 1 } };
const who: Who = {
  provider: 'aws',
  cloud: 'aws',
  caller: 'tf',
  by: 'terraform',
  account: '111122223333',
  region: 'sa-east-1',
  tenant: '',
  principal: 'p',
  tags: {},
  preventGroupDelete: false,
};
const create = (type: string, planned: Obj): Input => ({ kind: 'create', who, type, planned: { id: U, ...planned } });
const access = { endpointIp: '198.18.1.10', ca: 'Q0E=', version: 'v1.36.3' };

/** Feeds inputs one after another and keeps what happened as lines. */
function play(o: { seed?: number } = {}) {
  let world: World = emptyWorld({ ...setting, seed: o.seed ?? 1 });
  const lines: string[] = [];
  const step = (input: Input, now: number, chaos: Chaos[] = []): Outcome => {
    const out = decide(world, input, chaos, now);
    world = applyChanges(world, out.changes);
    for (const e of out.effects) lines.push(`${now} effect ${line(e)}`);
    for (const c of out.changes)
      if (c.kind === 'op')
        lines.push(
          `${now} op ${c.value.verb} ${c.value.type} ${c.value.phase} caller=${c.value.caller} due=${c.value.dueAt} waits=${c.value.waitsFor}`,
        );
    if (out.error) lines.push(`${now} refused ${out.error.code}`);
    return out;
  };
  return { step, lines, world: () => world };
}
function line(e: Effect): string {
  return e.do === 'boot'
    ? `boot ${e.seed.id} ${e.seed.nodeCidr}`
    : e.do === 'answer'
      ? 'answer'
      : e.do === 'addNode'
        ? `addNode ${e.id} ${e.node.instanceType} ${e.node.cpu}`
        : e.do;
}

function network(p: ReturnType<typeof play>): { subnet: string; role: string } {
  const made = (type: string, planned: Obj): string => {
    const { op } = p.step(create(type, planned), 0);
    const id =
      p
        .world()
        .ops.get(op ?? '')
        ?.target.slice(type.length + 1) ?? '';
    p.step({ kind: 'tick' }, 1000);
    return id;
  };
  const vpc = made('aws_vpc', { cidr_block: '10.10.0.0/16' });
  const subnet = made('aws_subnet', { vpc_id: vpc, cidr_block: '10.10.0.0/20', availability_zone: 'sa-east-1a' });
  made('aws_iam_role', { name: 'r', arn: U });
  p.lines.length = 0;
  return { subnet, role: 'arn:aws:iam::111122223333:role/r' };
}
const clusterPlan = (n: { subnet: string; role: string }): Obj => ({
  name: 'one',
  role_arn: n.role,
  vpc_config: [{ subnet_ids: [n.subnet], vpc_id: U }],
  endpoint: U,
  status: U,
  certificate_authority: U,
});

describe('decide', () => {
  test('a cluster: accepted, booted, done when both the drawn time and the control plane are there', () => {
    const p = play();
    const n = network(p);
    const { op } = p.step(create('aws_eks_cluster', clusterPlan(n)), 2000);
    const due = p.world().ops.get(op ?? '')?.dueAt ?? 0;
    // 504 to 684 s of the cloud at 60 times its pace.
    expect(due - 2000).toBeGreaterThanOrEqual(8400);
    expect(due - 2000).toBeLessThanOrEqual(11_400);
    p.step({ kind: 'tick' }, due);
    expect(p.world().resources.get('aws_eks_cluster/one')).toMatchObject({
      phase: 'creating',
      attrs: { status: 'CREATING', endpoint: '' },
    });
    p.step({ kind: 'booted', op: op ?? '', access }, due + 500);
    const done = p.world().resources.get('aws_eks_cluster/one');
    expect(done).toMatchObject({
      phase: 'ready',
      attrs: { status: 'ACTIVE', certificate_authority: [{ data: 'Q0E=' }] },
    });
    expect(done?.attrs.endpoint).toMatch(/^https:\/\/[0-9A-F]{32}\.gr7\.sa-east-1\.eks\.amazonaws\.com$/);
    expect(
      p.lines.map((l) =>
        l.replaceAll(String(due), 'DUE').replace(/^\d+/, (t) => (Number(t) === due + 500 ? 'BOOTED' : t)),
      ),
    ).toEqual([
      '2000 effect boot aws-one 10.10.0.0/16',
      '2000 op create aws_eks_cluster running caller=waiting due=DUE waits=1',
      'BOOTED effect answer',
      'BOOTED op create aws_eks_cluster running caller=waiting due=DUE waits=0',
      'BOOTED op create aws_eks_cluster done caller=waiting due=DUE waits=0',
    ]);
  });

  test('the same seed draws the same ids whatever the order; another seed draws others', () => {
    const ids = (seed: number, order: string[]) => {
      const p = play({ seed });
      for (const cidr of order) p.step(create('aws_vpc', { cidr_block: cidr }), 0);
      return [...p.world().resources.keys()].toSorted();
    };
    expect(ids(1, ['10.1.0.0/16', '10.2.0.0/16'])).toEqual(ids(1, ['10.2.0.0/16', '10.1.0.0/16']));
    expect(ids(2, ['10.1.0.0/16'])).not.toEqual(ids(1, ['10.1.0.0/16']));
  });

  test('refusals change nothing', () => {
    const p = play();
    const refused = [
      p.step(create('aws_subnet', { vpc_id: 'vpc-none', cidr_block: '10.0.0.0/20' }), 0),
      p.step(create('aws_s3_bucket', {}), 0),
      p.step(create('aws_eip', { region: 'mars-1' }), 0),
    ];
    expect(refused.map((r) => r.error?.code)).toEqual(['InvalidVpcID.NotFound', 'TW9011', 'UnsupportedRegion']);
    expect([p.world().resources.size, p.world().ops.size, p.world().counters.size]).toEqual([0, 0, 0]);
  });

  test('a second object with the same name, and quotas by count', () => {
    const p = play();
    p.step(create('aws_iam_role', { name: 'r' }), 0);
    expect(p.step(create('aws_iam_role', { name: 'r' }), 0).error?.code).toBe('EntityAlreadyExists');
    for (let i = 0; i < 5; i++) expect(p.step(create('aws_eip', { domain: 'vpc' }), 0).error).toBeUndefined();
    expect(p.step(create('aws_eip', { domain: 'vpc' }), 0).error?.code).toBe('AddressLimitExceeded');
    const ips = [...p.world().resources.values()].map((r) => r.hidden.ip).filter(Boolean);
    expect(new Set(ips).size).toBe(5);
  });

  test('a delete waits for what is in the way, then gives the words of the cloud', () => {
    const p = play();
    const n = network(p);
    const vpc = [...p.world().resources.values()].find((r) => r.type === 'aws_vpc');
    const { op } = p.step({ kind: 'delete', who, type: 'aws_vpc', id: vpc?.id ?? '', prior: {} }, 10_000);
    p.step({ kind: 'tick' }, 12_000);
    expect(p.world().ops.get(op ?? '')?.phase).toBe('running');
    p.step({ kind: 'delete', who, type: 'aws_subnet', id: n.subnet, prior: {} }, 12_000);
    p.step({ kind: 'tick' }, 13_000);
    p.step({ kind: 'tick' }, 13_500);
    expect(p.world().ops.get(op ?? '')?.phase).toBe('done');
    expect(p.world().resources.has(vpc?.key ?? '')).toBe(false);
  });

  test('every rule names paths of its own schema', () => {
    const dir = `${import.meta.dirname}/../../../terraform/schema`;
    const known = new Map(
      (['aws', 'azurerm', 'google'] as const).flatMap((n) => Object.entries(readSchema(dir, n).resources)),
    );
    const bad: string[] = [];
    for (const rule of RULES.values()) {
      const block = known.get(rule.type);
      if (!block) bad.push(`${rule.type}: no schema`);
      const paths = [
        ...Object.keys(rule.server),
        ...Object.keys(rule.derived),
        ...Object.keys(rule.defaults),
        ...rule.forceNew,
        ...rule.secret,
        ...rule.needs.map((x) => x.path),
      ];
      for (const path of paths) if (block && !hasPath(block, path)) bad.push(`${rule.type}.${path}`);
    }
    expect(bad).toEqual([]);
  });
});

function hasPath(block: Block, path: string): boolean {
  const [step = '', ...rest] = path.split('.');
  const nested = block.blocks[step];
  if (nested) return rest.length === 0 || hasPath(nested.block, rest.join('.'));
  const type = block.attrs[step]?.type;
  if (type === undefined) return false;
  const fields = objectFields(type);
  return rest.length === 0 || (rest.length === 1 && fields !== undefined && (rest[0] ?? '') in fields);
}

describe('a restart', () => {
  test('running operations end, ready machines are asserted again, nothing is drawn anew', async () => {
    const store = openWorld(':memory:');
    const machines = memoryMachines();
    let release = (): void => undefined;
    const slow = { ...machines, boot: () => new Promise<typeof access>((r) => (release = () => r(access))) };
    const first = createEngine({ store, machines: slow, setting: { ...setting, cloudTime: 60_000 } });
    const n = await networkOf(first);
    const { op } = first.submit(create('aws_eks_cluster', clusterPlan(n)));
    expect(op).toBeDefined();
    const closing = first.close();
    release();
    await closing;
    const again = createEngine({ store, machines, setting: { ...setting, cloudTime: 60_000 } });
    await again.idle('aws_eks_cluster/one');
    expect(again.world().resources.get('aws_eks_cluster/one')?.phase).toBe('ready');
    expect(again.world().ops.get(op ?? '')).toMatchObject({ phase: 'done', caller: 'gone' });
    expect(machines.clusters.has('aws-one')).toBe(true);
    await again.close();
    await machines.remove('aws-one');
    const third = createEngine({ store, machines, setting: { ...setting, cloudTime: 60_000 } });
    await new Promise((r) => setTimeout(r, 20));
    expect(machines.clusters.has('aws-one')).toBe(true);
    await third.close();
    store.close();
  });
});

async function networkOf(e: ReturnType<typeof createEngine>): Promise<{ subnet: string; role: string }> {
  const make = async (type: string, planned: Obj): Promise<string> => {
    const { op } = e.submit(create(type, planned));
    await e.settled(op ?? '');
    return (
      e
        .world()
        .ops.get(op ?? '')
        ?.target.slice(type.length + 1) ?? ''
    );
  };
  const vpc = await make('aws_vpc', { cidr_block: '10.10.0.0/16' });
  const subnet = await make('aws_subnet', { vpc_id: vpc, cidr_block: '10.10.0.0/20', availability_zone: 'sa-east-1a' });
  await make('aws_iam_role', { name: 'r', arn: U });
  return { subnet, role: 'arn:aws:iam::111122223333:role/r' };
}
