/** One record of an answer; `data` is an address, or a name for CNAME and NS. TTL in seconds. */
export interface Rec {
  name: string;
  type: 'A' | 'AAAA' | 'CNAME' | 'NS';
  ttl: number;
  data: string;
}
export type QType = 'A' | 'AAAA' | 'CNAME' | 'NS';
/** A decoded answer, as far as a resolver needs it. `negativeTtl`: from the SOA (RFC 2308), seconds. */
export interface Answer {
  rcode: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'OTHER';
  authoritative: boolean;
  answers: Rec[];
  authority: Rec[];
  additional: Rec[];
  negativeTtl?: number;
}
/** One question to one server. */
export interface Question {
  server: string;
  name: string;
  type: QType;
  timeoutMs: number;
}
/** Outcome of a resolution. `ttl`: seconds it may be kept; `from`: servers asked, in order. */
export interface Resolved {
  rcode: Answer['rcode'];
  records: Rec[];
  addresses: string[];
  ttl: number;
  asked: string[];
  why?: string;
}
/** Names compare without case and without the final dot (RFC 4343). */
export const canonicalName = (name: string): string => name.toLowerCase().replace(/\.$/, '');
/** Whether `name` is `zone` or lies below it; the root is ''. */
export const within = (name: string, zone: string): boolean =>
  zone === '' || name === zone || name.endsWith(`.${zone}`);
