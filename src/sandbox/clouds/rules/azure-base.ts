import type { CloudError } from '../model.ts';
import { str } from '../values.ts';
import { type Ctx, fail, type Need, ruleOf, type TypeRule } from './rule.ts';

type Loose = Parameters<typeof ruleOf>[1];

const base = {
  cloud: 'azure' as const,
  onStop: 'lost' as const,
};

/** A rule whose id is its path; a second object with the same path must be imported. */
export function azure(r: Loose): TypeRule {
  const exists = (_: Ctx, id: string): CloudError =>
    fail(
      409,
      'RequiresImport',
      `a resource with the ID "${id}" already exists - to be managed via Terraform this resource needs to be imported into the State. Please see the resource documentation for "${r.type}" for more information`,
    );
  return ruleOf({ ...base, exists }, { unique: (c) => c.id, ...r });
}

export const sub = (c: Ctx): string => `/subscriptions/${c.who.account}`;
export const group = (c: Ctx, name?: string): string =>
  `${sub(c)}/resourceGroups/${name ?? str(c.attrs.resource_group_name)}`;

export const groupNeed: Need = {
  path: 'resource_group_name',
  types: ['azurerm_resource_group'],
  by: 'name',
  error: (v) => fail(404, 'ResourceGroupNotFound', `Resource group '${v}' could not be found.`),
};
export const idNeed = (path: string, type: string): Need => ({
  path,
  types: [type],
  by: 'id',
  error: (v) =>
    fail(
      404,
      'ResourceNotFound',
      `The Resource '${v.split('/providers/').pop() ?? v}' under resource group '${v.split('/')[4] ?? ''}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    ),
});
