import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../kernel/index.ts';
import type { Root } from './model.ts';
import {
  changesOf,
  driftOf,
  masked,
  operations,
  type PlanFacts,
  type PlanJson,
  planDigest,
  refuseLoss,
  surplus,
} from './plan.ts';

const root: Root = { id: 'cluster:sao', cluster: 'sao', module: 'aws-eks', vars: { fleet: 'shop' }, needs: [] };
const facts: PlanFacts = { root, moduleDigest: 'sha256:m', lineage: 'l1' };

type RC = NonNullable<PlanJson['resource_changes']>[number];
const change = (
  address: string,
  actions: string[],
  [before, after]: [Json, Json],
  more: Partial<RC> & { unknown?: Json; sensitive?: Json } = {},
): RC => {
  const { unknown, sensitive, ...rest } = more;
  return {
    address,
    type: address.split('.').at(-2) ?? '',
    mode: 'managed',
    change: {
      actions,
      before,
      after,
      ...(unknown === undefined ? {} : { after_unknown: unknown }),
      ...(sensitive === undefined ? {} : { after_sensitive: sensitive, before_sensitive: sensitive }),
    },
    ...rest,
  };
};
const plan: PlanJson = {
  resource_changes: [
    change(
      'module.this.aws_vpc.this',
      ['update'],
      [
        { cidr: 'a', same: 1 },
        { cidr: 'b', same: 1 },
      ],
    ),
    change(
      'module.this.aws_eks_cluster.this',
      ['delete', 'create'],
      [
        { name: 'x', ca: 's3cret' },
        { name: 'y', ca: null },
      ],
      {
        unknown: { id: true },
        sensitive: { ca: true },
        action_reason: 'replace_because_cannot_update',
      },
    ),
    change('module.this.aws_eip.a', ['create'], [null, { domain: 'vpc' }]),
    change('module.this.aws_eip.b', ['no-op'], [{ a: 1 }, { a: 1 }]),
    { ...change('module.this.data.aws_caller_identity.this', ['read'], [null, {}]), mode: 'data' },
  ],
  resource_drift: [change('module.this.aws_eks_node_group.this', ['update'], [{ n: 1 }, { n: 2 }])],
};

describe('a plan for people', () => {
  it('names what changes, masks secrets and unknown values, leaves the rest out', () => {
    const changes = changesOf(plan);
    expect(changes.map((c) => [c.address, c.action, c.destroysCluster])).toEqual([
      ['module.this.aws_vpc.this', 'update', false],
      ['module.this.aws_eks_cluster.this', 'replace', true],
      ['module.this.aws_eip.a', 'create', false],
    ]);
    expect(changes[0]).toMatchObject({ from: { cidr: 'a' }, to: { cidr: 'b' } });
    expect(changes[1]).toMatchObject({ reason: 'replace_because_cannot_update', to: { id: '(known after apply)' } });
    expect(JSON.stringify(changes)).not.toContain('s3cret');
    expect(operations(changes)).toBe(4);
    expect(driftOf(plan).map((c) => c.address)).toEqual(['module.this.aws_eks_node_group.this']);
  });

  it('never lets a sensitive value through, at any depth', () => {
    const secret = 'top-secret-value';
    const tree = fc.letrec<{ v: Json; m: Json }>((tie) => ({
      v: fc.oneof(
        fc.constant(secret),
        fc.integer(),
        fc.array(tie('v'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b'), tie('v')),
      ),
      m: fc.constant(true),
    })).v;
    fc.assert(
      fc.property(tree, (value) => !JSON.stringify(masked({ x: value }, { x: true }, '(sensitive)')).includes(secret)),
    );
    expect(masked({ a: [{ p: secret }, { p: 'q' }] }, { a: [{ p: true }, {}] }, '*')).toEqual({
      a: [{ p: '*' }, { p: 'q' }],
    });
  });
});

describe('digest', () => {
  const id = planDigest(plan, facts);
  it('does not see order, time, state serials or what does not change', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(plan.resource_changes ?? [], { minLength: 5, maxLength: 5 }),
        fc.date(),
        (order, at) => {
          const other = {
            ...plan,
            resource_changes: order,
            timestamp: String(at),
            planned_values: { x: 1 },
          } as PlanJson;
          return planDigest(other, facts) === id;
        },
      ),
    );
  });
  it('sees every other change', () => {
    const changes = plan.resource_changes ?? [];
    const [vpc] = changes;
    if (vpc === undefined) throw new Error('no change');
    const others = [
      planDigest({ ...plan, resource_changes: changes.slice(1) }, facts),
      planDigest(
        {
          ...plan,
          resource_changes: [
            change(
              vpc.address,
              ['update'],
              [
                { cidr: 'a', same: 1 },
                { cidr: 'c', same: 1 },
              ],
            ),
            ...changes.slice(1),
          ],
        },
        facts,
      ),
      planDigest(
        { ...plan, resource_changes: [{ ...vpc, previous_address: 'module.this.aws_vpc.old' }, ...changes.slice(1)] },
        facts,
      ),
      planDigest(
        {
          ...plan,
          resource_changes: [{ ...vpc, change: { ...vpc.change, importing: { id: 'vpc-1' } } }, ...changes.slice(1)],
        },
        facts,
      ),
      planDigest(plan, { ...facts, lineage: 'l2' }),
      planDigest(plan, { ...facts, moduleDigest: 'sha256:n' }),
      planDigest(plan, { ...facts, root: { ...root, vars: { fleet: 'other' } } }),
    ];
    expect(new Set([id, ...others]).size).toBe(others.length + 1);
  });
});

describe('what a plan may not do', () => {
  it('loses no cluster that may serve somebody, and says how to do it on purpose', () => {
    const p = refuseLoss(changesOf(plan), 'sao', true);
    expect(p).toMatchObject({ code: 'TW2112', value: 'sao', fix: [{ command: 'tw down --on sao' }] });
    expect(refuseLoss(changesOf(plan), 'sao', false)).toBeUndefined();
    expect(
      refuseLoss(
        changesOf(plan).filter((c) => !c.destroysCluster),
        'sao',
        true,
      ),
    ).toBeUndefined();
  });
  it('exceeds no envelope: exact addresses, never a replacement', () => {
    const allow = (address: string): { address: string; actions: ('create' | 'update')[] } => ({
      address,
      actions: ['create', 'update'],
    });
    const envelope = { allow: [allow('module.this.aws_eip.a'), allow('module.this.aws_eks_cluster.this')] };
    expect(surplus(changesOf(plan), envelope).map((c) => c.address)).toEqual([
      'module.this.aws_vpc.this',
      'module.this.aws_eks_cluster.this',
    ]);
  });
});
