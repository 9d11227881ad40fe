import type { CloudError, Data } from '../model.ts';
import { isUnknown, str, stringMap } from '../values.ts';
import { type Ctx, fail, type Need, type PlanCtx, ruleOf, type TypeRule } from './rule.ts';

type Loose = Parameters<typeof ruleOf>[1];

const project = { project: (c: PlanCtx): Data => c.who.account };
const region = { region: (c: PlanCtx): Data => c.who.region };

/** Labels as the provider plans them: its attribution label and default_labels under the resource's own. */
function labels(c: PlanCtx): Data {
  if (isUnknown(c.attrs.labels)) return { $unknown: true };
  return { 'goog-terraform-provisioned': 'true', ...c.who.tags, ...stringMap(c.attrs.labels) };
}
export const labelled = { effective_labels: labels, terraform_labels: labels };

const base = {
  cloud: 'gcp' as const,
  onStop: 'taint' as const,
  exists: (_: Ctx, id: string): CloudError => fail(409, 'alreadyExists', `The resource '${id}' already exists`),
};

/** A rule in a project; `self_link` and `id` are its path. */
export function gcp(r: Loose & { regional?: boolean; labels?: boolean }): TypeRule {
  const { regional, labels: withLabels, ...rest } = r;
  return ruleOf(base, {
    unique: (c) => c.id,
    ...rest,
    derived: { ...project, ...(regional ? region : {}), ...(withLabels ? labelled : {}), ...r.derived },
    forceNew: ['project', ...(regional ? ['region'] : []), ...(r.forceNew ?? [])],
  });
}

export const projectPath = (c: Ctx): string => `projects/${str(c.attrs.project) || c.who.account}`;
export const regionPath = (c: Ctx): string => `${projectPath(c)}/regions/${str(c.attrs.region) || c.who.region}`;
export const selfLink = (path: string): string => `https://www.googleapis.com/compute/v1/${path}`;
/** `n` of a self link, a path or a bare name. */
export const lastOf = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);

/** A reference by path, self link or name. */
export const gcpNeed = (path: string, type: string, where: (name: string, c: Ctx) => string): Need => ({
  path,
  types: [type],
  by: 'name',
  error: (v, c) => fail(404, 'notFound', `The resource '${where(lastOf(v), c)}' was not found`),
});

export const inUse = (self: string, other: string): CloudError =>
  fail(
    400,
    'resourceInUseByAnotherResource',
    `The ${kindOf(self)} resource '${self}' is already being used by '${other}'`,
  );

function kindOf(path: string): string {
  const kind = path.split('/').at(-2) ?? '';
  return { networks: 'network', subnetworks: 'subnetwork', addresses: 'address', routers: 'router' }[kind] ?? kind;
}
