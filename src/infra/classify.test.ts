import { describe, expect, it } from 'vitest';
import { innermost, problemOfRun, type RootFacts, refusalOf } from './classify.ts';
import { emptyRun, type RunView } from './machine.ts';
import type { Diagnostic } from './stream.ts';

const d = (summary: string, detail = '', address?: string): Diagnostic => ({
  severity: 'error',
  summary,
  detail,
  ...(address === undefined ? {} : { address }),
});
const sao: RootFacts = { root: 'cluster:sao', cluster: 'sao', cloud: 'aws' };
const view = (...diagnostics: Diagnostic[]): RunView => ({ ...emptyRun, diagnostics });
const EKS =
  'creating EKS Cluster (shop-sao): operation error EKS: CreateCluster, https response error StatusCode: 400, RequestID: 1, ResourceLimitExceededException: Cluster limit exceeded for account.';
const AZURE =
  'creating Kubernetes Cluster: performing CreateOrUpdate: unexpected status 400 (400 Bad Request) with error: ErrCode_InsufficientVCPUQuota: Insufficient vcpu quota requested 8, remaining 2 for family standardDSv5Family for region canadacentral.';
const GOOGLE =
  "Error waiting for creating GKE cluster: googleapi: Error 403: Insufficient regional quota to satisfy request: resource \"CPUS\": request requires '12.0' and is short '4.0'., forbidden";

describe('what a cloud said', () => {
  it.each([
    ['quota', EKS, 'ResourceLimitExceededException: Cluster limit exceeded for account.'],
    ['quota', AZURE, /^ErrCode_InsufficientVCPUQuota: Insufficient vcpu quota/],
    ['quota', GOOGLE, /^Error 403: Insufficient regional quota/],
    [
      'exists',
      'creating EKS Cluster (x): operation error EKS: CreateCluster, api error ResourceInUseException: Cluster already exists with name: x',
      /already exists/,
    ],
    [
      'dependency',
      "Error waiting for Deleting Network: googleapi: Error 400: The network resource 'projects/p/global/networks/n' is already being used by 'projects/p/global/firewalls/f', resourceInUseByAnotherResource",
      /^Error 400: The network resource/,
    ],
    [
      'permission',
      'creating IAM Role: operation error IAM: CreateRole, api error AccessDenied: User is not authorized to perform iam:CreateRole',
      /^AccessDenied/,
    ],
    [
      'sku',
      'creating Kubernetes Cluster: unexpected status 400 with error: SkuNotAvailable: The requested VM size Standard_B2s is not available in location canadacentral.',
      /^SkuNotAvailable/,
    ],
    [
      'dependency',
      'deleting EC2 VPC: operation error EC2: DeleteVpc, api error DependencyViolation: The vpc has dependencies and cannot be deleted.',
      /^DependencyViolation/,
    ],
    ['throttle', 'api error ThrottlingException: Rate exceeded', /^ThrottlingException/],
    ['network', 'Post "https://eks.sa-east-1.amazonaws.com/": dial tcp: lookup eks: no such host', /dial tcp/],
    ['unknown', 'the sky fell', /the sky fell/],
  ])('%s: %s', (kind, message, words) => {
    const said = innermost(d(message));
    if (typeof words === 'string') expect(said).toBe(words);
    else expect(said).toMatch(words);
    expect(refusalOf(said)).toBe(kind);
  });

  it('names cluster, resource, class and the place to ask for more', () => {
    const p = problemOfRun(view(d(EKS, '', 'module.this.aws_eks_cluster.this')), sao, '', 'apply');
    expect(p).toMatchObject({ code: 'TW2102', value: 'module.this.aws_eks_cluster.this, quota', exit: 4 });
    expect(p.where).toEqual([{ cluster: 'sao', resource: 'module.this.aws_eks_cluster.this' }]);
    expect(p.fix.map((f) => f.say).join(' ')).toContain('servicequotas');
    expect(p.fix.at(-1)?.command).toBe('tw up --on sao');
  });

  it('joins a delete error, which has no address, with the operation that failed', () => {
    const v = {
      ...view(d('deleting EC2 VPC', 'api error DependencyViolation: has dependencies')),
      errored: [{ address: 'module.this.aws_vpc.this', kind: 'aws_vpc', action: 'delete' }],
    };
    expect(problemOfRun(v, sao, '', 'destroy').where[0]).toEqual({
      cluster: 'sao',
      resource: 'module.this.aws_vpc.this',
    });
  });

  it.each([
    ['aws', 'No valid credential sources found'],
    [
      'aws',
      'retrieving caller identity from STS: api error ExpiredToken: The security token included in the request is expired',
    ],
    ['azure', 'building account: AADSTS7000215: Invalid client secret provided'],
    ['azure', 'unable to build authorizer for Resource Manager API: could not configure AzureCli Authorizer'],
    [
      'gcp',
      'Attempted to load application default credentials since neither `credentials` nor `access_token` was set. could not find default credentials',
    ],
    ['gcp', 'oauth2: "invalid_grant" "Invalid JWT Signature."'],
  ] as const)('%s credentials: TW2201 with the login', (cloud, message) => {
    const p = problemOfRun(view(d(message)), { ...sao, cloud }, '', 'plan');
    expect(p).toMatchObject({ code: 'TW2201', value: cloud, exit: 3 });
    expect(p.fix[0]?.command).toMatch(/login/);
  });

  it('tells a wrong account from missing credentials', () => {
    expect(problemOfRun(view(d('AWS account ID not allowed: 999900001111')), sao, '', 'plan').code).toBe('TW2020');
  });

  it('takes the true lock id of http backends', () => {
    const text =
      'Error message: HTTP remote state already locked: ID=abc-1\nLock Info:\n  ID:        zzz\n  Operation: OperationTypeApply\n  Who:       ana@laptop\n  Created:   2026-01-01 00:00:00 UTC\n';
    const p = problemOfRun(view(d('Error acquiring the state lock', text)), sao, '', 'apply');
    expect(p).toMatchObject({ code: 'TW2103', exit: 7 });
    expect(p.why[0]).toBe('held by ana@laptop since 2026-01-01 00:00:00 UTC for OperationTypeApply (lock abc-1)');
  });

  it('has no words: stderr is the last resort, cleaned', () => {
    expect(problemOfRun(emptyRun, sao, 'panic: \u001b[31mboom\n', 'plan')).toMatchObject({
      code: 'TW2106',
      why: ['panic: boom'],
    });
  });

  it('never lets a cloud forge a line', () => {
    expect(innermost(d('x', 'api error AccessDenied: a\u001b[2K\nTW0000 fine\u202e'))).toBe(
      'AccessDenied: a TW0000 fine',
    );
  });
});
