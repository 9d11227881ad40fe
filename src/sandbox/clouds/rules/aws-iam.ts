import { str } from '../values.ts';
import { awsGlobal, iamArn, prefixed } from './aws-base.ts';
import { type Blocker, fail, iso, type Need, type TypeRule } from './rule.ts';

const roleNeed: Need = {
  path: 'role',
  types: ['aws_iam_role'],
  by: 'name',
  error: (v) => fail(404, 'NoSuchEntity', `The role with name ${v} cannot be found.`),
};
const attached: Blocker = {
  holds: (o, self) =>
    ['aws_iam_role_policy_attachment', 'aws_iam_role_policy'].includes(o.type) &&
    o.attrs.role === self.id &&
    self.attrs.force_detach_policies !== true,
  error: (o) =>
    fail(
      409,
      'DeleteConflict',
      o.type === 'aws_iam_role_policy'
        ? 'Cannot delete entity, must delete policies first.'
        : 'Cannot delete entity, must detach all policies first.',
    ),
};

const role: TypeRule = awsGlobal({
  type: 'aws_iam_role',
  tags: true,
  words: { label: 'IAM Role', service: 'IAM', calls: { create: 'CreateRole', delete: 'DeleteRole' } },
  id: (c) => str(c.attrs.name) || prefixed(c, 'terraform-'),
  server: {
    arn: (c) => iamArn(c, `role${str(c.attrs.path) || '/'}${c.id}`),
    create_date: (c) => iso(c.now),
    managed_policy_arns: () => [],
    name: (c) => c.id,
    name_prefix: () => '',
    unique_id: (c) => `AROA${c.draw.upper('unique', 17)}`,
  },
  defaults: { force_detach_policies: false, max_session_duration: 3600, path: '/' },
  forceNew: ['name', 'name_prefix', 'path'],
  blockedBy: [attached],
  unique: (c) => c.id,
  exists: (_, name) => fail(409, 'EntityAlreadyExists', `Role with name ${name} already exists.`),
});

const attachment: TypeRule = awsGlobal({
  type: 'aws_iam_role_policy_attachment',
  words: {
    label: 'IAM Policy to Role Attachment',
    service: 'IAM',
    calls: { create: 'AttachRolePolicy', delete: 'DetachRolePolicy' },
  },
  id: (c) => `${str(c.attrs.role)}/${str(c.attrs.policy_arn)}`,
  forceNew: ['role', 'policy_arn'],
  needs: [roleNeed],
});

const rolePolicy: TypeRule = awsGlobal({
  type: 'aws_iam_role_policy',
  words: { label: 'IAM Role Policy', service: 'IAM', calls: { create: 'PutRolePolicy', delete: 'DeleteRolePolicy' } },
  id: (c) => `${str(c.attrs.role)}:${str(c.attrs.name) || prefixed(c, 'terraform-')}`,
  server: { name: (c) => c.id.slice(c.id.indexOf(':') + 1), name_prefix: () => '' },
  forceNew: ['role', 'name', 'name_prefix'],
  needs: [roleNeed],
});

const policy: TypeRule = awsGlobal({
  type: 'aws_iam_policy',
  tags: true,
  words: { label: 'IAM Policy', service: 'IAM', calls: { create: 'CreatePolicy', delete: 'DeletePolicy' } },
  id: (c) => iamArn(c, `policy${str(c.attrs.path) || '/'}${str(c.attrs.name) || prefixed(c, 'terraform-')}`),
  server: {
    arn: (c) => c.id,
    attachment_count: () => 0,
    name: (c) => c.id.slice(c.id.lastIndexOf('/') + 1),
    name_prefix: () => '',
    policy_id: (c) => `ANPA${c.draw.upper('unique', 17)}`,
  },
  defaults: { path: '/' },
  forceNew: ['name', 'name_prefix', 'path', 'description'],
  blockedBy: [
    {
      holds: (o, self) => o.type === 'aws_iam_role_policy_attachment' && o.attrs.policy_arn === self.id,
      error: () => fail(409, 'DeleteConflict', 'Cannot delete a policy attached to entities.'),
    },
  ],
  unique: (c) => c.id,
  exists: (c) =>
    fail(
      409,
      'EntityAlreadyExists',
      `A policy called ${str(c.attrs.name)} already exists. Duplicate names are not allowed.`,
    ),
});

const oidc: TypeRule = awsGlobal({
  type: 'aws_iam_openid_connect_provider',
  tags: true,
  words: {
    label: 'IAM OIDC Provider',
    service: 'IAM',
    calls: { create: 'CreateOpenIDConnectProvider', delete: 'DeleteOpenIDConnectProvider' },
  },
  id: (c) => iamArn(c, `oidc-provider/${str(c.attrs.url).replace(/^https:\/\//, '')}`),
  server: { arn: (c) => c.id, thumbprint_list: (c) => [c.draw.hex('thumb', 40)] },
  forceNew: ['url'],
  unique: (c) => c.id,
  exists: (c) => fail(409, 'EntityAlreadyExists', `Provider with url ${str(c.attrs.url)} already exists.`),
});

export const awsIam = [role, attachment, rolePolicy, policy, oidc];
