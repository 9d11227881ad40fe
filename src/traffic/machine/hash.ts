import type { Addr } from './ip.ts';

/** MurmurHash3's 32-bit finaliser over a chain of words. */
function mix(h: number, word: number): number {
  let x = Math.imul(h ^ word, 0x9e3779b1) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = mix(h, text.charCodeAt(i));
  return h;
}

export function hashAddr(a: Addr): number {
  if (a.v === 4) return mix(4, a.n);
  const words = [a.hi >> 32n, a.hi & 0xffffffffn, a.lo >> 32n, a.lo & 0xffffffffn];
  return words.reduce((h, w) => mix(h, Number(w)), 6);
}

export const SLOTS = 1000;

export interface SlotInput {
  /** Hash of the host name: two apps do not move together. */
  salt: number;
  /** Hash of the resolver's address. */
  resolver: number;
  /** Hash of the map row's prefix, 0 for none. */
  row: number;
  /** Seconds. */
  ttl: number;
  /** Unix milliseconds. */
  now: number;
}

/**
 * The slot (0..999) of one resolver in one TTL bucket. Repeatable: all nameservers agree without
 * talking, A and AAAA agree, and resolvers change buckets at different moments.
 */
export function slotOf(s: SlotInput): number {
  const span = s.ttl * 1000;
  const bucket = Math.floor((s.now + (s.resolver % span)) / span);
  return mix(mix(mix(mix(s.salt, s.resolver), s.row), bucket >>> 0), Math.floor(bucket / 2 ** 32)) % SLOTS;
}

/** Shares (any positive scale) to whole slots that sum to 1000, by largest remainder. All zero gives all zero. */
export function slotsOf(shares: readonly number[]): number[] {
  const sum = shares.reduce((a, b) => a + b, 0);
  if (sum <= 0) return shares.map(() => 0);
  const exact = shares.map((s) => (s / sum) * SLOTS);
  const slots = exact.map(Math.floor);
  const byRest = exact.map((e, i) => ({ i, rest: e - Math.floor(e) })).sort((a, b) => b.rest - a.rest || a.i - b.i);
  let left = SLOTS - slots.reduce((a, b) => a + b, 0);
  for (const { i } of byRest) {
    if (left <= 0) break;
    slots[i] = (slots[i] ?? 0) + 1;
    left--;
  }
  return slots;
}
