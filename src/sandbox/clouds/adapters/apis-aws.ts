import type { Context } from 'hono';
import { type Verdict, verify } from '../auth/sigv4.ts';
import type { CloudError } from '../model.ts';
import { VERSIONS } from '../offers.ts';
import { type ApiDeps, requestId, spoiled, vcpu } from './api.ts';
import { ec2 } from './apis-ec2.ts';
import { balancing } from './apis-elb.ts';
import { escape, unknownAction } from './query.ts';

const XML = { 'content-type': 'text/xml;charset=UTF-8' };
/** EC2 has an error form of its own; the other query services share one. */
function errorXml(service: string, e: CloudError, id: string): string {
  const inner = `<Code>${e.code}</Code><Message>${escape(e.message)}</Message>`;
  if (service === 'ec2')
    return `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>${inner}</Error></Errors><RequestID>${id}</RequestID></Response>`;
  return `<ErrorResponse xmlns="${NAMESPACE[service] ?? NAMESPACE.sts}">\n  <Error>\n    <Type>Sender</Type>\n    ${inner}\n  </Error>\n  <RequestId>${id}</RequestId>\n</ErrorResponse>\n`;
}
const NAMESPACE: Record<string, string> = {
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
  elasticloadbalancing: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
};

function refuse(d: ApiDeps, c: Context, service: string, e: CloudError): Response {
  const status = e.status as 400;
  if (service === 'servicequotas') return c.json({ __type: e.code, message: e.message }, status);
  if (service === 'eks') return c.json({ message: e.message }, status, { 'x-amzn-errortype': e.code });
  return c.body(errorXml(service, e, requestId(d, c)), status, XML);
}

const SPOILT: Record<string, CloudError> = {
  expired: { status: 403, code: 'ExpiredToken', message: 'The security token included in the request is expired' },
  wrong: {
    status: 403,
    code: 'InvalidClientTokenId',
    message: 'The security token included in the request is invalid.',
  },
};

/** Service and region of a request stand in its signature's scope, whatever address it came to. */
function scopeOf(c: Context, url: URL): { region: string; service: string } {
  const credential =
    /Credential=([^,]+)/.exec(c.req.header('authorization') ?? '')?.[1] ??
    url.searchParams.get('X-Amz-Credential') ??
    '';
  const [, , region = 'us-east-1', service = 'sts'] = credential.split('/');
  return { region, service };
}

interface Asked {
  d: ApiDeps;
  c: Context;
  url: URL;
  body: string;
  region: string;
  service: string;
  verdict: Extract<Verdict, { ok: true }>;
  /** Chaos makes the keys somebody else's. */
  foreign: boolean;
}

export async function awsService(d: ApiDeps, c: Context): Promise<Response> {
  const body = c.req.method === 'POST' ? await c.req.text() : '';
  const url = new URL(c.req.url);
  const scope = scopeOf(c, url);
  const how = spoiled(d, 'aws') ?? '';
  const spoilt = SPOILT[how];
  if (spoilt) return refuse(d, c, scope.service, spoilt);
  const verdict = verify({ method: c.req.method, url, headers: c.req.header(), body }, d.accounts, d.engine.now());
  if (!verdict.ok) return refuse(d, c, scope.service, { status: 403, code: verdict.code, message: verdict.message });
  const service = SERVICES[scope.service] ?? query;
  return await service({ d, c, url, body, ...scope, verdict, foreign: how === 'account' });
}
const SERVICES: Record<string, (a: Asked) => Response | Promise<Response>> = { sts, eks, servicequotas: quotas };

async function query(a: Asked): Promise<Response> {
  const { d, c, region, service } = a;
  const params = paramsOf(a.url, a.body);
  const answer = await (service === 'ec2' ? ec2 : balancing)({ d, region, params });
  if (typeof answer !== 'string') return refuse(d, c, service, answer);
  return c.body((service === 'ec2' ? ec2Xml : elbXml)(params, answer, requestId(d, c)), 200, XML);
}

const paramsOf = (url: URL, body: string): URLSearchParams => new URLSearchParams(body === '' ? url.search : body);
const ec2Xml = (params: URLSearchParams, inner: string, id: string, action = params.get('Action') ?? ''): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>${id}</requestId>${inner}</${action}Response>`;
function elbXml(params: URLSearchParams, inner: string, id: string): string {
  const action = params.get('Action') ?? '';
  return `<${action}Response xmlns="http://elasticloadbalancing.amazonaws.com/doc/${params.get('Version')}/"><${action}Result>${inner}</${action}Result><ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></${action}Response>`;
}

function sts({ d, c, ...a }: Asked): Response {
  const params = paramsOf(a.url, a.body);
  if (params.get('Action') !== 'GetCallerIdentity') return refuse(d, c, 'sts', unknownAction(params));
  const v = a.verdict;
  const account = a.foreign ? '999900001111' : v.account;
  const arn = v.principal.replace(v.account, account);
  const xml = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <GetCallerIdentityResult>\n    <Arn>${arn}</Arn>\n    <UserId>${v.userId}</UserId>\n    <Account>${account}</Account>\n  </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>${requestId(d, c)}</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n`;
  return c.body(xml, 200, { 'content-type': 'text/xml' });
}

/** EKS: DescribeClusterVersions. */
function eks({ d, c, url }: Asked): Response {
  if (c.req.method !== 'GET' || url.pathname !== '/cluster-versions')
    return refuse(d, c, 'eks', { status: 404, code: 'NotFoundException', message: 'Not Found' });
  const clusterVersions = VERSIONS.map((clusterVersion, i) => ({
    clusterVersion,
    clusterType: 'eks',
    defaultVersion: i === 0,
    status: 'standard-support',
    versionStatus: 'STANDARD_SUPPORT',
  }));
  return c.json({ clusterVersions });
}

/** Service Quotas: GetServiceQuota of running On-Demand Standard instances, counted in vCPU. */
function quotas({ d, c, ...o }: Asked): Response {
  const target = c.req.header('x-amz-target');
  const ask = JSON.parse(o.body || '{}') as { ServiceCode?: string; QuotaCode?: string };
  if (target !== 'ServiceQuotasV20190624.GetServiceQuota')
    return refuse(d, c, 'servicequotas', { status: 400, code: 'UnknownOperationException', message: '' });
  if (ask.ServiceCode !== 'ec2' || ask.QuotaCode !== 'L-1216C47A')
    return refuse(d, c, 'servicequotas', {
      status: 400,
      code: 'NoSuchResourceException',
      message: 'The request failed because the specified service or quota does not exist.',
    });
  const quota = {
    ServiceCode: 'ec2',
    ServiceName: 'Amazon Elastic Compute Cloud (Amazon EC2)',
    QuotaArn: `arn:aws:servicequotas:${o.region}:${d.accounts.aws.account}:ec2/L-1216C47A`,
    QuotaCode: 'L-1216C47A',
    QuotaName: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    Value: vcpu(d, 'aws', o.region).limit,
    Unit: 'None',
    Adjustable: true,
    GlobalQuota: false,
  };
  return c.body(JSON.stringify({ Quota: quota }), 200, { 'content-type': 'application/x-amz-json-1.1' });
}
