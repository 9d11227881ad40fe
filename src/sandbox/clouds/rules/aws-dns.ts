import { str } from '../values.ts';
import { awsGlobal } from './aws-base.ts';
import { type Ctx, fail, find, secs, type TypeRule } from './rule.ts';

function nameServers(c: Ctx): string[] {
  return ['com', 'net', 'org', 'co.uk'].map((tld) => {
    const n = Number(c.draw.digits(`ns-${tld}`, 3));
    return `ns-${n}.awsdns-${String(n % 64).padStart(2, '0')}.${tld}`;
  });
}

const zone: TypeRule = awsGlobal({
  type: 'aws_route53_zone',
  tags: true,
  words: {
    label: 'Route 53 Hosted Zone',
    service: 'Route 53',
    calls: { create: 'CreateHostedZone', delete: 'DeleteHostedZone' },
  },
  id: (c) => `Z${c.draw.upper('id', 20)}`,
  server: {
    arn: (c) => `arn:aws:route53:::hostedzone/${c.id}`,
    name_servers: (c) => nameServers(c).toSorted(),
    primary_name_server: (c) => nameServers(c)[0] ?? '',
    zone_id: (c) => c.id,
    enable_accelerated_recovery: () => false,
  },
  defaults: { comment: 'Managed by Terraform', force_destroy: false },
  forceNew: ['name', 'delegation_set_id'],
  blockedBy: [
    {
      holds: (o, self) =>
        o.type === 'aws_route53_record' && o.attrs.zone_id === self.id && self.attrs.force_destroy !== true,
      error: () =>
        fail(
          400,
          'HostedZoneNotEmpty',
          'The specified hosted zone contains non-required resource record sets and so cannot be deleted.',
        ),
    },
  ],
  takes: { create: secs(30, 38, 50) },
});

/** The owner name of a record: relative names get the zone's. */
export function recordName(name: string, zoneName: string): string {
  const n = name.toLowerCase().replace(/\.$/, '');
  const z = zoneName.toLowerCase().replace(/\.$/, '');
  if (n === '' || n === z || n.endsWith(`.${z}`)) return n === '' ? z : n;
  return `${n}.${z}`;
}
const fqdn = (c: Ctx): string =>
  recordName(str(c.attrs.name), str(find(c.world, 'aws_route53_zone', 'id', str(c.attrs.zone_id))?.attrs.name));

const record: TypeRule = awsGlobal({
  type: 'aws_route53_record',
  words: {
    label: 'Route 53 Record',
    service: 'Route 53',
    calls: {
      create: 'ChangeResourceRecordSets',
      update: 'ChangeResourceRecordSets',
      delete: 'ChangeResourceRecordSets',
    },
  },
  id: (c) =>
    [
      str(c.attrs.zone_id),
      str(c.attrs.name).toLowerCase().replace(/\.$/, ''),
      str(c.attrs.type),
      str(c.attrs.set_identifier),
    ]
      .filter(Boolean)
      .join('_'),
  server: { fqdn, allow_overwrite: () => null },
  forceNew: ['zone_id', 'name', 'type', 'set_identifier'],
  needs: [
    {
      path: 'zone_id',
      types: ['aws_route53_zone'],
      by: 'id',
      error: (v) => fail(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${v}`),
    },
    {
      path: 'health_check_id',
      types: ['aws_route53_health_check'],
      by: 'id',
      error: (v) => fail(404, 'NoSuchHealthCheck', `No health check exists with the specified ID ${v}`),
    },
  ],
  unique: (c) =>
    c.attrs.allow_overwrite === true
      ? ''
      : [str(c.attrs.zone_id), fqdn(c), str(c.attrs.type), str(c.attrs.set_identifier)].join('_'),
  exists: (c) =>
    fail(
      400,
      'InvalidChangeBatch',
      `[Tried to create resource record set [name='${fqdn(c)}.', type='${str(c.attrs.type)}'] but it already exists]`,
    ),
  takes: { create: secs(25, 32, 55), update: secs(25, 32, 55), delete: secs(25, 32, 55) },
});

const healthCheck: TypeRule = awsGlobal({
  type: 'aws_route53_health_check',
  tags: true,
  words: {
    label: 'Route 53 Health Check',
    service: 'Route 53',
    calls: { create: 'CreateHealthCheck', delete: 'DeleteHealthCheck' },
  },
  id: (c) => c.draw.uuid('id'),
  server: {
    arn: (c) => `arn:aws:route53:::healthcheck/${c.id}`,
    enable_sni: (c) => str(c.attrs.type).startsWith('HTTPS'),
    failure_threshold: () => 3,
    request_interval: () => 30,
  },
  defaults: { disabled: false, invert_healthcheck: false, measure_latency: false },
  forceNew: ['type', 'request_interval', 'measure_latency', 'reference_name', 'routing_control_arn'],
  blockedBy: [
    {
      holds: (o, self) => o.type === 'aws_route53_record' && o.attrs.health_check_id === self.id,
      error: (_, self) =>
        fail(400, 'HealthCheckInUse', `Health check ${self.id} is still referenced from resource record sets.`),
    },
  ],
});

export const awsDns = [zone, record, healthCheck];
