import ipaddr from 'ipaddr.js';
import type { Ip, Prefix } from '../model.ts';

/** An address as numbers: IPv4 in 32 bits, IPv6 in two halves. */
export type Addr = { v: 4; n: number } | { v: 6; hi: bigint; lo: bigint };
export interface Cidr {
  addr: Addr;
  len: number;
}

const half = (bytes: number[]): bigint => bytes.reduce((sum, b) => (sum << 8n) | BigInt(b), 0n);

/** IPv4, IPv6 or IPv4 mapped into IPv6 (taken as IPv4); undefined when it is none. */
export function parseIp(text: Ip): Addr | undefined {
  if (!ipaddr.isValid(text)) return undefined;
  if (!text.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  const bytes = ipaddr.process(text).toByteArray();
  if (bytes.length === 4) return { v: 4, n: Number(half(bytes)) };
  return { v: 6, hi: half(bytes.slice(0, 8)), lo: half(bytes.slice(8)) };
}

/** CIDR text with no bits set beyond its length; undefined when it is none. */
export function parseCidr(text: Prefix): Cidr | undefined {
  const [ip = '', bits = '', ...rest] = text.split('/');
  const addr = parseIp(ip);
  if (addr === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined;
  const len = Number(bits);
  if (len > widthOf(addr)) return undefined;
  return same(mask(addr, len), addr) ? { addr, len } : undefined;
}

export const widthOf = (a: Addr): number => (a.v === 4 ? 32 : 128);
/** `len` high bits set. */
export const mask32 = (len: number): number => (len === 0 ? 0 : (0xffffffff << (32 - len)) >>> 0);

const keep64 = (value: bigint, len: number): bigint => {
  if (len <= 0) return 0n;
  if (len >= 64) return value;
  const low = BigInt(64 - len);
  return (value >> low) << low;
};

/** The address with only its first `len` bits kept. */
export function mask(a: Addr, len: number): Addr {
  if (a.v === 4) return { v: 4, n: (a.n & mask32(len)) >>> 0 };
  return { v: 6, hi: keep64(a.hi, len), lo: keep64(a.lo, len - 64) };
}

function same(a: Addr, b: Addr): boolean {
  if (a.v === 4) return b.v === 4 && a.n === b.n;
  return b.v === 6 && a.hi === b.hi && a.lo === b.lo;
}

const lead64 = (x: bigint): number => (x === 0n ? 64 : 64 - x.toString(2).length);

/** How many leading bits two addresses share; -1 for different families. */
export function common(a: Addr, b: Addr): number {
  if (a.v === 4) return b.v === 4 ? Math.clz32((a.n ^ b.n) >>> 0) : -1;
  if (b.v === 4) return -1;
  const hi = lead64(a.hi ^ b.hi);
  return hi < 64 ? hi : 64 + lead64(a.lo ^ b.lo);
}

export const contains = (c: Cidr, a: Addr): boolean => common(c.addr, a) >= c.len;

export function formatIp(a: Addr): Ip {
  if (a.v === 4) return [24, 16, 8, 0].map((s) => (a.n >>> s) & 255).join('.');
  const bytes: number[] = [];
  for (const part of [a.hi, a.lo]) for (let s = 56n; s >= 0n; s -= 8n) bytes.push(Number((part >> s) & 255n));
  return ipaddr.fromByteArray(bytes).toString();
}
export const formatCidr = (c: Cidr): Prefix => `${formatIp(c.addr)}/${c.len}`;
