import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { CloudError, type Spot } from '../../cloud.ts';
import { keysOf } from '../credentials/eks.ts';
import { ask, jsonOf, type Reach, type Reply } from './http.ts';
import { elements, parseXml, textAt, type Xml } from './xml.ts';

const suffix = (region: string): string => (region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com');
const hostOf = (service: string, region: string): string => `https://${service}.${region}.${suffix(region)}`;

interface Wire {
  service: string;
  method: 'GET' | 'POST';
  path: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string;
}

/** One signed request (Signature Version 4) to the regional endpoint, or the place's own. */
async function signed(s: Spot, w: Wire, r: Reach): Promise<Reply> {
  const base = new URL(r.endpoints[`aws.${w.service}`] ?? hostOf(w.service, s.region));
  const signer = new SignatureV4({
    credentials: keysOf({ name: s.cluster, profile: s.profile ?? null }, r.env),
    region: s.region,
    service: w.service,
    sha256: Sha256,
  });
  const request = await signer.sign(
    {
      method: w.method,
      protocol: base.protocol,
      hostname: base.hostname,
      path: w.path,
      ...(w.query === undefined ? {} : { query: w.query }),
      headers: { host: base.host, ...w.headers },
      ...(w.body === undefined ? {} : { body: w.body }),
    },
    { signingDate: new Date(r.clock.now()) },
  );
  const { host: _, ...headers } = request.headers;
  const search = w.query === undefined ? '' : `?${new URLSearchParams(w.query).toString()}`;
  const url = `${base.origin}${w.path}${search}`;
  return await ask({ method: w.method, url, headers, ...(w.body === undefined ? {} : { body: w.body }) }, r);
}

function xmlError(reply: Reply): CloudError {
  const x = parseXml(reply.text);
  const error =
    elements(x, 'Response', 'Errors', 'Error')[0] ?? elements(x, 'ErrorResponse', 'Error')[0] ?? parseXml('');
  return new CloudError(
    textAt(error, 'Code') || String(reply.status),
    textAt(error, 'Message') || reply.text.slice(0, 300),
    reply.status,
  );
}

const VERSION: Readonly<Record<string, string>> = {
  ec2: '2016-11-15',
  sts: '2011-06-15',
  elasticloadbalancing: '2015-12-01',
};

/** A call of a query service (EC2, STS, load balancing); the element `<Action>Response`. Throws CloudError. */
export async function query(
  s: Spot,
  o: { service: string; action: string; params?: Record<string, string>; version?: string },
  r: Reach,
): Promise<Xml> {
  const body = new URLSearchParams({
    Action: o.action,
    Version: o.version ?? VERSION[o.service] ?? '',
    ...o.params,
  }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const reply = await signed(s, { service: o.service, method: 'POST', path: '/', headers, body }, r);
  if (reply.status >= 400) throw xmlError(reply);
  return elements(parseXml(reply.text), `${o.action}Response`)[0] ?? parseXml('');
}

/** All pages of an EC2 Describe call: the items of `set`. */
export async function describe(
  s: Spot,
  o: { action: string; set: string; filters: Readonly<Record<string, readonly string[]>> },
  r: Reach,
): Promise<Xml[]> {
  const params: Record<string, string> = {};
  for (const [i, [name, values]] of Object.entries(o.filters).entries()) {
    params[`Filter.${i + 1}.Name`] = name;
    for (const [j, v] of values.entries()) params[`Filter.${i + 1}.Value.${j + 1}`] = v;
  }
  const found: Xml[] = [];
  for (let token = ''; ; ) {
    const more = token === '' ? params : { ...params, NextToken: token };
    const x = await query(s, { service: 'ec2', action: o.action, params: more }, r);
    found.push(...elements(x, o.set, 'item'));
    token = textAt(x, 'nextToken');
    if (token === '') return found;
  }
}

const typed = (reply: Reply): Reply => {
  if (reply.status < 400) return reply;
  const body = JSON.parse(reply.text || '{}') as { __type?: string; message?: string; Message?: string };
  const header = reply.headers['x-amzn-errortype'];
  const code = (body.__type ?? (typeof header === 'string' ? header : '')).replace(/^.*#/, '').replace(/:.*$/, '');
  throw new CloudError(code || String(reply.status), body.message ?? body.Message ?? '', reply.status);
};

/** AWS JSON 1.1 (Service Quotas). */
export async function jsonTarget(
  s: Spot,
  o: { service: string; target: string; body: Record<string, string> },
  r: Reach,
): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': o.target };
  const wire: Wire = { service: o.service, method: 'POST', path: '/', headers, body: JSON.stringify(o.body) };
  return jsonOf(typed(await signed(s, wire, r)));
}

/** AWS REST JSON (EKS). */
export async function restGet(
  s: Spot,
  o: { service: string; path: string },
  r: Reach,
): Promise<Record<string, unknown>> {
  return jsonOf(typed(await signed(s, { service: o.service, method: 'GET', path: o.path }, r)));
}
