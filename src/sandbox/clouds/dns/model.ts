import type { World } from '../model.ts';
import { recordName } from '../rules/aws-dns.ts';
import { BALANCER } from '../rules/controller.ts';
import { at, num, str, strings } from '../values.ts';

/** One record set of a hosted zone; names in lower case without the last dot. */
export interface RecordSet {
  name: string;
  type: string;
  ttl: number;
  values: string[];
  /** Alias: answered with the addresses of that name. */
  alias?: string;
  /** Of several sets with one name: weight, or its place in a failover. */
  weight?: number;
  secondary?: boolean;
}
export interface Zone {
  name: string;
  nameServers: string[];
  records: RecordSet[];
}

const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');
const visible = (phase: string): boolean => phase === 'ready' || phase === 'updating';

/** Public zones that the simulated clouds host: Route 53, Azure DNS, Cloud DNS. */
export function zonesOf(world: World): Zone[] {
  const all = [...world.resources.values()].filter((r) => visible(r.phase));
  const route53 = all
    .filter((r) => r.type === 'aws_route53_zone')
    .map((z): Zone => {
      const name = bare(str(z.attrs.name));
      const mine = all.filter((r) => r.type === 'aws_route53_record' && r.attrs.zone_id === z.id);
      return {
        name,
        nameServers: strings(z.attrs.name_servers),
        records: mine.map((r) => route53Record(r.attrs, name)),
      };
    });
  const azure = all
    .filter((r) => r.type === 'azurerm_dns_zone')
    .map((z): Zone => {
      const name = bare(str(z.attrs.name));
      const mine = all.filter((r) => r.type.startsWith('azurerm_dns_') && r.attrs.zone_name === z.attrs.name);
      const records = mine.map((r): RecordSet => {
        const cname = r.type === 'azurerm_dns_cname_record';
        return {
          name: bare(str(r.attrs.fqdn)),
          type: cname ? 'CNAME' : 'A',
          ttl: num(r.attrs, 'ttl') ?? 300,
          values: cname ? [str(r.attrs.record)] : strings(r.attrs.records),
        };
      });
      return { name, nameServers: strings(z.attrs.name_servers), records };
    });
  const google = all
    .filter((r) => r.type === 'google_dns_managed_zone' && r.attrs.visibility !== 'private')
    .map((z): Zone => {
      const mine = all.filter((r) => r.type === 'google_dns_record_set' && r.attrs.managed_zone === z.attrs.name);
      const records = mine.map(
        (r): RecordSet => ({
          name: bare(str(r.attrs.name)),
          type: str(r.attrs.type),
          ttl: num(r.attrs, 'ttl') ?? 300,
          values: strings(r.attrs.rrdatas),
        }),
      );
      return { name: bare(str(z.attrs.dns_name)), nameServers: strings(z.attrs.name_servers), records };
    });
  return [...route53, ...azure, ...google];
}

function route53Record(attrs: { [key: string]: unknown }, zone: string): RecordSet {
  const a = attrs as Parameters<typeof str>[0];
  const get = (path: string) => at(a, path);
  const weight = num(a, 'weighted_routing_policy.weight');
  const alias = str(get('alias.name'));
  return {
    name: recordName(str(get('name')), zone),
    type: str(get('type')),
    ttl: num(a, 'ttl') ?? 60,
    values: strings(get('records')),
    ...(alias ? { alias: bare(alias) } : {}),
    ...(weight === undefined ? {} : { weight }),
    ...(str(get('failover_routing_policy.type')) === 'SECONDARY' ? { secondary: true } : {}),
  };
}

/** Names of the clouds themselves: load balancers, API endpoints of clusters, sign-in, name servers. */
export function systemAddress(world: World, name: string): string | undefined {
  for (const r of world.resources.values()) {
    if (str(r.hidden.dnsName).toLowerCase() !== name) continue;
    if (r.type === BALANCER.aws && visible(r.phase)) return str(r.hidden.vip);
    if (str(r.hidden.endpointIp)) return str(r.hidden.endpointIp);
  }
  return fixedAddress(name);
}

const FIXED: [RegExp, string][] = [
  [/^ns-\d+\.awsdns-\d+\.(com|net|org|co\.uk)$/, '198.19.0.53'],
  [/^ns\d-\d+\.azure-dns\.(com|net|org|info)$/, '198.19.0.53'],
  [/^ns-cloud-[a-f0-9]\d\.googledomains\.com$/, '198.19.0.53'],
  [/^(sts|ec2|eks|elasticloadbalancing|route53|iam|servicequotas)(\.[a-z0-9-]+)?\.amazonaws\.com$/, '198.19.0.10'],
  [/^(login\.microsoftonline\.com|management\.azure\.com)$/, '198.19.0.11'],
  [/^(oauth2|compute|container|dns|cloudresourcemanager)\.googleapis\.com$/, '198.19.0.12'],
];
const fixedAddress = (name: string): string | undefined => FIXED.find(([re]) => re.test(name))?.[1];
