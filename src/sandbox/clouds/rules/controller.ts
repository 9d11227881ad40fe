import { str } from '../values.ts';
import { ruleOf, secs, type TypeRule } from './rule.ts';

const gone = { exists: () => ({ status: 409, code: 'Exists', message: 'exists' }), onStop: 'save' as const };
const rule = (cloud: TypeRule['cloud'], type: string, label: string, takes: Partial<TypeRule['takes']>): TypeRule =>
  ruleOf({ cloud, ...gone }, { type, words: { label }, id: (c) => str(c.attrs.id), takes });

/** Objects that only the clouds' own controllers make: they have no terraform type, but the same life. */
export const CONTROLLER_RULES: ReadonlyMap<string, TypeRule> = new Map(
  [
    rule('aws', 'aws_lb', 'Network Load Balancer', {
      create: secs(90, 140, 200),
      update: secs(1, 2, 5),
      delete: secs(5, 15, 30),
    }),
    // Interfaces of a deleted load balancer stay for a while; they are what blocks the VPC.
    rule('aws', 'aws_eni', 'Network Interface', { delete: secs(60, 120, 300) }),
    rule('azure', 'azure_frontend', 'Frontend IP Configuration', {
      create: secs(15, 25, 50),
      update: secs(2, 5, 15),
      delete: secs(15, 25, 50),
    }),
    rule('gcp', 'gcp_forwarding_rule', 'Forwarding Rule', {
      create: secs(25, 35, 60),
      update: secs(5, 10, 20),
      delete: secs(15, 25, 45),
    }),
    rule('gcp', 'gcp_firewall', 'Firewall', { delete: secs(5, 10, 20) }),
    // Endpoint groups are collected after the load balancer is gone.
    rule('gcp', 'gcp_neg', 'Network Endpoint Group', { delete: secs(60, 150, 400) }),
    rule('aws', 'aws_ebs_volume', 'EBS Volume', { create: secs(1, 3, 6), delete: secs(1, 3, 6) }),
    rule('azure', 'azure_disk', 'Managed Disk', { create: secs(2, 4, 8), delete: secs(2, 4, 8) }),
    rule('gcp', 'gcp_disk', 'Disk', { create: secs(2, 4, 8), delete: secs(2, 4, 8) }),
  ].map((r) => [r.type, r]),
);
export const VOLUME = { aws: 'aws_ebs_volume', azure: 'azure_disk', gcp: 'gcp_disk' } as const;

/** The main object of a load balancer, per cloud. */
export const BALANCER = { aws: 'aws_lb', azure: 'azure_frontend', gcp: 'gcp_forwarding_rule' } as const;
