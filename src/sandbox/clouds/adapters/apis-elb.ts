import type { Resource } from '../model.ts';
import { str } from '../values.ts';
import { erase, visible } from './api.ts';
import { type Answer, type Call, escape, unknownAction } from './query.ts';

/** Elastic Load Balancing: 2015-12-01 (network load balancers) and 2012-06-01 (classic ones, of which there are none). */
export async function balancing(c: Call): Promise<Answer> {
  const classic = c.params.get('Version') === '2012-06-01';
  const action = c.params.get('Action');
  if (action === 'DescribeLoadBalancers' && classic) return '<LoadBalancerDescriptions/>';
  if (classic) return unknownAction(c.params);
  if (action === 'DescribeLoadBalancers') return describe(c);
  if (action === 'DescribeTags') return tags(c);
  return action === 'DeleteLoadBalancer' ? await remove(c) : unknownAction(c.params);
}

const all = (c: Call): Resource[] => visible(c.d, ['aws_lb'], c.region);

function describe(c: Call): Answer {
  const members = all(c).map(
    (r) =>
      `<member><LoadBalancerArn>${r.id}</LoadBalancerArn><DNSName>${str(r.hidden.dnsName)}</DNSName><LoadBalancerName>${escape(str(r.attrs.name))}</LoadBalancerName><Scheme>internet-facing</Scheme><VpcId>${str(r.attrs.vpc_id)}</VpcId><State><Code>active</Code></State><Type>network</Type></member>`,
  );
  return `<LoadBalancers>${members.join('')}</LoadBalancers>`;
}

/** The controller tags its load balancers with the cluster's name. */
function tags(c: Call): Answer {
  const arns = [...c.params].filter(([k]) => k.startsWith('ResourceArns.member.')).map(([, v]) => v);
  const one = (r: Resource): string => {
    const cluster = str(r.hidden.cluster).replace(/^aws-/, '');
    return `<member><ResourceArn>${r.id}</ResourceArn><Tags><member><Key>kubernetes.io/cluster/${cluster}</Key><Value>owned</Value></member></Tags></member>`;
  };
  return `<TagDescriptions>${all(c)
    .filter((r) => arns.includes(r.id))
    .map(one)
    .join('')}</TagDescriptions>`;
}

async function remove(c: Call): Promise<Answer> {
  const arn = c.params.get('LoadBalancerArn') ?? '';
  const found = all(c).find((r) => r.id === arn);
  // Deleting what is gone succeeds, as the service's reference says.
  return found === undefined ? '' : ((await erase(c.d, found)) ?? '');
}
