import type { Cloud, ClusterName } from '../kernel/index.ts';
import type { Leftover } from './ports.ts';

export type BuiltCloud = Exclude<Cloud, 'existing'>;

/** Where a cluster lies or will lie, as its cloud names it. */
export interface Spot {
  fleet: string;
  cluster: ClusterName;
  cloud: BuiltCloud;
  region: string;
  /** AWS account, Azure subscription or Google project. */
  account: string;
  /** Azure. */
  tenant?: string;
  /** AWS. */
  profile?: string;
}
export interface Identity {
  /** The account that the credentials open. */
  account: string;
  /** ARN, tenant or project number: for people. */
  who: string;
}
/** A machine type in one zone. */
export interface Offer {
  type: string;
  zone: string;
  vcpu: number;
  /** Counted against this quota beside the region's. */
  family?: string;
}
/** One limit of an account in a region, in vCPU. */
export interface QuotaUse {
  name: string;
  limit: number;
  used: number;
  /** Only machines of this family count; absent: all. */
  family?: string;
  /** Machines of every region count. */
  everywhere?: true;
}

/**
 * The clouds' own APIs. Every call rejects with a `CloudError` (the cloud said no) or a fault
 * (no credentials, no answer): unknown is never an empty list.
 */
export interface CloudPort {
  /** Rejects with `AccountNotFound` when the credentials cannot see the account at all. */
  identity(s: Spot): Promise<Identity>;
  /** Of the named types, in the zones of the region. */
  offers(s: Spot, types: readonly string[]): Promise<Offer[]>;
  quotas(s: Spot): Promise<QuotaUse[]>;
  /** Kubernetes versions on offer, `major.minor`, newest first. */
  versions(s: Spot): Promise<string[]>;
  /** Load balancers, security groups, addresses, volumes that terraform does not know. */
  leftovers(s: Spot): Promise<Leftover[]>;
  /** Resolves when it is gone; what is gone already is no error. */
  remove(s: Spot, l: Leftover): Promise<void>;
}

/** What a cloud answered instead of a result. */
export class CloudError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status: number) {
    super(message);
    this.name = 'CloudError';
    this.code = code;
    this.status = status;
  }
}
