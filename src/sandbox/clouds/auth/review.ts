import type { Accounts } from '../credentials.ts';
import { clusterById } from '../machine/balancer.ts';
import type { Chaos, Resource, World } from '../model.ts';
import { userName } from '../rules/aws-eks.ts';
import { at, str, strings } from '../values.ts';
import { verify } from './sigv4.ts';
import { readToken } from './tokens.ts';

/** The Entra application that stands for every AKS API server. */
const AKS_SERVER = '6dae42f8-4368-4678-94ff-3960e28e3630';
const MASTERS = 'system:masters';

export interface Review {
  world: World;
  accounts: Accounts;
  chaos: readonly Chaos[];
  seed: number;
  now: number;
}
export interface User {
  username: string;
  groups: string[];
}

/** Who a bearer token is in a cluster; a string says why nobody. */
export function review(r: Review, clusterId: string, token: string): User | string {
  const cluster = clusterById(r.world, clusterId);
  if (!cluster) return `no cluster ${clusterId}`;
  const bad = r.chaos.find((c) => c.what === 'credentials' && (c.where.cloud ?? cluster.cloud) === cluster.cloud);
  if (bad) return 'the credentials are refused';
  if (cluster.cloud === 'aws') return eks(r, cluster, token);
  const claims = readToken(r.seed, token, r.now);
  if (!claims || claims.cloud !== cluster.cloud) return 'not a token of this cloud, or expired';
  return cluster.cloud === 'azure' ? aks(r, cluster, claims) : gke(r, claims.subject);
}

/** Executes the presigned GetCallerIdentity inside the token, then looks up the access entries. */
function eks(r: Review, cluster: Resource, token: string): User | string {
  if (!token.startsWith('k8s-aws-v1.')) return 'not an EKS token';
  let url: URL;
  try {
    url = new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString());
  } catch {
    return 'not a presigned URL';
  }
  if (url.searchParams.get('Action') !== 'GetCallerIdentity') return 'not a GetCallerIdentity request';
  // The cluster adds its own name: a token for another cluster has another signature.
  const headers = { host: url.host, 'x-k8s-aws-id': str(cluster.attrs.name) };
  if (!(url.searchParams.get('X-Amz-SignedHeaders') ?? '').split(';').includes('x-k8s-aws-id'))
    return 'the cluster name is not signed';
  const verdict = verify({ method: 'GET', url, headers, body: '' }, r.accounts, r.now);
  return verdict.ok ? entryOf(r.world, cluster, verdict.principal) : `${verdict.code}: ${verdict.message}`;
}

const ADMIN_POLICIES = ['AmazonEKSClusterAdminPolicy', 'AmazonEKSAdminPolicy'];

function entryOf(world: World, cluster: Resource, principal: string): User | string {
  const name = str(cluster.attrs.name);
  const mine = [...world.resources.values()].filter(
    (x) => x.attrs.cluster_name === name && x.attrs.principal_arn === principal,
  );
  const entry = mine.find((x) => x.type === 'aws_eks_access_entry');
  const creator = at(cluster.attrs, 'access_config.bootstrap_cluster_creator_admin_permissions') === true;
  if (!entry) return creator ? { username: principal, groups: [MASTERS] } : `no access entry for ${principal}`;
  const admin = mine.some(
    (x) =>
      x.type === 'aws_eks_access_policy_association' &&
      ADMIN_POLICIES.includes(str(x.attrs.policy_arn).split('/').pop() ?? '') &&
      str(x.attrs, 'access_scope.type') === 'cluster',
  );
  const username = (str(entry.attrs.user_name) || userName(principal)).replace('{{SessionName}}', 'tradewind');
  return { username, groups: [...strings(entry.attrs.kubernetes_groups), ...(admin ? [MASTERS] : [])] };
}

function aks(r: Review, cluster: Resource, claims: { subject: string; audience: string }): User | string {
  if (claims.audience !== AKS_SERVER) return 'the token is for another application';
  const roles = [...r.world.resources.values()].filter(
    (x) =>
      x.type === 'azurerm_role_assignment' &&
      x.attrs.principal_id === claims.subject &&
      (cluster.id === str(x.attrs.scope) || cluster.id.startsWith(`${str(x.attrs.scope)}/`)),
  );
  const admin = roles.some((x) =>
    ['Azure Kubernetes Service RBAC Cluster Admin', 'Owner'].includes(str(x.attrs.role_definition_name)),
  );
  return { username: claims.subject, groups: admin ? [MASTERS] : [] };
}

/** The sandbox's service account owns the project. */
function gke(r: Review, email: string): User | string {
  return { username: email, groups: email === r.accounts.google.email ? [MASTERS] : [] };
}
