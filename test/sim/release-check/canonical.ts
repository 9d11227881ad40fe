import { C, get, put, type Shape } from './layout.ts';

const swapCopies = (word: number, a: number, b: number): number => {
  const bits = get(word, C.copies);
  const x = (bits >> (2 * a)) & 3;
  const y = (bits >> (2 * b)) & 3;
  const rest = bits & ~((3 << (2 * a)) | (3 << (2 * b)));
  return put(word, C.copies, rest | (y << (2 * a)) | (x << (2 * b)));
};
const swapEyes = (word: number, a: number, b: number): number => {
  const x = (word >>> (8 * a)) & 0xff;
  const y = (word >>> (8 * b)) & 0xff;
  return ((word & ~((0xff << (8 * a)) | (0xff << (8 * b)))) | (y << (8 * a)) | (x << (8 * b))) >>> 0;
};

/** Exchanges two shells, in place. */
function swapShells(s: Shape, row: Uint32Array, a: number, b: number): void {
  const x = row[1 + a] as number;
  row[1 + a] = row[1 + b] as number;
  row[1 + b] = x;
  for (let i = s.first; i < s.words; i += s.per) {
    row[i] = swapCopies(row[i] as number, a, b);
    if (s.per === 2) row[i + 1] = swapEyes(row[i + 1] as number, a, b);
  }
}

const after = (s: Shape, row: Uint32Array, i: number, j: number): boolean => {
  const d = (row[i] as number) - (row[j] as number);
  if (d !== 0 || s.per === 1) return d > 0;
  return (row[i + 1] as number) > (row[j + 1] as number);
};

/** Exchanges the cluster at word `j` with the one before. */
function swapBlocks(s: Shape, row: Uint32Array, j: number): void {
  for (let k = j; k < j + s.per; k++) {
    const x = row[k] as number;
    row[k] = row[k - s.per] as number;
    row[k - s.per] = x;
  }
}

/** Sorts the clusters inside each wave, in place. */
function sortClusters(s: Shape, row: Uint32Array): void {
  let from = s.first;
  for (const count of s.waves) {
    const to = from + count * s.per;
    for (let i = from + s.per; i < to; i += s.per)
      for (let j = i; j > from && after(s, row, j - s.per, j); j -= s.per) swapBlocks(s, row, j);
    from = to;
  }
}

const less = (a: Uint32Array, b: Uint32Array): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] as number) < (b[i] as number);
  return false;
};

/** Returns a function that makes a state the least of its permutations, in place. */
export function canoniser(s: Shape): (row: Uint32Array) => void {
  const other = new Uint32Array(s.words);
  return (row) => {
    for (let a = 1; a < s.shells; a++)
      for (let b = a; b > 0 && (row[b] as number) > (row[b + 1] as number); b--) swapShells(s, row, b - 1, b);
    sortClusters(s, row);
    for (let a = 0; a + 1 < s.shells; a++) {
      if (row[1 + a] !== row[2 + a]) continue;
      other.set(row);
      swapShells(s, other, a, a + 1);
      sortClusters(s, other);
      if (less(other, row)) row.set(other);
    }
  };
}
