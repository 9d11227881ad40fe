import { digest } from '../../kernel/index.ts';

/**
 * Draws: every "random" value is a function of (seed, stream, name, n), so that a new object never
 * changes what another one drew.
 */
export interface Draw {
  /** Lower-case hex digits. */
  hex(stream: string, digits: number): string;
  /** Decimal digits, the first not 0. */
  digits(stream: string, count: number): string;
  /** From the alphabet A-Z0-9. */
  upper(stream: string, count: number): string;
  uuid(stream: string): string;
  /** In [0, 1). */
  unit(stream: string): number;
}

export function drawOf(seed: number, name: string): Draw {
  const bytes = (stream: string, n = 0): string => digest([seed, stream, name, n]).slice('sha256:'.length);
  const long = (stream: string, count: number): string => {
    let out = '';
    for (let n = 0; out.length < count; n++) out += bytes(stream, n);
    return out;
  };
  const pick = (stream: string, count: number, alphabet: string): string => {
    const hex = long(stream, count * 2);
    const letter = (i: number) => alphabet[Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16) % alphabet.length] ?? '';
    return Array.from({ length: count }, (_, i) => letter(i)).join('');
  };
  return {
    hex: (stream, digits) => long(stream, digits).slice(0, digits),
    digits: (stream, count) => pick(stream, 1, '123456789') + pick(`${stream}+`, count - 1, '0123456789'),
    upper: (stream, count) => pick(stream, count, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'),
    uuid: (stream) => {
      const h = bytes(stream);
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-a${h.slice(17, 20)}-${h.slice(20, 32)}`;
    },
    unit: (stream) => Number.parseInt(bytes(stream).slice(0, 12), 16) / 2 ** 48,
  };
}
