import type { CloudError, Data } from '../model.ts';
import { isObj, isUnknown, str, stringMap } from '../values.ts';
import { type Blocker, type Ctx, fail, find, type Need, type PlanCtx, ruleOf, type TypeRule } from './rule.ts';

type Loose = Parameters<typeof ruleOf>[1];

/** tags_all as the provider plans it: default_tags under the resource's own. */
function tagsAll(c: PlanCtx): Data {
  if (isUnknown(c.attrs.tags)) return { $unknown: true };
  return { ...c.who.tags, ...stringMap(c.attrs.tags) };
}

const tagged = { tags_all: tagsAll };
const regional = { region: (c: PlanCtx): Data => c.who.region };

const base = {
  cloud: 'aws' as const,
  onStop: 'taint' as const,
  exists: (_: Ctx, name: string): CloudError => fail(409, 'EntityAlreadyExists', `${name} already exists.`),
};

/** A rule for a type with tags in a region. */
export function aws(r: Loose): TypeRule {
  return ruleOf(base, {
    ...r,
    derived: { ...tagged, ...regional, ...r.derived },
    forceNew: ['region', ...(r.forceNew ?? [])],
  });
}
/** A rule for a type with a region and without tags. */
export function awsPlain(r: Loose): TypeRule {
  return ruleOf(base, { ...r, derived: { ...regional, ...r.derived }, forceNew: ['region', ...(r.forceNew ?? [])] });
}
/** A rule for a global type (IAM, Route 53). */
export function awsGlobal(r: Loose & { tags?: boolean }): TypeRule {
  const { tags, ...rest } = r;
  return ruleOf(base, { ...rest, derived: { ...(tags ? tagged : {}), ...r.derived } });
}

/** A reference by id whose absence EC2 reports as `Invalid<what>.NotFound`. */
export function ec2Need(path: string, type: string, what: string, label: string): Need {
  return {
    path,
    types: [type],
    by: 'id',
    error: (v) => fail(400, `Invalid${what}.NotFound`, `The ${label} '${v}' does not exist`),
  };
}

/** Another object whose attribute names this one; EC2 answers DependencyViolation. */
export function ec2Blocker(types: string[], path: string, label: string): Blocker {
  return {
    holds: (other, self) => types.includes(other.type) && refersTo(other.attrs, path, self.id),
    error: (_, self) =>
      fail(400, 'DependencyViolation', `The ${label} '${self.id}' has dependencies and cannot be deleted.`),
  };
}

function refersTo(attrs: Data, path: string, id: string): boolean {
  let here: Data | undefined = attrs;
  for (const step of path.split('.')) {
    if (Array.isArray(here) && isObj(here[0])) here = here[0];
    here = isObj(here) ? here[step] : undefined;
  }
  return here === id || (Array.isArray(here) && here.includes(id));
}

export const arn = (c: Ctx, service: string, what: string): string =>
  `arn:aws:${service}:${c.who.region}:${c.who.account}:${what}`;
export const iamArn = (c: Ctx, what: string): string => `arn:aws:iam::${c.who.account}:${what}`;

/** `2026112513563912340000000001`-like suffix of name_prefix. */
export function prefixed(c: Ctx, fallback: string): string {
  const t = new Date(c.now).toISOString().replace(/\D/g, '').slice(0, 14);
  return `${str(c.attrs.name_prefix) || fallback}${t}${c.draw.digits('suffix', 12)}`;
}

export function vpcOfSubnet(c: Ctx, subnet: string): string {
  return str(find(c.world, 'aws_subnet', 'id', subnet)?.attrs.vpc_id);
}
