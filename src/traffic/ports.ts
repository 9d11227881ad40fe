import type { ClusterName } from '../kernel/index.ts';
import type { Fqdn, Ip, Prefix } from './model.ts';

/** Small named objects in each cluster (a ConfigMap in the system namespace). */
export interface SnapshotStore {
  /** Writes the whole object; made when absent. Rejects when the cluster cannot be told. */
  put(cluster: ClusterName, name: string, data: Record<string, string>, signal?: AbortSignal): Promise<void>;
  /** Undefined when the object is certainly absent. Rejects when the cluster cannot be asked. */
  get(cluster: ClusterName, name: string, signal?: AbortSignal): Promise<Record<string, string> | undefined>;
}

export interface LookupQuestion {
  server: Ip;
  /** Default 53. */
  port?: number;
  name: Fqdn;
  type: 'A' | 'AAAA' | 'SOA' | 'NS';
  /** Ask as a client of this prefix (RFC 7871). */
  ecs?: Prefix;
}
export interface LookupAnswer {
  rcode: string;
  /** Addresses of A and AAAA, names of NS, serial of SOA. */
  data: string[];
  /** ECS scope, when one came back. */
  scope?: number;
}
/** One authoritative server asked over DNS. Rejects when no answer comes. */
export interface Lookup {
  ask(q: LookupQuestion, signal?: AbortSignal): Promise<LookupAnswer>;
}

export interface HttpRequest {
  method: 'GET' | 'POST';
  url: string;
  headers?: Record<string, string>;
  body?: string;
}
/** HTTP to the nameservers. Rejects when no answer comes; any status is an answer. */
export interface Http {
  send(r: HttpRequest, signal?: AbortSignal): Promise<{ status: number; body: string }>;
}
